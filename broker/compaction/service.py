"""The compaction service: change logs folded into Postgres, each record once. A step goes:

1. poll records of the owned partitions; while there are many, poll on and keep only the newest of each key;
2. fold what was gathered and move the positions, in one Postgres transaction fenced by epoch (``engine``).

The position in Postgres is the only truth: Kafka's group hands out the partitions and nothing else, no offset is
committed there. A crash before the commit leaves nothing, one after it leaves nothing to repeat.
"""

import gc
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from broker.compaction.engine import Applied, Engine, Made, Unfit
from broker.compaction.gather import Batch
from broker.compaction.positions import Database, Position
from broker.compaction.rejects import Place, Rejected
from broker.kafka import Assignment, Markers, Record, TopicPartition
from broker.kafka.takeover import resume
from broker.metrics import ServiceMetrics
from broker.store.connect import translated

GROUP = "qb-compaction"
POLL_S = 0.2
MOST_A_POLL = 5_000
# Fewer than this at once, and we keep up: fold them now, somebody is waiting to see them.
FEW = 500
# What a batch may hold when catching up. The bytes are those of distinct keys, and the process takes about five times
# as much; the seconds bound what a crash repeats, and are fewer than the 15 that a service is given to stop.
MOST_BYTES = 64 * 1024 * 1024
MOST_RECORDS = 500_000
MOST_SECONDS = 12.0


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause Python's cycle collector, for a time that is bounded.

    A batch holds hundreds of thousands of small objects without a cycle among them, and the collector walks over all
    of them again and again: a third of the time that reading takes.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class Reader(Protocol):
    """What a session reads with: a member of a group, as ``broker.kafka.GroupConsumer``, or whoever reads alone."""

    @property
    def moved(self) -> bool: ...

    def poll(self, timeout_s: float, max_records: int = ...) -> list[Record]: ...

    def take_assignment(self) -> Assignment | None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None: ...

    def position(self, partition: TopicPartition) -> int: ...

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]: ...

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]: ...


class CompactionSession:
    """One membership in the group, from joining until anything goes wrong."""

    def __init__(
        self, engine: Engine, consumer: Reader, db: Database, dsn: str, metrics: ServiceMetrics
    ) -> None:
        self._engine = engine
        self._consumer = consumer
        self._db = db
        self._dsn = dsn
        self._metrics = metrics
        self._owned: dict[TopicPartition, Position] = {}
        self._known_bad: dict[Place, Rejected] = {}
        self._markers = Markers(consumer)

    @property
    def folded(self) -> dict[TopicPartition, int]:
        """Up to where each owned partition is in the tables, the markers behind its last record included."""
        return {partition: position.next_offset for partition, position in self._owned.items()}

    def step(self) -> int:
        """Fold at most one batch; on a moved assignment take the partitions over instead."""
        batch = self._gather()
        if self._consumer.moved:
            self._take_over()
            return 0
        begun = time.monotonic()
        if not batch.records:
            self._pass_markers()
            return 0
        self._fold(batch)
        self._metrics.batch(time.monotonic() - begun)
        return batch.records

    def _gather(self) -> Batch:
        batch = Batch(self._known_bad)
        batch.add(self._consumer.poll(POLL_S, MOST_A_POLL))
        if batch.records >= FEW and not self._consumer.moved:
            with uncollected():
                self._gather_more(batch)
        return batch

    def _gather_more(self, batch: Batch) -> None:
        """Catch up with the log as it ends now; what is written meanwhile must not hold up what is there already."""
        ends = self._consumer.end_offsets(self._owned)
        until = time.monotonic() + MOST_SECONDS
        while batch.size < MOST_BYTES and batch.records < MOST_RECORDS and time.monotonic() < until:
            if self._consumer.moved or all(self._consumer.position(p) >= end for p, end in ends.items()):
                return
            if self._is_round(batch):
                return
            batch.add(self._consumer.poll(POLL_S, MOST_A_POLL))

    def _is_round(self, _batch: Batch) -> bool:
        """Whether to stop here is better than to go on to a limit."""
        return False

    def _fold(self, batch: Batch) -> None:
        try:
            with translated(self._dsn):
                applied = self._write(batch, self._engine.made(batch))
        except Unfit as unfit:
            # The older records that those had hidden are needed now: read the batch again without them.
            self._known_bad |= {one.place: one for one in unfit.rejections}
            self._read_again()
            return
        self._owned |= applied.positions
        for one in batch.rejections:
            self._known_bad.pop(one.place, None)
        self._metrics.handled("read", batch.records)
        self._metrics.handled("folded", applied.rows)
        self._metrics.handled("rejected", applied.rejected)

    def _write(self, batch: Batch, made: Made) -> Applied:
        return self._engine.write(self._db, batch, made, self._owned)

    def _read_again(self) -> None:
        """Go back to what is folded."""
        for partition, offset in self.folded.items():
            self._consumer.seek(partition, offset)

    def _pass_markers(self) -> None:
        """Move on over the markers that end a transaction, which are no records: else we would seem to lag by one."""
        batch = Batch()
        batch.offsets |= self._markers.passed(self.folded)
        if batch.offsets and not self._consumer.moved:
            self._fold(batch)

    def _take_over(self) -> None:
        """Own the assigned partitions: fence the former owner and read on from where the tables stand."""
        self._owned = {}
        self._known_bad = {}
        # 1. A snapshot of the assignment, before anything is read that depends on it.
        assignment = self._consumer.take_assignment()
        if assignment is None:
            return
        # 2. The epoch with the position that it stands for. An open transaction of the former owner ends first.
        with translated(self._dsn):
            owned = self._engine.positions.claim(self._db, assignment.partitions)
        # 3. Log and tables must tell the same story; then read on.
        for partition, offset in self._starts(owned).items():
            self._consumer.seek(partition, offset)
        self._owned = owned

    def _starts(self, owned: Mapping[TopicPartition, Position]) -> dict[TopicPartition, int]:
        first, end = self._consumer.beginning_offsets(owned), self._consumer.end_offsets(owned)
        return resume(
            {p: position.next_offset for p, position in owned.items()},
            {p: (first[p], end[p]) for p in owned},
            "restore the topic, or drop the tables and let them be rebuilt",
        )
