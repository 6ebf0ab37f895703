"""The report's tables without Kafka: records of a log folded into a real Postgres."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from broker.compaction.positions import Position
from broker.kafka import Record, TopicPartition, next_offsets
from broker.report.service import Ledger
from broker.store.connect import Connection
from tests.support.published import decoder

TABLES = (
    "lateness",
    "accuracy",
    "consistency",
    "contract",
    "unit",
    "project",
    "stock",
    "position",
    "rejected",
)


def empty(db: Connection) -> None:
    """As a database that was only just deployed."""
    for table in TABLES:
        db.execute(f"TRUNCATE report.{table}".encode())


class Counting:
    """A ledger with the memory that a session has."""

    def __init__(self, db: Connection, partitions: Iterable[TopicPartition]) -> None:
        self.db = db
        self.ledger = Ledger(decoder())
        self.owned: dict[TopicPartition, Position] = self.ledger.positions.claim(db, partitions)

    def count(self, records: Sequence[Record]) -> int:
        """Fold one batch; returns how many records were set aside."""
        moved, unfit = self.ledger.apply(self.db, records, next_offsets(records), self.owned)
        self.owned |= moved
        return unfit


def counted(db: Connection, records: Sequence[Record], size: int = 2_000) -> None:
    """Empty tables, and then these records in batches."""
    empty(db)
    counting = Counting(db, {TopicPartition(r.topic, r.partition) for r in records})
    for batch in batches(records, size):
        counting.count(batch)


def batches(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """The records, so many at a time."""
    rest = iter(records)
    while batch := list(islice(rest, size)):
        yield batch


def dump(db: Connection) -> dict[str, list[tuple[object, ...]]]:
    """All rows that were counted."""
    kept = [table for table in TABLES if table not in ("position", "rejected")]
    return {
        t: db.execute(f"SELECT * FROM report.{t} ORDER BY 1, 2, 3, 4".encode()).fetchall()
        for t in kept
        if t != "project"
    }
