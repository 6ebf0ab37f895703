"""Deciding a batch in memory: records in, what must be written and published out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter

from broker.admission.decide import Law, decide
from broker.admission.intake import Quarantined
from broker.admission.model import Candidate, Request, Verdict
from broker.admission.records import (
    Encoders,
    decision_message,
    decision_record,
    exchange_message,
    quarantine_message,
    request_message,
)
from broker.admission.store import DecisionRow, OutboxRow, SlotCursor
from broker.admission.workspace import Workspace
from broker.kafka import Outgoing, Record, TopicPartition
from broker.topics import decision_topic

Read = tuple[Record, Candidate | Quarantined]


@dataclass(slots=True)
class Decisions:
    """What a batch came to. ``cursors`` is where its slots stand afterwards."""

    cursors: dict[int, SlotCursor]
    rows: list[DecisionRow] = field(default_factory=list)
    outbox: list[OutboxRow] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


def in_slot_order(records: Sequence[Record]) -> list[Record]:
    """The batch in the order of decision: by slot, by append time between topics, by offset within each.

    The merge keeps the offset order of every partition even where append times run backward.
    """
    by_partition = attrgetter("partition", "topic")
    ordered: list[Record] = []
    for _, slot in groupby(sorted(records, key=by_partition), key=attrgetter("partition")):
        topics = [list(part) for _, part in groupby(slot, key=attrgetter("topic"))]
        ordered += merge(*topics, key=attrgetter("timestamp_ms"))
    return ordered


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides batches: the law, the encoders and the number of slots, which do not change while we run."""

    law: Law
    encoders: Encoders
    slots: int

    def decide_all(
        self, reads: Sequence[Read], workspace: Workspace, cursors: Mapping[int, SlotCursor], now: datetime
    ) -> Decisions:
        """Decide in order; each decision sees the ones before it."""
        decisions = Decisions(dict(cursors))
        for record, read in reads:
            self._decide_one(record, read, workspace, decisions, now)
        return decisions

    def request(self, request: Request) -> Outgoing:
        """What the exchange asks of itself, ready for its intake."""
        return request_message(request, self.law.catalogue, self.slots, self.encoders.intake)

    def _decide_one(
        self,
        record: Record,
        read: Candidate | Quarantined,
        workspace: Workspace,
        decisions: Decisions,
        now: datetime,
    ) -> None:
        slot = record.partition
        cursor = decisions.cursors[slot]
        at = max(now, cursor.last_recorded_at or now)
        if isinstance(read, Quarantined):
            messages = [quarantine_message(record, read, cursor.next_seq, at, self.encoders.answer)]
            decisions.outcomes.append("QUARANTINED")
        else:
            messages = self._decided(read, cursor.next_seq, workspace, decisions, at)
        intake = TopicPartition(record.topic, slot)
        decisions.outbox += [
            OutboxRow(slot, cursor.next_seq, position, intake, record.offset, message)
            for position, message in enumerate(messages)
        ]
        decisions.cursors[slot] = SlotCursor(cursor.epoch, cursor.next_seq + 1, at)

    def _decided(
        self, candidate: Candidate, seq: int, workspace: Workspace, decisions: Decisions, at: datetime
    ) -> list[Outgoing]:
        slot = candidate.place.partition
        verdict = decide(candidate, workspace, self.law, at)
        remembered = workspace.apply(candidate, verdict, self.slots)
        value = self.encoders.answer[decision_topic(candidate.principal)](
            decision_record(candidate, verdict, slot, seq)
        )
        decisions.outcomes.append(verdict.outcome.value)
        decisions.rows += [_row(name, candidate, verdict, slot, seq, value) for name in remembered]
        return [
            *self._revisions(verdict, slot, workspace),
            decision_message(candidate.principal, candidate.key.entity_id, slot, value),
            *map(self.request, verdict.requests),
        ]

    def _revisions(self, verdict: Verdict, slot: int, workspace: Workspace) -> list[Outgoing]:
        messages = [exchange_message(e, slot, self.encoders.exchange) for e in verdict.revisions]
        for emission, message in zip(verdict.revisions, messages, strict=True):
            assert message.value is not None
            workspace.wire[emission.key] = message.value
        return messages


def _row(
    name: tuple[str, str], candidate: Candidate, verdict: Verdict, slot: int, seq: int, value: bytes
) -> DecisionRow:
    """What a decision is remembered by: its own event id, or that of an event that was due and happened with it."""
    principal, event_id = name
    own = event_id == candidate.event_id
    return DecisionRow(
        principal,
        event_id,
        verdict.decision_id,
        verdict.outcome.value if own else "ACCEPTED",
        candidate.sha256 if own else "",
        slot,
        seq,
        verdict.revision if own else None,
        value,
    )
