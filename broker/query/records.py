"""Rows of ``latest`` as whole records again: the statements that fetch them, and what becomes of their columns.

A statement gives whole records, one a row: each party list comes beside the columns of the record, as one array a column. So
a record and its parties are one index probe each and one trip to the server, however many there are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from broker.compaction.fields import KEY, PARTY_REF, POSITION, Kind
from broker.compaction.indexes import INDEXED
from broker.compaction.opening import latest_spec
from broker.compaction.tables import LATEST, ChildSpec, TableSpec
from broker.errors import ConfigError
from broker.routing.scan import raw_bytes
from schemas.catalogue import load_catalogue
from schemas.said import said

Record = dict[str, Any]

_ROLE = "role"


def latest_specs() -> dict[str, TableSpec]:
    """The tables of every subject that is kept in ``latest``."""
    metadata = sa.MetaData()
    kept = [subject for subject, described in load_catalogue().subjects.items() if described.latest]
    return {subject: latest_spec(subject, metadata) for subject in kept}


@dataclass(frozen=True, slots=True)
class PartyTable:
    """One party list of a subject, and how records are found by it."""

    field: str
    names: tuple[str, ...]
    envelopes: tuple[str, ...]
    by_party: bytes
    """By ``refs``: at most ``most`` records with one of them in this list."""
    by_role: bytes | None
    """The same by ``refs`` and ``roles``; None if the items have no role."""

    def items(self, columns: Sequence[Sequence[Any] | None]) -> list[Record]:
        """The items of one record, from an array a column; a record without any has nulls."""
        if columns[0] is None:
            return []
        found = [dict(zip(self.names, values, strict=True)) for values in zip(*columns, strict=True)]
        for item in found:
            for name in self.envelopes:
                item[name] = envelope(item[name])
        return found


class SubjectTables:
    """What is asked of the tables of one subject. Statements are written once: Postgres prepares what it sees again."""

    def __init__(self, spec: TableSpec) -> None:
        self._names = tuple(spec.columns)
        self._envelopes = tuple(name for name in self._names if spec.columns[name].kind is Kind.ENVELOPE)
        self._whole = _whole(spec)
        self._indexed = frozenset((KEY, *INDEXED.get(spec.subject, ())))
        self._subject = spec.subject
        self.lists = tuple(_party_table(child, self._whole) for child in spec.children)
        self.by: Callable[..., bytes] = cache(self._by)
        """By indexed columns, by ``values``: at most ``most`` records that have one of them in one of these columns."""

    def _by(self, *columns: str) -> bytes:
        for column in columns:
            if column not in self._indexed:
                raise KeyError(
                    f"{self._subject}.{column} has no index: declare it in broker/compaction/indexes.py"
                )
        any_of = (sql.SQL("{} = ANY(%(values)s)").format(sql.Identifier(column)) for column in columns)
        table = sql.Identifier(LATEST, self._subject)
        found = sql.SQL("SELECT {} FROM {} WHERE ({})").format(_KEY, table, sql.SQL(" OR ").join(any_of))
        return _page(self._whole, found)

    def record(self, row: Sequence[Any]) -> Record:
        """A row as a record."""
        record: Record = dict(zip(self._names, row, strict=False))
        for name in self._envelopes:
            record[name] = envelope(record[name])
        at = len(self._names)
        for table in self.lists:
            record[table.field] = table.items(row[at : at + len(table.names)])
            at += len(table.names)
        return record

    def envelopes(self, record: Record) -> Iterator[tuple[Record, str]]:
        """Where the protected values of a record with its party lists are: what holds each, and its name there."""
        yield from ((record, name) for name in self._envelopes)
        for table in self.lists:
            yield from ((item, name) for item in record[table.field] for name in table.envelopes)


_KEY = sql.Identifier(KEY)


def _whole(spec: TableSpec) -> sql.Composed:
    """Whole records of the keys that ``found`` holds, in the order of these."""
    chosen = [sql.SQL("m.{}").format(sql.Identifier(name)) for name in spec.columns]
    joined = []
    for n, child in enumerate(spec.children):
        alias = sql.Identifier(f"list{n}")
        names = [sql.Identifier(field.name) for field in child.field.items]
        chosen += [sql.SQL("{}.{}").format(alias, name) for name in names]
        arrays = sql.SQL(", ").join(
            sql.SQL("array_agg({} ORDER BY {}) AS {}").format(name, sql.Identifier(POSITION), name)
            for name in names
        )
        joined.append(
            sql.SQL(" LEFT JOIN LATERAL (SELECT {} FROM {} c WHERE c.{} = m.{}) {} ON true").format(
                arrays, sql.Identifier(LATEST, child.table.name), _KEY, _KEY, alias
            )
        )
    return sql.SQL("SELECT {} FROM found JOIN {} m USING ({}){} ORDER BY {}").format(
        sql.SQL(", ").join(chosen), sql.Identifier(LATEST, spec.subject), _KEY, sql.Composed(joined), _KEY
    )


def _page(whole: sql.Composed, keys: sql.Composed) -> bytes:
    """At most ``most`` of these keys that come after ``after``, in their order, with their records.

    The keys are found first and by themselves: else the planner, which does not know how many there will be, might walk
    through the whole table in the order of its keys.
    """
    return (
        sql.SQL(
            "WITH matching AS MATERIALIZED ({keys}), found AS MATERIALIZED (SELECT DISTINCT {key} FROM matching"
            " WHERE {key} > %(after)s ORDER BY {key} LIMIT %(most)s) {whole}"
        )
        .format(keys=keys, key=_KEY, whole=whole)
        .as_bytes(None)
    )


def envelope(encoded: bytes | None) -> Mapping[str, Any] | None:
    """A protected value as it stands in a record, from its Avro encoding."""
    if encoded is None:
        return None
    at, key_id = raw_bytes(encoded, 0)
    at, nonce = raw_bytes(encoded, at)
    _, ciphertext = raw_bytes(encoded, at)
    return {"key_id": key_id.decode(), "nonce": nonce, "ciphertext": ciphertext}


def _party_table(child: ChildSpec, whole: sql.Composed) -> PartyTable:
    fields = child.field.items
    names = tuple(field.name for field in fields)
    nested = [field.name for field in fields if field.kind is Kind.TEXT_ARRAY]
    if nested:
        raise ConfigError(
            said("lists within the items of a party list cannot be read: {names}", names=", ".join(nested))
        )
    role = sql.SQL("AND p.{} = ANY(%(roles)s) ").format(sql.Identifier(_ROLE))
    return PartyTable(
        child.field.name,
        names,
        tuple(field.name for field in fields if field.kind is Kind.ENVELOPE),
        _page(whole, _with_party(child.table.name, sql.SQL(""))),
        _page(whole, _with_party(child.table.name, role)) if _ROLE in names else None,
    )


def _with_party(table: str, in_role: sql.Composable) -> sql.Composed:
    """The keys of records with one of ``refs``: of each no more than a page, along the index on party and key.

    Some have tens of thousands of contracts, as developers and banks do.
    """
    return sql.SQL(
        "SELECT one.{key} FROM unnest(%(refs)s::text[]) AS wanted(ref), LATERAL (SELECT DISTINCT p.{key} FROM {table} p"
        ' WHERE p.{ref} = wanted.ref COLLATE "C" AND p.{key} > %(after)s {in_role}ORDER BY p.{key} LIMIT %(most)s) one'
    ).format(key=_KEY, table=sql.Identifier(LATEST, table), ref=sql.Identifier(PARTY_REF), in_role=in_role)
