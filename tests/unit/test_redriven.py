"""What an operator sends in again: whose it is, where it comes from, and that it is decided once."""

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from broker.admission.decide import decide
from broker.admission.intake import Quarantined, read
from broker.admission.model import Candidate, Outcome, Place, Redriven, Verdict
from broker.admission.records import decision_record
from broker.admission.redriven import PREFIX, headers_of, redriven_of
from broker.errors import DecodeError
from broker.kafka import Header, Record
from broker.slots import slot_key, slot_of
from schemas.catalogue import load_catalogue
from tests.support import in_memory
from tests.support.drafts import Exchange
from tests.support.story import example

CATALOGUE = load_catalogue()
ORIGIN = Place("intake.bureau", 2, 118)
SHA = hashlib.sha256(b"as it came").hexdigest()
AT = datetime(2021, 3, 1, 2, 30, 0, 250_000, UTC)
REDRIVEN = Redriven(ORIGIN, SHA, ORIGIN, "wang", "分区器有误", AT)


@pytest.mark.parametrize("place", [ORIGIN, Place("intake.redrive", 0, 7)])
def test_what_is_written_is_read(place: Place) -> None:
    redriven = with_(place=place)
    assert redriven_of(headers_of(redriven), SHA, CATALOGUE) == redriven
    assert redriven.principal == "bureau"


def with_(**changes: Any) -> Redriven:
    return replace(REDRIVEN, **changes)


def changed(name: str, value: bytes | None) -> list[Header]:
    kept = [(n, v) for n, v in headers_of(REDRIVEN) if n != PREFIX + name]
    return kept if value is None else [*kept, (PREFIX + name, value)]


@pytest.mark.parametrize("name", ["origin", "sha256", "place", "operator", "reason", "at"])
@pytest.mark.parametrize("value", [None, b"", b"\xff", b"a\x1b[31mb", b"x" * 501])
def test_each_header_must_be_there_and_sound(name: str, value: bytes | None) -> None:
    with pytest.raises(DecodeError) as refused:
        redriven_of(changed(name, value), SHA, CATALOGUE)
    assert refused.value.code == "BAD_PROVENANCE"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", b"intake.nobody/2/118"),
        ("origin", b"intake.redrive/2/118"),
        ("origin", b"decision.bureau/2/118"),
        ("origin", b"intake.bureau/02/118"),
        ("place", b"intake.court/2/118"),
        ("place", b"intake.bureau/2/119"),
        ("sha256", SHA.upper().encode()),
        ("at", b"2021-03-01T10:30:00+08:00"),
        ("at", b"2021-03-01T10:30:00"),
    ],
)
def test_it_comes_from_a_principals_intake_at_a_time(name: str, value: bytes) -> None:
    with pytest.raises(DecodeError, match=name):
        redriven_of(changed(name, value), SHA, CATALOGUE)


def test_a_header_said_twice_says_nothing() -> None:
    twice = [*headers_of(REDRIVEN), (PREFIX + "origin", b"intake.court/0/1")]
    with pytest.raises(DecodeError, match="7 headers"):
        redriven_of(twice, SHA, CATALOGUE)


def test_what_the_exchange_asks_of_itself_is_never_edited() -> None:
    internal = headers_of(with_(origin=Place("intake.internal", 0, 1), place=Place("intake.internal", 0, 1)))
    assert redriven_of(internal, SHA, CATALOGUE).principal == "internal"
    with pytest.raises(DecodeError, match="must not be edited"):
        redriven_of(internal, "0" * 64, CATALOGUE)


# --- reading --------------------------------------------------------------------------------------------------------


def unit_bytes() -> tuple[bytes, str]:
    body = example("unit", "registered") | {"event_id": str(uuid.uuid4()), "source": "bureau", "version": 1}
    encode = in_memory._decider(4).encoders.intake["unit"]
    return encode(body), slot_key(CATALOGUE, "unit", body)


def redriven_record(headers: tuple[Header, ...], topic: str = "intake.redrive") -> Record:
    value, key = unit_bytes()
    return Record(topic, slot_of(key, 4), 5, 0, key.encode(), value, headers)


def test_a_redriven_record_is_its_original_sources() -> None:
    found = read(redriven_record(headers_of(REDRIVEN)), in_memory._decoder(), CATALOGUE, 4)
    assert isinstance(found, Candidate)
    assert (found.principal, found.redriven) == ("bureau", REDRIVEN)
    assert found.place.topic == "intake.redrive"


def test_the_same_headers_of_a_source_are_nothing_special() -> None:
    found = read(redriven_record(headers_of(REDRIVEN), "intake.court"), in_memory._decoder(), CATALOGUE, 4)
    assert isinstance(found, Candidate)
    assert (found.principal, found.redriven) == ("court", None)


def test_without_them_it_is_nobodys_and_set_apart() -> None:
    found = read(redriven_record(()), in_memory._decoder(), CATALOGUE, 4)
    assert isinstance(found, Quarantined)
    assert (found.principal, found.reason) == ("redrive", "BAD_PROVENANCE")


def test_what_is_quarantined_once_more_stays_its_sources() -> None:
    record = redriven_record(headers_of(REDRIVEN))._replace(value=b"junk")
    found = read(record, in_memory._decoder(), CATALOGUE, 4)
    assert isinstance(found, Quarantined)
    assert (found.principal, found.reason) == ("bureau", "BAD_MAGIC")


# --- deciding -------------------------------------------------------------------------------------------------------


class Desk(Exchange):
    """Decides what is sent in again of one quarantined record."""

    def redrive(self, house: str, event_id: str | None = None, sha: str | None = None) -> Verdict:
        unit = example("unit", "registered") | {"entity_id": house, "house_code": house, "version": 1}
        body = unit | {"event_id": event_id or str(uuid.uuid4()), "source": "bureau"}
        self._offset += 1
        place = Place("intake.redrive", 0, self._offset)
        candidate = Candidate(place, sha or body["event_id"], "bureau", "unit", body, REDRIVEN)
        verdict = decide(candidate, self.workspace, self.law, self.now)
        self.workspace.apply(candidate, verdict, 4)
        self.candidate = candidate
        return verdict


def test_one_quarantined_record_has_one_effect_however_it_is_edited() -> None:
    desk = Desk()
    first = desk.redrive("411402001202006000010101", "8c0ba1b3-73fb-4b2b-a8a5-000000000001")
    assert first.outcome is Outcome.ACCEPTED
    again = desk.redrive("411402001202006000010101", "8c0ba1b3-73fb-4b2b-a8a5-000000000001")
    assert (again.outcome, again.first_decision_id) == (Outcome.DUPLICATE, first.decision_id)
    other = desk.redrive("411402001202006000010102")
    assert (other.outcome, [one.code for one in other.reasons]) == (Outcome.REFUSED, ["ALREADY_REDRIVEN"])
    assert other.revisions == ()
    assert not other.advances


def test_a_duplicate_of_what_its_source_sent_settles_it_too() -> None:
    desk = Desk()
    body = example("unit", "registered") | {"event_id": str(uuid.uuid4()), "source": "bureau", "version": 1}
    assert desk.decide("bureau", "unit", body).outcome is Outcome.ACCEPTED
    repeated = desk.redrive(body["house_code"], body["event_id"], body["event_id"])
    assert repeated.outcome is Outcome.DUPLICATE
    assert [one.code for one in desk.redrive("411402001202006000010109").reasons] == ["ALREADY_REDRIVEN"]


def test_the_decision_says_where_it_came_from() -> None:
    desk = Desk()
    verdict = desk.redrive("411402001202006000010101", sha="0" * 64)
    told = decision_record(desk.candidate, verdict, 0, 1)
    assert (told["principal"], told["intake_topic"]) == ("bureau", "intake.redrive")
    assert told["redriven"] == {
        "intake_topic": "intake.bureau",
        "intake_partition": 2,
        "intake_offset": 118,
        "intake_sha256": SHA,
        "place": "intake.bureau/2/118",
        "edited": True,
        "operator": "wang",
        "reason": "分区器有误",
        "redriven_at": AT,
    }


def test_any_sequence_of_redrives_has_at_most_one_effect() -> None:
    seed = Random().randrange(2**32)
    rng = Random(seed)
    for _ in range(50):
        desk = Desk()
        events = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(3)]
        verdicts = [
            desk.redrive(f"4114020012020060000101{rng.randrange(3):02}", rng.choice(events), rng.choice("ab"))
            for _ in range(6)
        ]
        accepted = [one for one in verdicts if one.outcome is Outcome.ACCEPTED]
        assert len(accepted) == 1, f"seed {seed}"
        assert verdicts[0] is accepted[0], f"seed {seed}"
