"""The admission service: intake to decisions, each exactly once, whatever crashes in between.

Postgres says what was decided, the consumer group's offset says what was published. A batch goes:

1. poll records of the owned slots;
2. decode and place them, each a candidate or quarantined;
3. begin a Postgres transaction and load what the batch touches;
4. decide in memory, in slot order;
5. write decisions, entities, claims, facts, timers, the outbox, the intake positions and the slots, fenced by epoch;
   commit — from here the decisions stand, and whoever waits for one is told;
6. publish the outbox in one Kafka transaction with the intake offsets, fenced by the group's generation.

A crash between 5 and 6 leaves Postgres ahead of the group offset; whoever owns the slots next publishes that
difference before it polls.

Once a second the session also sweeps its slots: what time alone brings about (a seizure's term ends) is asked of the
exchange itself, through its own intake, unless a record on that house has let it happen first.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import psycopg

from broker.admission import store
from broker.admission.batch import Decider, Decisions, in_slot_order
from broker.admission.intake import Quarantined, read
from broker.admission.model import Body, Candidate
from broker.admission.sealing import Sealer
from broker.admission.store import Contended, SlotCursor
from broker.admission.sweep import Sweep
from broker.codec import Decoder
from broker.errors import OwnershipLost, StateAheadOfLog, StateBehindLog, Unavailable
from broker.kafka import (
    Assignment,
    Commit,
    Generation,
    GroupConsumer,
    Record,
    TopicPartition,
    TransactionalProducer,
    next_offsets,
)
from broker.metrics import ServiceMetrics
from broker.store.connect import Connection, translated
from schemas.catalogue import INTERNAL
from schemas.said import said

GROUP = "qb-admission"
POLL_S = 0.2
MAX_BATCH = 500
MAX_TRIES = 5
SWEEP_EVERY_S = 1.0

Clock = Callable[[], datetime]


class FillPartyRefs(Protocol):
    """Sets the ``party_ref`` of every party of a record; ``own``: the exchange wrote it itself."""

    def __call__(self, subject: str, body: Body, *, own: bool = False) -> None: ...


def utc_now() -> datetime:
    """The time of decisions."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What does not change while the service runs: schemas, catalogue, checks, and where the records go."""

    intake: Decoder
    states: Decoder
    decider: Decider
    fill_party_refs: FillPartyRefs
    sealer: Callable[[], Sealer] | None = None
    """Makes what a session seals protected values by; None while encryption is off."""

    def read(self, record: Record) -> Candidate | Quarantined:
        """A record as it is decided on, or why it cannot be. Raises nothing, whatever the bytes are."""
        found = read(record, self.intake, self.decider.law.catalogue, self.decider.slots)
        if isinstance(found, Candidate):
            self.fill_party_refs(found.subject, found.body, own=found.principal == INTERNAL)
        return found


class AdmissionSession:
    """One membership in the admission group, from joining until anything goes wrong."""

    def __init__(
        self,
        knowledge: Knowledge,
        consumer: GroupConsumer,
        producer: TransactionalProducer,
        db: Connection,
        dsn: str,
        instance: str,
        metrics: ServiceMetrics,
        clock: Clock = utc_now,
    ) -> None:
        self._dsn = dsn
        self._clock = clock
        self._sweep = Sweep(knowledge.states)
        self._next_sweep = time.monotonic()
        self._knowledge = knowledge
        self._sealer = knowledge.sealer() if knowledge.sealer else None
        self._consumer = consumer
        self._producer = producer
        self._db = db
        self._instance = instance
        self._metrics = metrics
        self._generation: Generation | None = None
        self._cursors: dict[int, SlotCursor] = {}

    def step(self) -> int:
        """Decide at most one batch; on a moved assignment take the slots over instead."""
        records = self._consumer.poll(POLL_S, MAX_BATCH)
        if self._consumer.moved:
            with translated(self._dsn):
                self._take_over()
            return 0
        if time.monotonic() >= self._next_sweep:
            self.sweep()
        if not records:
            return 0
        begun = time.monotonic()
        with translated(self._dsn):
            decisions = self._decide(records)
        self._publish(decisions, next_offsets(records))
        for outcome in decisions.outcomes:
            self._metrics.handled(outcome)
        self._metrics.batch(time.monotonic() - begun)
        return len(records)

    def sweep(self) -> int:
        """Ask the exchange for what is due in our slots. Returns how much was asked; asking twice does no harm."""
        self._next_sweep = time.monotonic() + SWEEP_EVERY_S
        with translated(self._dsn):
            requests = self._sweep.due(self._db, set(self._cursors), self._clock())
        if requests and self._generation is not None:
            messages = [self._knowledge.decider.request(request) for request in requests]
            self._producer.publish(messages)
        return len(requests)

    # -- taking over ----------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Own the assigned slots: fence the former owner, publish what it left, and read on from there."""
        # 1. The generation first, before any offset is read: what it fences is everything after this moment.
        assignment = self._consumer.take_assignment()
        if assignment is None:
            return
        self._generation = assignment.generation
        # 2. The epoch, with the position that it stands for.
        slots = {p.partition for p in assignment.partitions}
        with self._db.transaction():
            self._cursors = store.take_slots(self._db, slots, self._instance)
            decided = store.positions(self._db)
        # 3. What is published. This waits for an open transaction of the former owner to end.
        published = {p: self._consumer.committed(p) or 0 for p in sorted(assignment.partitions)}
        # 4. Publish the difference.
        self._require_consistent(sorted(assignment.partitions), decided, published)
        self._publish_rest(assignment, decided, published)
        # 5. Read on.
        for partition in assignment.partitions:
            self._consumer.seek(partition, decided.get(partition, 0))

    def _publish_rest(
        self, assignment: Assignment, decided: dict[TopicPartition, int], published: dict[TopicPartition, int]
    ) -> None:
        behind = {p: offset for p, offset in published.items() if decided.get(p, 0) > offset}
        if behind:
            rest = store.unpublished(self._db, behind)
            offsets = {p: decided[p] for p in behind}
            commit = Commit(GROUP, offsets, assignment.generation)
            self._producer.publish([row.message for row in rest], commit)

    def _require_consistent(
        self,
        partitions: Collection[TopicPartition],
        decided: dict[TopicPartition, int],
        published: dict[TopicPartition, int],
    ) -> None:
        """Database and log must tell the same story; if they do not, going on would lose or double decisions."""
        first, end = self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)
        for p in partitions:
            position = decided.get(p, 0)
            if published[p] > position:
                # A zombie may see this between its two reads, while the new owner goes on. Since every batch is
                # decided before it is published, looking again tells the two apart.
                if store.positions(self._db).get(p, 0) >= published[p]:
                    raise OwnershipLost(
                        said(
                            "{topic}/{partition} moved on under another owner",
                            topic=p.topic,
                            partition=p.partition,
                        )
                    )
                raise StateBehindLog(
                    said(
                        "{topic}/{partition} is published up to {published} but decided only up to "
                        "{position}: the database is older than the log. Restore a newer backup, or rebuild "
                        "it from the topics",
                        topic=p.topic,
                        partition=p.partition,
                        published=published[p],
                        position=position,
                    )
                )
            if first[p] > position:
                raise StateBehindLog(
                    said(
                        "{topic}/{partition} is decided up to {position}, but its records before {first} "
                        "have reached their retention: they were never decided",
                        topic=p.topic,
                        partition=p.partition,
                        position=position,
                        first=first[p],
                    )
                )
            if position > end[p]:
                raise StateAheadOfLog(
                    said(
                        "{topic}/{partition} is decided up to {position} but ends at {end}: the topic was "
                        "lost or made anew. Restore it, or begin with an empty database",
                        topic=p.topic,
                        partition=p.partition,
                        position=position,
                        end=end[p],
                    )
                )

    # -- a batch --------------------------------------------------------------------------------------------------

    def _decide(self, records: Sequence[Record]) -> Decisions:
        reads = [(record, self._knowledge.read(record)) for record in in_slot_order(records)]
        for _ in range(MAX_TRIES):
            try:
                return self._decide_in_one_transaction(reads, next_offsets(records))
            except (Contended, psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
                # Another slot took the same entity, event id or party since we looked. Look again: now it is there to see.
                continue
        raise Unavailable(said("a batch was contended {max_tries} times", max_tries=MAX_TRIES))

    def _decide_in_one_transaction(
        self, reads: Sequence[tuple[Record, Candidate | Quarantined]], offsets: dict[TopicPartition, int]
    ) -> Decisions:
        slots = {record.partition for record, _ in reads}
        mine = {slot: self._cursors[slot] for slot in slots}
        with self._db.transaction():
            candidates = [found for _, found in reads if isinstance(found, Candidate)]
            workspace = store.load(self._db, candidates, self._knowledge.states)
            sealing = self._sealer.begin(self._db, candidates) if self._sealer else None
            decider = self._knowledge.decider
            if sealing:
                decider = sealing.decider(decider)
            decisions = decider.decide_all(reads, workspace, mine, self._clock())
            if sealing:
                sealing.save()
            store.save_cursors(self._db, mine, decisions.cursors)
            store.save_entities(self._db, workspace)
            store.save_claims(self._db, workspace)
            store.save_facts(self._db, workspace)
            store.save_timers(self._db, workspace)
            store.save_decisions(self._db, decisions.rows)
            store.save_origins(self._db, workspace)
            store.replace_outbox(
                self._db, {slot: cursor.next_seq for slot, cursor in mine.items()}, decisions.outbox
            )
            store.save_positions(self._db, offsets)
            store.tell_waiting(self._db)
        if sealing:
            sealing.keep()
        self._cursors |= decisions.cursors
        return decisions

    def _publish(self, decisions: Decisions, offsets: dict[TopicPartition, int]) -> None:
        if self._generation is None:
            raise OwnershipLost(said("no generation is held"))
        commit = Commit(GROUP, offsets, self._generation)
        self._producer.publish([row.message for row in decisions.outbox], commit)
