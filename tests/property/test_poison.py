"""Whatever bytes come, reading them ends in a candidate or a quarantine reason: no crash, no bloat, no wrong value."""

import random
import resource
import string

import pytest

from broker.admission.intake import Quarantined, read
from broker.admission.model import Candidate
from broker.admission.reasons import REASONS, Severity
from broker.codec import Decoder, Released, encoder
from broker.kafka import Record
from broker.slots import slot_key, slot_of
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, parsed
from tests.support.poison import POISONS, poisoned
from tests.support.story import example

CATALOGUE = load_catalogue()
IDS = {subject: 100 + n for n, subject in enumerate(CATALOGUE.subjects)}
DECODER = Decoder(
    {sid: Released(s, latest_version(s), sid, parsed(s, latest_version(s))) for s, sid in IDS.items()}
)
SALE = example("sale", "presale")
ENCODE = encoder(IDS["sale"], parsed("sale", latest_version("sale")))
SLOTS = 4


def intake_record(value: bytes | None, key: str | None = None) -> Record:
    named = slot_key(CATALOGUE, "sale", SALE) if key is None else key
    return Record("intake.bureau", slot_of(named, SLOTS), 7, 0, named.encode(), value, ())


def test_a_sound_record_is_a_candidate() -> None:
    found = read(intake_record(ENCODE(SALE)), DECODER, CATALOGUE, SLOTS)
    assert isinstance(found, Candidate)
    assert found.body["contract_no"] == SALE["contract_no"]


@pytest.mark.parametrize("kind", POISONS)
def test_ten_thousand_poisons(kind: str) -> None:
    """About 10,000 in all: each kind gets its share."""
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10_000 // len(POISONS) + 1):
        value = poisoned(kind, rng, ENCODE(SALE))
        found = read(intake_record(value), DECODER, CATALOGUE, SLOTS)
        if isinstance(found, Quarantined):
            assert REASONS[found.reason].severity is Severity.QUARANTINE, f"seed {seed}"
            assert found.detail, f"seed {seed}"
        else:
            # A flipped bit inside a text can leave a sound record: then it is canonical, or Avro allows its form.
            assert found.subject in CATALOGUE.subjects, f"seed {seed}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 100, f"memory grew by {grown:.0f} MB on {kind}, seed {seed}"


@pytest.mark.parametrize("bad", ["", " ", "\x00", "a\x00b", "x" * 121, "a b", "\u3000"])
def test_ids_that_cannot_be_stored_are_quarantined(bad: str) -> None:
    found = read(intake_record(ENCODE(SALE | {"entity_id": bad})), DECODER, CATALOGUE, SLOTS)
    assert isinstance(found, Quarantined)
    assert found.reason == "BAD_ENVELOPE"


@pytest.mark.parametrize("bad", ["", "not-a-uuid", "{" + "0" * 36, "A" * 1_000, string.printable])
def test_event_ids_are_uuids(bad: str) -> None:
    found = read(intake_record(ENCODE(SALE | {"event_id": bad})), DECODER, CATALOGUE, SLOTS)
    assert isinstance(found, Quarantined)
    assert found.reason == "BAD_ENVELOPE"


def test_a_wrong_key_names_the_right_one() -> None:
    found = read(intake_record(ENCODE(SALE), key="elsewhere"), DECODER, CATALOGUE, SLOTS)
    assert isinstance(found, Quarantined)
    assert found.reason == "MISROUTED"
    assert SALE["house_code"] in found.detail


def test_a_wrong_partition_names_the_right_one() -> None:
    right = intake_record(ENCODE(SALE))
    found = read(right._replace(partition=(right.partition + 1) % SLOTS), DECODER, CATALOGUE, SLOTS)
    assert isinstance(found, Quarantined)
    assert found.reason == "MISROUTED"
    assert f"partition {right.partition}" in found.detail
