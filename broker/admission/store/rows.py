"""The rows that admission keeps, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker.errors import QianbeiError
from broker.kafka import Outgoing, TopicPartition


class Contended(QianbeiError):
    """Another slot wrote the same entity or event id, or linked parties, at the same moment. The batch is decided
    again."""


@dataclass(frozen=True, slots=True)
class SlotCursor:
    """Our hold on a slot: the epoch that fences us, and where its sequence and its clock stand."""

    epoch: int
    next_seq: int
    last_recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision to be remembered by its event id."""

    principal: str
    event_id: str
    decision_id: str
    outcome: str
    sha256: str
    slot: int
    slot_seq: int
    revision: int | None
    record: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that follows from the intake record at ``intake``; written before it is published.

    ``slot`` is where it was decided. The message's own partition differs from it for what is asked of another slot.
    """

    slot: int
    slot_seq: int
    position: int
    intake: TopicPartition
    intake_offset: int
    message: Outgoing


def typed(rows: Sequence[tuple[object, ...]]) -> Sequence[tuple[Any, ...]]:
    """Rows whose columns are what the statement says."""
    return rows
