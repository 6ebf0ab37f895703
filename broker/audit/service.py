"""The audit service. A step goes:

1. poll committed records of the owned partitions, for a second or until there are many;
2. chain them, and write segments, heads, index rows and positions in one Postgres transaction, fenced by epoch;
3. now and then, if no other instance is at it: chain new rows of the access log, and sign the heads that have moved.

The position in Postgres is the only truth, as in compaction: no offset is committed to Kafka.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from broker.audit import store
from broker.audit.chain import Head, Segment, chained
from broker.audit.keys import SigningKey
from broker.audit.places import Place, digest, place_of
from broker.codec import Decoder
from broker.compaction.positions import Position, Positions
from broker.kafka import GroupConsumer, Markers, Record, TopicPartition, next_offsets
from broker.kafka.takeover import resume
from broker.metrics import ServiceMetrics
from broker.store.connect import translated

GROUP = "qb-audit"
POLL_S = 0.2
GATHER_S = 1.0
MOST_A_POLL = 5_000
BEAT_S = 2.0


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What does not change while a session runs."""

    topics: tuple[str, ...]
    decoder: Decoder
    key: SigningKey
    checkpoint_s: float


@dataclass(slots=True)
class _Indexing:
    """The index rows of one batch, made once for their digest and for the table."""

    decoder: Decoder
    places: list[Place] = field(default_factory=list)

    def digest(self, before: bytes, records: Sequence[Record]) -> bytes:
        made = [place for record in records if (place := place_of(record, self.decoder))]
        self.places += made
        return digest(before, made)


class AuditSession:
    """One membership in the group, from joining until anything goes wrong."""

    def __init__(
        self,
        knowledge: Knowledge,
        consumer: GroupConsumer,
        db: store.Database,
        dsn: str,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._knowledge = knowledge
        self._consumer = consumer
        self._db = db
        self._dsn = dsn
        self._metrics = metrics
        self._clock = clock
        self._positions = Positions(GROUP, "audit")
        self._owned: dict[TopicPartition, Position] = {}
        self._heads: dict[TopicPartition, Head] = {}
        self._markers = Markers(consumer)
        self._next_beat = self._next_checkpoint = 0.0

    def step(self) -> int:
        """Chain at most one batch; on a moved assignment take the partitions over instead."""
        records = self._gather()
        if self._consumer.moved:
            self._take_over()
            return 0
        begun = time.monotonic()
        self._write(records)
        if records:
            self._metrics.batch(time.monotonic() - begun)
            self._metrics.handled("chained", len(records))
        self._beat()
        return len(records)

    def _gather(self) -> list[Record]:
        records = self._consumer.poll(POLL_S, MOST_A_POLL)
        # Many small segments would cost more than they tell; so records are waited for, once there is one.
        until = self._clock() + GATHER_S
        while records and len(records) < MOST_A_POLL and self._clock() < until and not self._consumer.moved:
            records += self._consumer.poll(POLL_S, MOST_A_POLL - len(records))
        return records

    def _write(self, records: Sequence[Record]) -> None:
        offsets = next_offsets(records) | self._behind_markers()
        if not offsets or self._consumer.moved:
            return
        indexing = _Indexing(self._knowledge.decoder)
        segments = _segments(self._heads, records, indexing)
        with translated(self._dsn), self._db.transaction():
            store.write_segments(self._db, segments)
            store.write_places(self._db, indexing.places)
            # Last, so that a new owner waits for no more than the commit. It raises if we own them no longer.
            moved = self._positions.advance(self._db, self._owned, offsets)
        self._owned |= moved
        self._heads |= {one.partition: one.head for one in segments}

    def _behind_markers(self) -> dict[TopicPartition, int]:
        return self._markers.passed({p: position.next_offset for p, position in self._owned.items()})

    def _beat(self) -> None:
        now = self._clock()
        if now < self._next_beat:
            return
        self._next_beat = now + BEAT_S
        with translated(self._dsn), self._db.transaction():
            if not store.leads(self._db):
                return
            self._chain_accesses()
            if now >= self._next_checkpoint:
                self._metrics.handled("signed", store.sign(self._db, self._knowledge.key))
        if now >= self._next_checkpoint:
            self._next_checkpoint = now + self._knowledge.checkpoint_s

    def _chain_accesses(self) -> None:
        rows = store.new_accesses(self._db)
        records = [record for run in rows.values() for record in run]
        segments = _segments(store.heads(self._db, rows), records, _Indexing(self._knowledge.decoder))
        store.write_segments(self._db, segments)
        self._metrics.handled("accesses", len(records))

    def _take_over(self) -> None:
        """Own the assigned partitions: fence the former owner and read on from where the chains stand."""
        self._owned, self._heads = {}, {}
        assignment = self._consumer.take_assignment()
        if assignment is None:
            return
        with translated(self._dsn):
            # The epoch first: after it, no other writes to these heads.
            owned = self._positions.claim(self._db, assignment.partitions)
            heads = store.heads(self._db, owned)
        first, end = self._consumer.beginning_offsets(owned), self._consumer.end_offsets(owned)
        starts = resume(
            {p: position.next_offset for p, position in owned.items()},
            {p: (first[p], end[p]) for p in owned},
            "run `qianbei audit verify` to see what was lost",
        )
        for partition, offset in starts.items():
            self._consumer.seek(partition, offset)
        self._owned, self._heads = owned, heads


def _segments(
    heads: Mapping[TopicPartition, Head], records: Iterable[Record], indexing: _Indexing
) -> list[Segment]:
    runs: dict[TopicPartition, list[Record]] = {}
    for record in records:
        runs.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
    return [segment for p, run in sorted(runs.items()) for segment in chained(heads[p], run, indexing.digest)]
