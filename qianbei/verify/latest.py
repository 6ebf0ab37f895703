"""Check 2 as a whole: wait until compaction has come to the end, then compare its tables in one snapshot."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import IsolationLevel, sql

from broker.store.connect import connected, translated
from qianbei.verify.avro import Readers, Schema, Unreadable
from qianbei.verify.fold import Fold, expected_rows, shape_of
from qianbei.verify.report import Findings
from qianbei.verify.tables import LATEST, Database, Merged, Subject, Tables, compare, read_tables, select
from qianbei.verify.window import Partition
from schemas.said import said

GROUP = "qb-compaction"
POSITION = "position"
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Goal:
    """What compaction must have taken: for each exchange partition the offset of its last record that we have read."""

    last: Mapping[Partition, int]

    def behind(self, positions: Mapping[Partition, int]) -> dict[Partition, int]:
        """The partitions in which compaction has not come so far, with where it is."""
        return {p: positions.get(p, 0) for p, offset in self.last.items() if positions.get(p, 0) <= offset}


@contextmanager
def snapshot(db: Database) -> Iterator[None]:
    """One view of all tables, whatever compaction does meanwhile."""
    db.isolation_level = IsolationLevel.REPEATABLE_READ
    db.read_only = True
    with db.transaction():
        yield


@contextmanager
def database(dsn: str) -> Iterator[Database]:
    """A connection of the reading role. Raises AccessDenied, Unavailable, or ConfigError
    if the tables are not there."""
    with translated(dsn), connected(dsn, "qianbei verify") as db:
        yield db


def read_positions(db: Database) -> dict[Partition, int]:
    """How far compaction has come, as it says itself in the same tables."""
    query = sql.SQL("SELECT topic, partition, next_offset FROM {} WHERE group_name = %s")
    rows = db.execute(query.format(sql.Identifier(LATEST, POSITION)), (GROUP,))
    return {(topic, partition): offset for topic, partition, offset in rows}


def await_compaction(
    db: Database,
    goal: Goal,
    deadline: float,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until compaction has taken everything, until the deadline at most."""
    while True:
        with snapshot(db):
            behind = goal.behind(read_positions(db))
        if not behind or clock() > deadline:
            return
        say(
            said(
                "waiting for compaction: {items:,} offsets to go",
                items=sum((goal.last[p] + 1 - at for p, at in behind.items())),
            )
        )
        time.sleep(_PAUSE_S)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tables of all subjects against the fold up to ``positions``, within a snapshot that has both."""

    db: Database
    fold: Fold
    schemas: Mapping[str, Schema]
    readers: Readers
    positions: Mapping[Partition, int]
    findings: Findings

    def run(self, topics: Iterable[str]) -> None:
        """Compare the subjects of these exchange topics."""
        tables = read_tables(self.db)
        for topic in sorted(topics):
            name = topic.removeprefix("exchange.")
            if name not in self.schemas:
                self.findings.add("UNKNOWN_SUBJECT", topic, said("no released schema is of this subject"))
                continue
            subject = _subject(topic, self.schemas[name], tables, self.findings)
            if subject is not None:
                self._compare(subject)

    def _compare(self, subject: Subject) -> None:
        main = self._rows(subject.name, subject.columns, ["entity_id"])
        order = ["entity_id", "position"]
        children = {
            n: self._rows(f"{subject.name}_{n}", subject.child_columns(n), order) for n in subject.children
        }
        newest = self.fold.newest.get(subject.topic, {})
        schema = self.schemas[subject.name]
        expected = expected_rows(newest, self.readers, schema, subject.columns, subject.children)
        limits = {number: at for (topic, number), at in self.positions.items() if topic == subject.topic}
        try:
            compare(subject, expected, main, children, limits, self.findings)
        except Unreadable as error:
            self.findings.add("UNREADABLE", subject.topic, str(error))

    def _rows(self, table: str, columns: Sequence[str], order: Sequence[str]) -> Merged:
        return Merged(table, select(self.db, table, columns, order), self.findings)


def _subject(topic: str, schema: Schema, tables: Tables, findings: Findings) -> Subject | None:
    """The tables of a subject; what the schema asks for and the tables lack is wrong, and the other way round."""
    name = topic.removeprefix("exchange.")
    shape = shape_of(schema)
    if name not in tables.columns:
        findings.add("NO_TABLE", f"{LATEST}.{name}", said("the table is not there"))
        return None
    _same_columns(f"{LATEST}.{name}", set(shape.main), set(tables.columns[name]), findings)
    children: dict[str, list[str]] = {}
    for child, wanted in shape.children.items():
        table = f"{name}_{child}"
        if table not in tables.columns:
            findings.add("NO_TABLE", f"{LATEST}.{table}", said("the table is not there"))
            continue
        _same_columns(
            f"{LATEST}.{table}", {*wanted, "entity_id", "position"}, set(tables.columns[table]), findings
        )
        children[child] = [c for c in tables.columns[table] if c not in ("entity_id", "position")]
    columns = ["entity_id", *(c for c in tables.columns[name] if c != "entity_id")]
    return Subject(name, topic, columns, children)


def _same_columns(table: str, wanted: set[str], present: set[str], findings: Findings) -> None:
    for column in sorted(wanted - present):
        findings.add("NO_COLUMN", table, said("the column {column} is not there", column=column))
    for column in sorted(present - wanted):
        findings.add(
            "EXTRA_COLUMN", table, said("the column {column} is no field of the schema", column=column)
        )
