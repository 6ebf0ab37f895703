"""``explain`` on a real exchange: the story of a house, a contract, a seizure and an event, as it happened."""

import json

import pytest
from click.testing import CliRunner

from qianbei.cli import explain_cmd
from qianbei.explain import NothingFound, Story, story
from tests.support.exchange import Exchange
from tests.support.law_story import Case, case, whole_story


@pytest.fixture
def told(exchange: Exchange) -> Case:
    """A case that has come to its end."""
    with case(exchange) as made:
        whole_story(made)
    return made


def happened(found: Story) -> list[tuple[str, str, str]]:
    return [(one.subject, one.event_type, one.outcome) for one in found.entries]


def test_the_story_of_a_house(told: Case) -> None:
    found = story(told.exchange.site, told.house)
    assert happened(found) == [
        ("unit", "REGISTERED", "ACCEPTED"),
        ("sale", "SIGNED", "ACCEPTED"),
        ("sale", "FILED", "ACCEPTED"),
        ("seizure", "SEIZED", "ACCEPTED"),
        ("sale", "SIGNED", "REFUSED"),
        ("conflict", "RAISED", "ACCEPTED"),
        ("seizure", "RELEASED", "ACCEPTED"),
        ("conflict", "RESOLVED", "ACCEPTED"),
    ]
    (refused,) = found.refused
    codes = {reason.code: reason for reason in refused.reasons}
    assert codes["UNIT_SEIZED"].evidence[0].entity_id == told.seizure_id
    assert all(reason.rule_version and reason.legal_basis for reason in refused.reasons)
    seized = found.entries[3]
    assert {("conflict", "RAISED"), ("unit", "RESTATED")} <= {
        (change.fact.subject, change.event_type) for change in seized.changes
    }
    assert seized.occurred_at is not None
    text = json.dumps(found.as_dict(), ensure_ascii=False)
    assert told.buyer not in text
    assert f"{told.buyer[:6]}********{told.buyer[-4:]}" in text


def test_the_story_of_a_contract_a_seizure_a_listing_and_an_event(told: Case) -> None:
    site = told.exchange.site
    contract = happened(story(site, told.contract))
    assert ("seizure", "SEIZED", "ACCEPTED") in contract
    assert ("conflict", "RESOLVED", "ACCEPTED") in contract
    assert ("sale", "SIGNED", "REFUSED") not in contract, "that was another contract"
    assert happened(story(site, f"{told.contract}-2")) == [("sale", "SIGNED", "REFUSED")]
    seizure = story(site, told.seizure_id)
    assert happened(seizure) == [("seizure", "SEIZED", "ACCEPTED"), ("seizure", "RELEASED", "ACCEPTED")]
    listed = story(site, told.listing_id).entries[0]
    assert [(one.subject, one.event_type, one.outcome) for one in listed.requests] == [
        ("conflict", "RAISED", "ACCEPTED")
    ]
    event = story(site, listed.event_id)
    assert [one.subject for one in event.entries] == ["defaulter", "conflict"]


def test_nothing_found_is_a_clear_error(exchange: Exchange) -> None:
    with pytest.raises(NothingFound, match="no-such-contract"):
        story(exchange.site, "no-such-contract")


def test_the_command_prints_it(told: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_cmd, "current_site", lambda: told.exchange.site)
    result = CliRunner().invoke(explain_cmd.explain_command, [told.house, "--lang", "en"])
    assert result.exit_code == 0
    assert "UNIT_SEIZED" in result.output
    assert "asked of the exchange itself" not in result.output, "the listing is of no house"
    as_json = CliRunner().invoke(explain_cmd.explain_command, [told.house, "--json"])
    assert json.loads(as_json.output)["matter"] == "house"
