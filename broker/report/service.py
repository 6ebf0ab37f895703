"""The report service: what the exchange did, counted, each record once. A step goes:

1. poll records of the owned partitions and decode them; what is no record of its schema is set aside;
2. begin a Postgres transaction and move the positions, if all are still ours;
3. read the stored facts of the batch's contracts and units, fold, write what changed; commit.

The position in Postgres is the only truth, as for compaction: a crash before the commit leaves nothing, one after it
leaves nothing to repeat. All tables can be dropped empty and are folded again from offset 0.
"""

import time
from collections.abc import Mapping, Sequence
from copy import copy

import psycopg

from broker.codec import Decoder
from broker.compaction.positions import Database, Position, Positions
from broker.compaction.rejects import Place, Rejected, Rejections, bisect, rejected
from broker.errors import DecodeError
from broker.kafka import GroupConsumer, Markers, Record, TopicPartition, next_offsets
from broker.kafka.takeover import resume
from broker.metrics import ServiceMetrics
from broker.report.fold import Changes, Read, fold, wanted
from broker.report.gauges import Gauges
from broker.report.store import SCHEMA, known, save
from broker.store.connect import translated
from schemas.said import said

GROUP = "qb-report"
POLL_S = 0.5
MAX_BATCH = 2_000
SHOWN_EVERY_S = 15.0
_DATA = (psycopg.DataError, psycopg.IntegrityError)
"""Postgres refuses the data itself: SQLSTATE classes 22 and 23."""
_NUL = "22021"
"""What Postgres would say of a NUL character; psycopg refuses it first and gives no SQLSTATE."""


class Ledger:
    """Folds batches of records into the schema ``report``. One partition's records come in their order."""

    def __init__(self, decoder: Decoder) -> None:
        self.positions = Positions(GROUP, SCHEMA)
        self._decoder = decoder
        self._rejections = Rejections(GROUP, SCHEMA)

    def apply(
        self,
        db: Database,
        records: Sequence[Record],
        offsets: Mapping[TopicPartition, int],
        owned: Mapping[TopicPartition, Position],
    ) -> tuple[dict[TopicPartition, Position], int]:
        """Fold a batch and move the positions to ``offsets``; returns those, and how many records were set aside.

        Raises OwnershipLost if a partition is no longer ours, or psycopg.Error. Then nothing was written.
        """
        batch, unfit = self._read(records)
        try:
            moved = self._write(db, batch, unfit, offsets, owned)
        except _DATA:
            refused = bisect(batch, lambda group: _refusal(db, group))
            batch = [read for read in batch if read not in [one for one, _ in refused]]
            unfit += [rejected(_place(read.record), read.record.value, why) for read, why in refused]
            moved = self._write(db, batch, unfit, offsets, owned)
        return moved, len(unfit)

    def _write(
        self,
        db: Database,
        batch: Sequence[Read],
        unfit: Sequence[Rejected],
        offsets: Mapping[TopicPartition, int],
        owned: Mapping[TopicPartition, Position],
    ) -> dict[TopicPartition, Position]:
        with db.transaction():
            moved = self.positions.advance(db, owned, offsets)
            _add(db, batch)
            self._rejections.save(db, unfit)
        return moved

    def _read(self, records: Sequence[Record]) -> tuple[list[Read], list[Rejected]]:
        batch, unfit = [], []
        for record in records:
            try:
                batch.append(Read(record, *self._decoder.decode(record.value)))
            except DecodeError as error:
                unfit.append(rejected(_place(record), record.value, error.code))
        return batch, unfit


def _add(db: Database, batch: Sequence[Read]) -> None:
    before = known(db, *wanted(batch))
    save(db, before, fold(batch, Changes(contracts=copy(before.contracts), units=copy(before.units))))


def _refusal(db: Database, batch: Sequence[Read]) -> str | None:
    """With which SQLSTATE Postgres refuses these records for what they say; None if it takes them."""
    try:
        with db.transaction(force_rollback=True):
            _add(db, batch)
    except _DATA as error:
        return error.sqlstate or _NUL
    return None


def _place(record: Record) -> Place:
    return Place(record.topic, record.partition, record.offset)


class ReportSession:
    """One membership in the group, from joining until anything goes wrong."""

    def __init__(
        self,
        ledger: Ledger,
        consumer: GroupConsumer,
        db: Database,
        dsn: str,
        metrics: ServiceMetrics,
        gauges: Gauges,
    ) -> None:
        self._ledger = ledger
        self._consumer = consumer
        self._db = db
        self._dsn = dsn
        self._metrics = metrics
        self._gauges = gauges
        self._owned: dict[TopicPartition, Position] = {}
        self._markers = Markers(consumer)
        self._show_at = 0.0

    def step(self) -> int:
        """Fold at most one batch; on a moved assignment take the partitions over instead."""
        records = self._consumer.poll(POLL_S, MAX_BATCH)
        if self._consumer.moved:
            self._take_over()
            return 0
        begun = time.monotonic()
        offsets = next_offsets(records) if records else self._behind_markers()
        if offsets:
            with translated(self._dsn):
                moved, unfit = self._ledger.apply(self._db, records, offsets, self._owned)
            self._owned |= moved
            self._metrics.handled("folded", len(records) - unfit)
            self._metrics.handled("rejected", unfit)
        if records:
            self._metrics.batch(time.monotonic() - begun)
        self._show()
        return len(records)

    def _behind_markers(self) -> dict[TopicPartition, int]:
        return self._markers.passed({p: position.next_offset for p, position in self._owned.items()})

    def _show(self) -> None:
        if time.monotonic() >= self._show_at:
            with translated(self._dsn):
                self._gauges.refresh(self._db)
            self._show_at = time.monotonic() + SHOWN_EVERY_S

    def _take_over(self) -> None:
        """Own the assigned partitions: fence the former owner and read on from where the tables stand."""
        self._owned = {}
        assignment = self._consumer.take_assignment()
        if assignment is None:
            return
        with translated(self._dsn):
            owned = self._ledger.positions.claim(self._db, assignment.partitions)
        first, end = self._consumer.beginning_offsets(owned), self._consumer.end_offsets(owned)
        starts = resume(
            {p: position.next_offset for p, position in owned.items()},
            {p: (first[p], end[p]) for p in owned},
            said("restore the topic, or empty the tables of the schema report and let them be counted again"),
        )
        for partition, offset in starts.items():
            self._consumer.seek(partition, offset)
        self._owned = owned
