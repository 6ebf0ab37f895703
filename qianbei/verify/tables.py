"""The tables of the schema ``latest``, read in one snapshot and compared with the fold row by row.

Both sides come in the byte order of the entity id and are merged, so that only one entity is held at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg
from psycopg import sql

from qianbei.verify.fold import Expected, Row
from qianbei.verify.report import Findings, place_of
from schemas.said import said

LATEST = "latest"
_PAGE = 2_000

Database = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that ``latest`` has, each with its columns in order."""

    columns: Mapping[str, Sequence[str]]


def read_tables(db: Database) -> Tables:
    """Ask Postgres which tables there are."""
    rows = db.execute(
        "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = %s"
        " ORDER BY table_name, ordinal_position",
        (LATEST,),
    ).fetchall()
    return Tables({name: [column for _, column in group] for name, group in groupby(rows, key=itemgetter(0))})


def select(db: Database, table: str, columns: Sequence[str], order: Sequence[str]) -> Iterator[Row]:
    """All rows of a table, page by page. Needs an open transaction."""
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(LATEST, table),
        sql.SQL(", ").join(map(_by, order)),
    )
    with db.cursor(f"verify_{table}", binary=True) as cursor:
        cursor.itersize = _PAGE
        cursor.execute(query, binary=True)
        yield from cursor


def _by(column: str) -> sql.Composable:
    """Ids in byte order, whatever collation the database has."""
    return sql.SQL('entity_id COLLATE "C"') if column == "entity_id" else sql.Identifier(column)


class Merged:
    """The rows of one table, taken entity by entity. Rows of entities that nobody asks for are too many."""

    def __init__(self, table: str, rows: Iterator[Row], findings: Findings) -> None:
        self._table = table
        self._groups = groupby(rows, key=itemgetter(0))
        self._findings = findings
        self._next: tuple[str, list[Row]] | None = None
        self._pull()

    def _pull(self) -> None:
        group = next(self._groups, None)
        self._next = None if group is None else (group[0], list(group[1]))

    def take(self, entity_id: str) -> list[Row]:
        """The rows of this entity, none if there are none. Ids must be asked for in order."""
        while self._next is not None and self._next[0].encode() < entity_id.encode():
            self._too_many()
        if self._next is None or self._next[0] != entity_id:
            return []
        rows = self._next[1]
        self._pull()
        return rows

    def finish(self) -> None:
        """Note all that is left."""
        while self._next is not None:
            self._too_many()

    def _too_many(self) -> None:
        assert self._next is not None
        entity_id, rows = self._next
        self._findings.add(
            "EXTRA_ROW",
            f"{LATEST}.{self._table}",
            said(
                "{count} of entity {entity_id}, which the exchange lacks",
                count=len(rows),
                entity_id=entity_id,
            ),
        )
        self._pull()


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject's tables: main columns, and those of the child tables by the list's name."""

    name: str
    topic: str
    columns: Sequence[str]
    children: Mapping[str, Sequence[str]]

    def child_columns(self, name: str) -> list[str]:
        return ["entity_id", "position", *self.children[name]]


def compare(
    subject: Subject,
    expected: Iterator[Expected],
    main: Merged,
    children: Mapping[str, Merged],
    limits: Mapping[int, int],
    findings: Findings,
) -> None:
    """Compare a subject's rows. ``limits`` gives for a partition up to where compaction has come: entities whose newest
    revision lies beyond are passed over."""
    for entity in expected:
        rows = main.take(entity.entity_id)
        child_rows = {name: merged.take(entity.entity_id) for name, merged in children.items()}
        if entity.offset >= limits.get(entity.partition, 0):
            continue
        place = place_of(subject.topic, entity.partition, entity.offset)
        _compare_main(subject, entity, rows, place, findings)
        for name, found in child_rows.items():
            _compare_child(subject, name, entity.children[name], found, place, findings)
    main.finish()
    for merged in children.values():
        merged.finish()


def _compare_main(
    subject: Subject, entity: Expected, rows: list[Row], place: str, findings: Findings
) -> None:
    table = f"{LATEST}.{subject.name}"
    findings.counts["rows"] += 1
    findings.counts["cells"] += len(subject.columns)
    if not rows:
        findings.add("MISSING_ROW", place, said("has no row in {table}", table=table))
    elif rows[0] != entity.main:
        findings.add("WRONG_ROW", place, f"{table}: {_columns(subject.columns, entity.main, rows[0])}")


def _compare_child(
    subject: Subject, name: str, expected: list[Row], found: list[Row], place: str, findings: Findings
) -> None:
    table = f"{LATEST}.{subject.name}_{name}"
    findings.counts["party_rows"] += len(expected)
    findings.counts["cells"] += len(expected) * len(subject.child_columns(name))
    if expected == found:
        return
    if len(expected) != len(found):
        findings.add(
            "WRONG_PARTY_ROWS",
            place,
            said(
                "{table}: {count} rows instead of {count2}",
                table=table,
                count=len(found),
                count2=len(expected),
            ),
        )
        return
    for want, row in zip(expected, found, strict=True):
        if want != row:
            detail = said(
                "{table}, position {want}: {name}",
                table=table,
                want=want[1],
                name=_columns(subject.child_columns(name), want, row),
            )
            findings.add("WRONG_PARTY_ROW", place, detail)


def _columns(names: Sequence[str], expected: Row, found: Row) -> str:
    return "differs in " + ", ".join(n for n, e, f in zip(names, expected, found, strict=True) if e != f)
