"""Quarantined records come back in through the real exchange, and ``verify`` finds all of it in order."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.errors import AccessDenied
from broker.kafka import Connection, IdempotentProducer, Outgoing
from broker.registry import Registry
from broker.replay.decoding import AnyDecoder
from qianbei.cli import quarantine_cmd, redrive_cmd
from qianbei.explain import story
from qianbei.inspect.quarantine import read_quarantine, topics_of
from qianbei.inspect.reading import reader_of
from qianbei.verify import verify
from tests.support.exchange import Exchange, until
from tests.support.story import Event, Sender, sender, sold_house

WHY = "分区器有误 wrong partitioner"


@dataclass(frozen=True)
class Desk:
    """An operator's desk: what lies in quarantine, and the commands on it."""

    exchange: Exchange
    bureau: Sender

    def spoil(self, event: Event, change: Callable[[Outgoing], Outgoing]) -> str:
        """Send an event spoilt, and give its place once it lies in quarantine."""
        message = change(self.bureau.message(event))
        offset = self.bureau.producers["bureau"].send(message)()
        place = f"intake.bureau/{message.partition}/{offset}"
        self.until_quarantined(place)
        return place

    def until_quarantined(self, place: str) -> None:
        site, partition = self.exchange.site, int(place.split("/")[1])
        with Registry(site.admin.registry_url) as registry, reader_of(site, "qb-operator") as reader:
            decoder = AnyDecoder(registry)
            kept = [p for p in topics_of(reader, ["bureau", "redrive"]) if p.partition == partition]
            until(
                f"{place} is quarantined",
                lambda: any(one.place == place for one in read_quarantine(reader, decoder, kept)),
            )

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(quarantine_cmd.quarantine_command, words, catch_exceptions=False)

    def redrive(self, *words: str, expect: int = 0, why: str = WHY) -> list[dict[str, Any]]:
        ran = self.run("redrive", *words, "--reason", why, "--operator", "wang", "--json")
        assert ran.exit_code == expect, ran.output
        return [json.loads(line) for line in ran.stdout.splitlines()]

    def listed(self, place: str) -> Any:
        lines = self.run("list", "--principal", "bureau", "--json").stdout.splitlines()
        (found,) = [one for one in map(json.loads, lines) if one["place"] == place]
        return found["redrive"]

    def revisions(self, event: Event) -> int:
        key = event.record["entity_id"].encode()
        return sum(r.key == key for r in self.exchange.read([f"exchange.{event.subject}"]))

    def redriven(self) -> int:
        return len(self.exchange.read(["intake.redrive"]))


@pytest.fixture
def desk(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Any:
    for module in (quarantine_cmd, redrive_cmd):
        monkeypatch.setattr(module, "current_site", lambda: exchange.site)
    with sender(exchange.site, "bureau") as bureau:
        yield Desk(exchange, bureau)


def wrong_partition(message: Outgoing) -> Outgoing:
    return message._replace(partition=(message.partition + 1) % 4)


def wrong_key(message: Outgoing) -> Outgoing:
    return message._replace(key=b"by-contract")


def cut_off(message: Outgoing) -> Outgoing:
    return message._replace(value=(message.value or b"")[:-3])


def test_a_misrouted_record_is_taken_once_and_its_decision_says_how_it_came(desk: Desk) -> None:
    unit = sold_house()[0]
    place = desk.spoil(unit, wrong_partition)
    before = desk.redriven()
    (planned,) = desk.redrive(place, "--dry-run")
    assert (planned["key"], planned["foreseen"], planned["unfit"]) == (unit.record["house_code"], [], None)
    assert desk.redriven() == before
    assert desk.listed(place)["state"] == "held"

    (first,) = desk.redrive(place)
    assert (first["outcome"], first["accepted"]) == ("ACCEPTED", True)
    (again,) = desk.redrive(place)
    assert (again["outcome"], again["accepted"]) == ("DUPLICATE", True)
    assert again["first_decision_id"] == first["decision_id"]
    assert desk.revisions(unit) == 1
    text = desk.run("redrive", place, "--reason", WHY, "--operator", "wang").stdout
    assert f"{place}  DUPLICATE" in text
    assert f"the decision that stands: ACCEPTED, {first['decision_id']}" in text

    told = desk.listed(place)
    assert (told["state"], told["outcome"], told["decision_id"]) == (
        "decided",
        "ACCEPTED",
        first["decision_id"],
    )
    assert [one["operator"] for one in told["redrives"]] == ["wang"] * 3
    shown = desk.run("show", place).stdout
    assert f"ACCEPTED, decision {first['decision_id']}" in shown
    assert f"by wang: {WHY}" in shown

    entries = story(desk.exchange.site, unit.record["house_code"]).entries
    assert [one.outcome for one in entries] == ["ACCEPTED", "DUPLICATE", "DUPLICATE"]
    redriven = entries[0].redriven
    assert redriven is not None
    assert (redriven.place, redriven.operator, redriven.reason, redriven.edited) == (
        place,
        "wang",
        WHY,
        False,
    )
    assert entries[0].principal == "bureau"


def test_an_unreadable_record_is_taken_when_it_was_edited_and_never_twice(desk: Desk, tmp_path: Path) -> None:
    unit = sold_house()[0]
    place = desk.spoil(unit, cut_off)
    (left,) = desk.redrive(place, expect=1)
    assert (left["outcome"], left["redriven"]) == ("UNFIT", None)
    assert desk.run("show", place, "--bytes").stdout_bytes + (desk.bureau.message(unit).value or b"")[
        -3:
    ] == (desk.bureau.message(unit).value)

    file = tmp_path / "edited.avro"
    file.write_bytes(desk.bureau.message(unit).value or b"")
    (taken,) = desk.redrive(place, "--edit", str(file))
    assert taken["outcome"] == "ACCEPTED"
    # The same record edited otherwise, under another event id and for another house.
    other = sold_house()[0]
    file.write_bytes(desk.bureau.message(other).value or b"")
    (refused,) = desk.redrive(place, "--edit", str(file), expect=1)
    assert [one["code"] for one in refused["reasons"]] == ["ALREADY_REDRIVEN"]
    assert (desk.revisions(unit), desk.revisions(other)) == (1, 0)


def test_an_event_is_edited_in_json(desk: Desk, tmp_path: Path) -> None:
    unit = sold_house()[0]
    event_id = unit.record["event_id"].upper()
    place = desk.spoil(replace(unit, record=unit.record | {"event_id": event_id}), lambda message: message)
    shown = json.loads(desk.run("show", place, "--event").stdout)
    assert (shown["subject"], shown["event_id"]) == ("unit", event_id)
    file = tmp_path / "event.json"
    file.write_text(json.dumps(shown | {"event_id": event_id.lower(), "region_code": "41"}), encoding="utf-8")
    refused = CliRunner().invoke(
        redrive_cmd.redrive_command, [place, "--edit", str(file), "--reason", WHY, "--dry-run"]
    )
    assert "region_code" in str(refused.exception)
    file.write_text(json.dumps(shown | {"event_id": event_id.lower()}), encoding="utf-8")
    (taken,) = desk.redrive(place, "--edit", str(file))
    assert taken["outcome"] == "ACCEPTED"
    edited = story(desk.exchange.site, unit.record["house_code"]).entries[0].redriven
    assert edited is not None
    assert edited.edited


def test_a_filter_keeps_the_order_of_a_house(desk: Desk) -> None:
    events = sold_house()
    house = events[0].record["house_code"]
    places = [desk.spoil(event, wrong_key) for event in events]
    refused = CliRunner().invoke(redrive_cmd.redrive_command, [places[2], "--reason", WHY])
    assert all(place in str(refused.exception) for place in places[:2])
    dry = desk.run("redrive", "--key", house, "--reason", WHY, "--dry-run")
    assert (dry.exit_code, "3 records; nothing was sent" in dry.stdout) == (0, True)
    found = desk.redrive("--key", house, "--reason-code", "MISROUTED")
    assert [(one["place"], one["outcome"]) for one in found] == [(place, "ACCEPTED") for place in places]


def test_what_follows_one_that_was_not_accepted_waits(desk: Desk) -> None:
    unit, signed, filed = sold_house()
    desk.bureau.send(unit)
    wrong = replace(signed, record=signed.record | {"version": 2})
    places = [desk.spoil(event, wrong_key) for event in (wrong, filed)]
    found = desk.redrive("--key", unit.record["house_code"], expect=1)
    assert [(one["place"], one["outcome"]) for one in found] == [(places[0], "REFUSED"), (places[1], "WAITS")]
    assert [one["code"] for one in found[0]["reasons"]] == ["VERSION_GAP"]
    assert desk.listed(places[1])["state"] == "held"


def test_what_does_not_say_whose_it_is_is_quarantined(desk: Desk) -> None:
    message = desk.bureau.message(sold_house()[0])._replace(topic="intake.redrive")
    settings = desk.exchange.site.settings
    with (
        IdempotentProducer(Connection.of(settings("bureau"))) as bureau,
        pytest.raises(AccessDenied, match="does not allow bureau"),
    ):
        bureau.send(message)()
    with IdempotentProducer(Connection.of(settings("qb-redrive"))) as producer:
        place = f"intake.redrive/{message.partition}/{producer.send(message)()}"
        with pytest.raises(AccessDenied, match="does not allow qb-redrive"):
            producer.send(message._replace(topic="intake.bureau"))()
    desk.until_quarantined(place)
    assert "BAD_PROVENANCE" in desk.run("show", place).stdout


def test_all_of_it_is_in_order(desk: Desk) -> None:
    """After the tests above, or alone."""
    place = desk.spoil(sold_house()[0], wrong_partition)
    desk.redrive(place)
    report = verify(desk.exchange.site, patience_s=60)
    assert report.ok, report.as_dict()
    assert dict(report.checks["conservation"].counts)["redriven"] > 0
