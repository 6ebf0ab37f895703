"""Folding a batch into the tables: what is decoded, what is written, and what becomes of a record that does not fit.

A batch goes:

1. of each key the newest revision is kept, before anything is decoded (``gather``);
2. the bytes of each are turned into rows; what is no record of its schema is set aside;
3. a transaction begins; the rows are copied into staging tables;
4. the positions are moved, if all of them are still ours; from here to the commit a new owner waits;
5. the staged rows are folded in, the rejections written down; commit.

If Postgres refuses the data (SQLSTATE class 22 or 23), the transaction is gone, and the batch is bisected to the
records that are refused alone. They are set aside and the batch is folded without them. A record that is set aside
must not have hidden an older one of its key: then the batch is given up with ``Unfit``, and the caller gathers it
again, knowing the bad places. So the outcome never depends on where a batch begins or ends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from broker.compaction.gather import Batch, Candidate
from broker.compaction.merge import Merge
from broker.compaction.positions import Database, Position, Positions
from broker.compaction.rejects import Rejected, Rejections, bisect, rejected
from broker.compaction.rows import RowMaker, Rows
from broker.compaction.tables import TableSpec, same_target
from broker.errors import Unavailable
from broker.kafka import TopicPartition
from schemas.said import said

_MOST_TRIES = 5
Made = Mapping[str, Rows]
"""The rows of a batch, by topic."""


class Unfit(Exception):
    """Records of the batch are unfit and had hidden older ones: gather the batch again, with these known as bad."""

    def __init__(self, rejections: Sequence[Rejected]) -> None:
        super().__init__(f"{len(rejections)} records are unfit")
        self.rejections = rejections


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a batch: the positions as they are now, and how many rows were offered and records set aside."""

    positions: Mapping[TopicPartition, Position]
    rows: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Source:
    """One topic to be folded: its tables, and the schema that a registry id stands for (None: no such schema)."""

    spec: TableSpec
    schema_of: Callable[[int], Mapping[str, Any] | None]


class Engine:
    """Folds topics into one target schema on behalf of one consumer group."""

    def __init__(self, group: str, sources: Mapping[str, Source]) -> None:
        target = same_target(source.spec for source in sources.values())
        self.positions = Positions(group, target)
        self._rejections = Rejections(group, target)
        self._merges = {topic: Merge(source.spec) for topic, source in sources.items()}
        self._makers = {topic: RowMaker(source.spec, source.schema_of) for topic, source in sources.items()}

    def prepare(self, db: Database) -> None:
        """Make a connection ready: its settings and its staging tables. Once for each connection."""
        # The rows and the position are lost or kept together, so a crash of the server that takes the last commits
        # with it only makes us read those records again. Waiting for the disk would protect nothing.
        db.execute("SET synchronous_commit = off")
        # Staging tables of a large batch stay in memory instead of going through the file system.
        db.execute("SET temp_buffers = '96MB'")
        # A frozen owner must not keep its successor waiting for the positions.
        db.execute("SET idle_in_transaction_session_timeout = '15s'")
        for merge in self._merges.values():
            merge.prepare(db)

    def apply(self, db: Database, batch: Batch, owned: Mapping[TopicPartition, Position]) -> Applied:
        """Fold a batch and move the positions, in one transaction.

        Raises OwnershipLost if a partition is no longer ours, Unfit to have the batch gathered again, psycopg.Error
        for what is not the data's fault. In each case nothing has been written.
        """
        return self.write(db, batch, self.made(batch), owned)

    def made(self, batch: Batch) -> Made:
        """The rows of a batch, by topic: all of the work that needs no database. Raises Unfit."""
        return {topic: self._rows(batch, topic, candidates) for topic, candidates in batch.candidates()}

    def write(
        self, db: Database, batch: Batch, made: Made, owned: Mapping[TopicPartition, Position]
    ) -> Applied:
        """What is left of ``apply`` when the rows are made."""
        for _ in range(_MOST_TRIES):
            try:
                moved = self._write(db, batch, made, owned)
            except psycopg.Error as error:
                if not is_data_error(error):
                    raise
                made = {topic: self._without_refused(db, batch, topic, rows) for topic, rows in made.items()}
            else:
                return Applied(moved, sum(len(rows) for rows in made.values()), len(batch.rejections))
        raise Unavailable(
            said(
                "Postgres refuses a batch, but none of its records alone ({most_tries} times)",
                most_tries=_MOST_TRIES,
            )
        )

    def _rows(self, batch: Batch, topic: str, candidates: Sequence[Candidate]) -> Rows:
        rows, unfit = self._makers[topic].rows(candidates)
        _set_aside(batch, candidates, unfit)
        return rows

    def _write(
        self, db: Database, batch: Batch, made: Made, owned: Mapping[TopicPartition, Position]
    ) -> dict[TopicPartition, Position]:
        with db.transaction():
            for topic, rows in made.items():
                self._merges[topic].stage(db, rows.main, rows.children)
            # After staging, which may take long and whose tables are ours alone; before anything that others see.
            moved = self.positions.advance(db, owned, batch.offsets)
            for topic in made:
                self._merges[topic].fold(db)
            self._rejections.save(db, batch.rejections)
        return moved

    def _without_refused(self, db: Database, batch: Batch, topic: str, rows: Rows) -> Rows:
        merge = self._merges[topic]

        def refusal(group: Sequence[Candidate]) -> str | None:
            some = rows.of(group)
            try:
                with db.transaction(force_rollback=True):
                    merge.stage(db, some.main, some.children)
                    merge.fold(db)
            except psycopg.Error as error:
                if not is_data_error(error):
                    raise
                return error.sqlstate
            return None

        refused = bisect(rows.candidates, refusal)
        unfit = [rejected(one.place, one.record.value, reason) for one, reason in refused]
        _set_aside(batch, rows.candidates, unfit)
        places = {one.place for one in unfit}
        return rows.of([one for one in rows.candidates if one.place not in places])


def is_data_error(error: psycopg.Error) -> bool:
    """Whether Postgres refuses the data itself: SQLSTATE classes 22 (data exception) and 23 (constraint)."""
    return (error.sqlstate or "")[:2] in ("22", "23")


def _set_aside(batch: Batch, candidates: Sequence[Candidate], unfit: Sequence[Rejected]) -> None:
    if not unfit:
        return
    hiding = {one.place for one in candidates if one.hides}
    if any(one.place in hiding for one in unfit):
        raise Unfit(unfit)
    batch.reject(unfit)
