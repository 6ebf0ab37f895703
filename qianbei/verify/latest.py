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
            f"waiting for compaction: {sum(goal.last[p] + 1 - at for p, at in behind.items()):,} offsets to go"
        )
        time.sleep(_PAUSE_S)


def compare_all(
    db: Database,
    fold: Fold,
    topics: Iterable[str],
    readers: Readers,
    positions: Mapping[Partition, int],
    findings: Findings,
) -> None:
    """Compare the tables of all subjects with the fold up to ``positions``, within a snapshot that has both."""
    tables = read_tables(db)
    for topic in sorted(topics):
        name = topic.removeprefix("exchange.")
        if topic not in fold.schemas:
            _must_be_empty(db, name, tables, findings)
            continue
        subject = _subject(topic, fold.schemas[topic].schema, tables, findings)
        if subject is not None:
            limits = {number: at for (of, number), at in positions.items() if of == topic}
            _compare_subject(db, subject, fold, readers, limits, findings)


def _compare_subject(
    db: Database,
    subject: Subject,
    fold: Fold,
    readers: Readers,
    limits: Mapping[int, int],
    findings: Findings,
) -> None:
    def merged(table: str, columns: Sequence[str], order: Sequence[str]) -> Merged:
        return Merged(table, select(db, table, columns, order), findings)

    main = merged(subject.name, subject.columns, ["entity_id"])
    order = ["entity_id", "position"]
    children = {n: merged(f"{subject.name}_{n}", subject.child_columns(n), order) for n in subject.children}
    expected = expected_rows(fold.newest[subject.topic], readers, subject.columns, subject.children)
    try:
        compare(subject, expected, main, children, limits, findings)
    except Unreadable as error:
        findings.add("UNREADABLE", subject.topic, str(error))


def _must_be_empty(db: Database, name: str, tables: Tables, findings: Findings) -> None:
    for table in tables.columns:
        if table != name and not table.startswith(f"{name}_"):
            continue
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(LATEST, table))
        row = db.execute(query).fetchone()
        if row is not None and row[0]:
            findings.add(
                "EXTRA_ROW",
                f"{LATEST}.{table}",
                f"{row[0]} rows, and the exchange has no record of the subject",
            )


def _subject(topic: str, schema: Schema, tables: Tables, findings: Findings) -> Subject | None:
    """The tables of a subject; what the schema asks for and the tables lack is wrong, and the other way round."""
    name = topic.removeprefix("exchange.")
    shape = shape_of(schema)
    if name not in tables.columns:
        findings.add("NO_TABLE", f"{LATEST}.{name}", "the table is not there")
        return None
    _same_columns(f"{LATEST}.{name}", set(shape.main), set(tables.columns[name]), findings)
    children: dict[str, list[str]] = {}
    for child, wanted in shape.children.items():
        table = f"{name}_{child}"
        if table not in tables.columns:
            findings.add("NO_TABLE", f"{LATEST}.{table}", "the table is not there")
            continue
        _same_columns(
            f"{LATEST}.{table}", {*wanted, "entity_id", "position"}, set(tables.columns[table]), findings
        )
        children[child] = [c for c in tables.columns[table] if c not in ("entity_id", "position")]
    columns = ["entity_id", *(c for c in tables.columns[name] if c != "entity_id")]
    return Subject(name, topic, columns, children)


def _same_columns(table: str, wanted: set[str], present: set[str], findings: Findings) -> None:
    for column in sorted(wanted - present):
        findings.add("NO_COLUMN", table, f"the column {column} is not there")
    for column in sorted(present - wanted):
        findings.add("EXTRA_COLUMN", table, f"the column {column} is no field of the schema")
