"""``replay`` and ``redecide`` on a real exchange: what was filed, given out once more; what was decided, made anew."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from broker.store.roles import READER
from broker.topics import OPERATOR
from qianbei.cli import redecide_cmd, replay_cmd
from qianbei.services import SERVICES, instance_name
from qianbei.site import Site, environment_of
from tests.support.assessor import acts_told
from tests.support.city import City
from tests.support.exchange import Exchange, until
from tests.support.law_story import Case, case, whole_story
from tests.support.standing import all_passed, forget_dead_groups, offsets, standing, stands_still


@pytest.fixture
def site(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(replay_cmd, "current_site", lambda: exchange.site)
    return exchange.site


@pytest.fixture
def told(exchange: Exchange) -> Case:
    """A case that has come to its end, with a seizure, a refusal and a conflict."""
    with case(exchange) as made:
        whole_story(made)
    return made


def replay(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(replay_cmd.replay_command, words, input=given)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_what_was_filed_is_given_out_masked(site: Site, filed: str) -> None:
    found = lines(replay("exchange.sale", "dept.tax.sale.v1", "--entity", filed, "--json", "--rate", "0"))
    by_topic = {
        topic: [one["record"] for one in found if one["topic"] == topic]
        for topic in ("exchange.sale", "dept.tax.sale.v1")
    }
    assert [[one["revision"] for one in records] for records in by_topic.values()] == [[1, 2], [1, 2]]
    parties = [party for one in found for party in one["record"]["parties"]]
    assert all("*" in party["name"] and "********" in party["id_no"] for party in parties)


def test_protected_values_are_shown_for_a_reason_that_is_kept(
    site: Site, filed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["--reveal"], ["--reason", "curious"]):
        refused = replay("exchange.sale", "--entity", filed, *words)
        assert (refused.exit_code, "takes a --reason" in refused.output) == (2, True)
    shown = lines(
        replay(
            "exchange.sale",
            "--entity",
            filed,
            "--json",
            "--reveal",
            "--reason",
            f"case {filed}",
            "--operator",
            "zhang",
        )
    )
    assert all("*" not in party["id_no"] for one in shown for party in one["record"]["parties"])
    with psycopg.connect(site.admin.dsn()) as db:
        query = "SELECT act, operator, selection->'entities', records FROM audit.replay WHERE reason = %s ORDER BY at"
        noted = db.execute(query, (f"case {filed}",)).fetchall()
    assert noted == [("BEGUN", "zhang", [filed], None), ("ENDED", "zhang", [filed], 2)]
    told = [one for one in acts_told(site, monkeypatch) if f"case {filed}" in one["detail"]]
    assert [(one["act"], one["operator"]) for one in told] == [
        ("REPLAY_REVEALED_BEGUN", "zhang"),
        ("REPLAY_REVEALED_ENDED", "zhang"),
    ]
    reader = site.settings(OPERATOR, role=READER).dsn()
    with psycopg.connect(reader) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("DELETE FROM audit.replay")


def test_a_person_is_found_by_number_alone_with_the_index_and_without(
    exchange: Exchange, site: Site, told: Case
) -> None:
    words = ("exchange.sale", "exchange.defaulter", "--person", "--json")
    asked = f"1 {told.buyer}\n"
    scanned = lines(replay(*words, "--scan", given=asked))
    assert {one["record"]["entity_id"] for one in scanned} == {told.contract, told.listing_id}
    assert told.buyer not in json.dumps(scanned)
    came = lines(replay("intake.bureau", "--person", "--json", given=asked))
    assert {one["record"]["entity_id"] for one in came} >= {told.contract, f"{told.contract}-2"}
    exchange.restart("audit")
    try:
        with psycopg.connect(site.admin.dsn(), autocommit=True) as db:
            indexed = "SELECT count(*) FROM audit.place WHERE entity_id = %s AND topic = 'exchange.sale'"
            wanted = sum(one["topic"] == "exchange.sale" for one in scanned)
            until("the index", lambda: db.execute(indexed, (told.contract,)).fetchone() == (wanted,), 120)
    finally:
        exchange.supervisor.stop(instance_name(SERVICES["audit"], 0))
    assert {json.dumps(one) for one in lines(replay(*words, given=asked))} == {
        json.dumps(one) for one in scanned
    }
    house = lines(replay("--house", told.house, "--json"))
    assert {one["topic"] for one in house} >= {
        "exchange.sale",
        "exchange.seizure",
        "exchange.conflict",
        "exchange.unit",
    }
    (one,) = lines(replay("exchange.seizure", "--event", house_event(house), "--json"))
    assert one["record"]["event_type"] == "SEIZED"


def house_event(found: list[dict[str, Any]]) -> str:
    (event_id,) = [
        one["record"]["event_id"]
        for one in found
        if one["topic"] == "exchange.seizure" and one["record"]["event_type"] == "SEIZED"
    ]
    return str(event_id)


def test_a_command_is_fed_and_its_failure_is_the_replays(site: Site, filed: str, tmp_path: Path) -> None:
    out = tmp_path / "lines"
    program = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    fed = replay("exchange.sale", "--entity", filed, "--", sys.executable, "-c", program, str(out))
    assert (fed.exit_code, len(out.read_text(encoding="utf-8").splitlines())) == (0, 2)
    assert replay("exchange.sale", "--entity", filed, "--", "false").exit_code == 1


def test_a_replay_moves_nothing(exchange: Exchange, site: Site, filed: str, tmp_path: Path) -> None:
    exchange.stop_services()
    forget_dead_groups(site)
    until("nothing moves any more", lambda: stands_still(site))
    before = standing(site), offsets(site)
    for words in (
        ["--to", str(tmp_path / "all"), "--format", "avro"],
        ["intake.*", "decision.*", "dept.*", "--json"],
    ):
        assert replay(*words, "--rate", "0").exit_code == 0
    assert (standing(site), offsets(site)) == before


def test_an_export_that_is_killed_goes_on(site: Site, told: Case, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    words = ("exchange.*", "--until", "2999-01-01")
    assert replay(*words, "--to", str(whole), "--rate", "0").exit_code == 0
    command = [sys.executable, "-m", "qianbei", "replay", *words, "--to", str(out)]
    environment = os.environ | environment_of(site.admin) | {"QIANBEI_SECRETS": str(site.secrets)}
    process = subprocess.Popen([*command, "--rate", "20"], env=environment, stderr=subprocess.DEVNULL)
    until("it has begun", lambda: any(out.glob("*.jsonl")))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (out / "replay.json").exists(), "it had ended before it was killed"
    refused = replay("exchange.sale", "--to", str(out))
    assert "another replay" in str(refused.exception)
    subprocess.run([*command, "--rate", "0"], env=environment, check=True, timeout=60)
    assert records(out) == records(whole)


def records(folder: Path) -> dict[str, list[str]]:
    return {
        file.name: sorted(file.read_text(encoding="utf-8").splitlines()) for file in folder.glob("*.jsonl")
    }


# -- redeciding ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lived_in(city: City, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A city in which things have happened, and which is the site of the command line."""
    if not city.exchange.read(["exchange.sale"]):
        city.send(seed=41, events=500)
    city.settle()
    until("compaction has nothing left to move over", lambda: all_passed(city.exchange.site))
    monkeypatch.setattr(redecide_cmd, "current_site", lambda: city.exchange.site)
    return city.exchange.site


def redecide(*words: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    result = CliRunner().invoke(redecide_cmd.redecide_command, [*words, "--json"], catch_exceptions=False)
    *found, summary = map(json.loads, result.stdout.splitlines())
    return result.exit_code, found, summary


@pytest.mark.parametrize("by", ["evidence", "history"])
def test_by_todays_rules_no_decision_of_a_city_differs(city: City, lived_in: Site, by: str) -> None:
    """Of what one instance has decided: where several crash and take over from each other, some order is known by clocks alone."""
    city.exchange.ensure_services()
    begun = datetime.now(UTC)
    city.send(seed=44 if by == "evidence" else 45, events=300)
    city.settle()
    until("nothing moves any more", lambda: all_passed(lived_in) and stands_still(lived_in))
    before = standing(lived_in), offsets(lived_in)
    code, found, summary = redecide("--by", by, "--since", begun.isoformat())
    assert (found, code) == ([], 0)
    assert summary["other_evidence"] == 0
    assert summary["decided"] == decided(city)
    assert summary["decided"] - summary["taken_as_they_were"] >= 300
    assert (standing(lived_in), offsets(lived_in)) == before


def decided(city: City) -> int:
    known = city.exchange.site.admin.installation().catalogue.principals
    topics = [f"{kind}.{name}" for kind in ("decision", "quarantine") for name in known]
    return len(city.exchange.read([*topics, "quarantine.redrive"]))
