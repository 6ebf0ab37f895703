"""Deciding a batch in memory: records in, what must be written and published out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter

from broker.admission.decide import Checks, decide
from broker.admission.intake import Quarantined
from broker.admission.model import Candidate
from broker.admission.records import (
    Encoders,
    decision_message,
    decision_record,
    exchange_message,
    quarantine_message,
)
from broker.admission.store import DecisionRow, OutboxRow, SlotCursor
from broker.admission.workspace import Workspace
from broker.kafka import Outgoing, Record, TopicPartition
from broker.topics import decision_topic
from schemas.catalogue import Catalogue

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
    """Decides batches: the catalogue, the field checks and the encoders, which do not change while we run."""

    catalogue: Catalogue
    checks: Checks
    encoders: Encoders

    def decide_all(
        self, reads: Sequence[Read], workspace: Workspace, cursors: Mapping[int, SlotCursor], now: datetime
    ) -> Decisions:
        """Decide in order; each decision sees the ones before it."""
        decisions = Decisions(dict(cursors))
        for record, read in reads:
            self._decide_one(record, read, workspace, decisions, now)
        return decisions

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
            messages = self._decided(read, slot, cursor.next_seq, workspace, decisions, at)
        intake = TopicPartition(record.topic, slot)
        decisions.outbox += [
            OutboxRow(slot, cursor.next_seq, position, intake, record.offset, message)
            for position, message in enumerate(messages)
        ]
        decisions.cursors[slot] = SlotCursor(cursor.epoch, cursor.next_seq + 1, at)

    def _decided(
        self,
        candidate: Candidate,
        slot: int,
        seq: int,
        workspace: Workspace,
        decisions: Decisions,
        at: datetime,
    ) -> list[Outgoing]:
        verdict = decide(candidate, workspace, self.catalogue, self.checks, at)
        remembered = workspace.apply(candidate, verdict, slot)
        principal = candidate.principal
        body = decision_record(candidate, verdict, slot, seq)
        value = self.encoders.answer[decision_topic(principal)](body)
        if remembered:
            decisions.rows.append(
                DecisionRow(
                    principal,
                    candidate.event_id,
                    verdict.decision_id,
                    verdict.outcome.value,
                    candidate.sha256,
                    slot,
                    seq,
                    verdict.revision,
                    value,
                )
            )
        decisions.outcomes.append(verdict.outcome.value)
        revisions = [exchange_message(e, slot, self.encoders.exchange) for e in verdict.emissions]
        for emission, revision in zip(verdict.emissions, revisions, strict=True):
            assert revision.value is not None
            workspace.wire[emission.key] = revision.value
        return [*revisions, decision_message(principal, candidate.key.entity_id, slot, value)]
