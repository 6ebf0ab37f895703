"""What became of an intake record, as decisions and quarantine records state it."""

from dataclasses import dataclass
from typing import NamedTuple

from qianbei.verify.avro import Record
from qianbei.verify.report import place_of

ACCEPTED, REFUSED, DUPLICATE, QUARANTINED = "ACCEPTED", "REFUSED", "DUPLICATE", "QUARANTINED"
OUTCOMES = (ACCEPTED, REFUSED, DUPLICATE)


class Effect(NamedTuple):
    """What identifies a record of the exchange."""

    topic: str
    entity_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision or a quarantine record, as far as conservation is concerned."""

    topic: str
    partition: int
    offset: int
    kind: str
    intake_topic: str
    intake_partition: int
    intake_offset: int
    sha256: str
    slot: int
    slot_seq: int
    decision_id: str = ""
    effects: tuple[Effect, ...] = ()

    @property
    def place(self) -> str:
        return place_of(self.topic, self.partition, self.offset)


def decision(topic: str, partition: int, offset: int, record: Record) -> Outcome:
    """The outcome that a decision record states."""
    effects = tuple(Effect(e["topic"], e["entity_id"], e["revision"]) for e in record["effects"])
    return _outcome(topic, partition, offset, record, record["outcome"], record["decision_id"], effects)


def quarantine(topic: str, partition: int, offset: int, record: Record) -> Outcome:
    """The outcome that a quarantine record states."""
    return _outcome(topic, partition, offset, record, QUARANTINED, "", ())


def _outcome(
    topic: str,
    partition: int,
    offset: int,
    record: Record,
    kind: str,
    decision_id: str,
    effects: tuple[Effect, ...],
) -> Outcome:
    return Outcome(
        topic,
        partition,
        offset,
        kind,
        record["intake_topic"],
        record["intake_partition"],
        record["intake_offset"],
        record["intake_sha256"],
        record["slot"],
        record["slot_seq"],
        decision_id,
        effects,
    )
