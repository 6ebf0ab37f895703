"""What became of an intake record, as decisions and quarantine records state it."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from qianbei.verify.avro import Record
from qianbei.verify.report import place_of

ACCEPTED, REFUSED, DUPLICATE, QUARANTINED = "ACCEPTED", "REFUSED", "DUPLICATE", "QUARANTINED"
OUTCOMES = (ACCEPTED, REFUSED, DUPLICATE)
REDRIVE = "intake.redrive"
"""What operators send in again: each record there is answered in the topics of its original source (``redriven``)."""
REQUESTS = "decision.internal"
"""Decisions on what the exchange asks of itself: such a record may name one entity and change another."""


def may_hold(quarantine_topic: str, intake_topic: str) -> bool:
    """Whether what came by an intake topic is set apart in this topic."""
    kind, _, principal = quarantine_topic.partition(".")
    return kind == "quarantine" and intake_topic in (REDRIVE, f"intake.{principal}")


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
    revision: int | None = None
    named: tuple[str, str] | None = None
    """The topic and entity of the decided record; None where the revision may be of another entity (requests)."""

    @property
    def states_its_own(self) -> bool:
        """Whether the revision that the decided record became is among the effects."""
        return any(
            effect.revision == self.revision and self.named in (None, effect[:2]) for effect in self.effects
        )

    @property
    def hands_over(self) -> bool:
        """Whether a request was granted by passing it on to another slot, which writes the revision."""
        return self.topic == REQUESTS and self.kind == ACCEPTED and not self.effects

    @property
    def place(self) -> str:
        return place_of(self.topic, self.partition, self.offset)


def decision(topic: str, partition: int, offset: int, record: Record) -> Outcome:
    """The outcome that a decision record states."""
    named = (f"exchange.{record['subject']}", record["entity_id"])
    return replace(
        _outcome(topic, partition, offset, record, record["outcome"]),
        decision_id=record["decision_id"],
        effects=tuple(Effect(e["topic"], e["entity_id"], e["revision"]) for e in record["effects"]),
        revision=record["revision"],
        named=None if topic == REQUESTS else named,
    )


def quarantine(topic: str, partition: int, offset: int, record: Record) -> Outcome:
    """The outcome that a quarantine record states."""
    return _outcome(topic, partition, offset, record, QUARANTINED)


def _outcome(topic: str, partition: int, offset: int, record: Record, kind: str) -> Outcome:
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
    )
