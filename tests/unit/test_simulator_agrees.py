"""Admission's own decisions, in memory and without servers, against the simulator's account: event by event, ten seeds."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from broker.admission.checks import compile_checks
from broker.admission.decide import decide
from broker.admission.intake import Quarantined, read
from broker.admission.workspace import Workspace
from broker.codec import Decoder, Released, wire_header
from broker.kafka import Record
from producers.simulator.drive import outgoing
from producers.simulator.ledger import Ledger
from producers.simulator.model import QUARANTINED, Decided, Revision
from producers.simulator.model_compare import Observed, account, compare_revisions, revision_of, summary
from producers.simulator.stream import plan
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema, parsed, subjects

SLOTS = 4
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RELEASED = {
    number: Released(subject, 1, number, parsed(subject, 1))
    for number, subject in enumerate(subjects(), start=1)
}
HEADERS = {released.subject: wire_header(number) for number, released in RELEASED.items()}


class Admission:
    """Decides what it is given, in that order."""

    def __init__(self) -> None:
        self.decoder = Decoder(RELEASED)
        self.workspace = Workspace()
        self.checks = {s: compile_checks(load_schema(s, latest_version(s))) for s in subjects()}
        self.sequence: Counter[int] = Counter()
        self.revisions: list[Revision] = []

    def decide(self, record: Record) -> Observed:
        found = read(record, self.decoder, load_catalogue(), SLOTS)
        self.sequence[record.partition] += 1
        place = Decided(
            record.partition,
            self.sequence[record.partition],
            record.topic,
            record.partition,
            record.offset,
            found.sha256,
        )
        if isinstance(found, Quarantined):
            return Observed(place, QUARANTINED, frozenset({found.reason}))
        verdict = decide(
            found, self.workspace, load_catalogue(), lambda c, now: self.checks[c.subject](c.body, now), NOW
        )
        self.workspace.apply(found, verdict, record.partition)
        self.revisions += [revision_of(e.key.subject, e.body) for e in verdict.emissions]
        return Observed(
            place,
            verdict.outcome.value,
            frozenset(reason.code for reason in verdict.reasons),
            verdict.revision,
            frozenset((f"exchange.{e.key.subject}", e.key.entity_id, e.revision) for e in verdict.emissions),
        )


@pytest.mark.parametrize("seed", range(101, 111))
def test_admission_decides_as_the_model_says(seed: int) -> None:
    admission, ledger = Admission(), Ledger()
    offsets: Counter[tuple[str, int]] = Counter()
    observed = []
    for planned in plan(seed, 1200, slots=SLOTS):
        message = outgoing(planned, HEADERS, SLOTS, ledger)
        lane = (message.topic, message.partition)
        record = Record(message.topic, message.partition, offsets[lane], 0, message.key, message.value, ())
        offsets[lane] += 1
        observed.append(admission.decide(record))
    result = account(ledger, observed)
    assert not result.differences, summary(result.differences)
    assert not compare_revisions(result, admission.revisions)
    assert set(result.outcomes()) == {"accepted", "refused", "duplicate", "quarantined"}
