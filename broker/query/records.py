"""Rows of ``latest`` as whole records again: the statements that fetch them, and what becomes of their columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from broker.compaction.fields import KEY, PARTY_REF, POSITION, Kind
from broker.compaction.indexes import INDEXED
from broker.compaction.opening import latest_spec
from broker.compaction.tables import LATEST, ChildSpec, TableSpec
from broker.routing.scan import raw_bytes
from schemas.catalogue import load_catalogue

Record = dict[str, Any]

_ROLE = "role"


def latest_specs() -> dict[str, TableSpec]:
    """The tables of every subject that is kept in ``latest``."""
    metadata = sa.MetaData()
    kept = [subject for subject, described in load_catalogue().subjects.items() if described.latest]
    return {subject: latest_spec(subject, metadata) for subject in kept}


@dataclass(frozen=True, slots=True)
class PartyTable:
    """One party list of a subject: how its items are fetched for given entities, and records are found by party."""

    field: str
    items: bytes
    """By ``ids``: the items of these entities, in their order."""
    by_party: bytes
    """By ``refs``: at most ``most`` records with one of them in this list."""
    by_role: bytes | None
    """The same by ``refs`` and ``roles``; None if the items have no role."""
    to_item: Callable[[Sequence[Any]], tuple[str, Record]]


class SubjectTables:
    """What is asked of the tables of one subject. Statements are written once: Postgres prepares what it sees again."""

    def __init__(self, spec: TableSpec) -> None:
        names = list(spec.columns)
        select = sql.SQL("SELECT {} FROM {}").format(_columns(names), _table(spec.subject))
        columns = (KEY, *INDEXED.get(spec.subject, ()))
        self.by: Mapping[str, bytes] = {
            column: _found(select, sql.SQL("{} = ANY(%(values)s)").format(sql.Identifier(column)))
            for column in columns
        }
        """By indexed column, by ``values``: at most ``most`` records."""
        self.lists = tuple(_party_table(child, select) for child in spec.children)
        self._names = names
        self._envelopes = [n for n, name in enumerate(names) if spec.columns[name].kind is Kind.ENVELOPE]

    def record(self, row: Sequence[Any]) -> Record:
        """A row as a record, its party lists still empty."""
        record = dict(zip(self._names, row, strict=True))
        for n in self._envelopes:
            record[self._names[n]] = envelope(row[n])
        return record | {table.field: [] for table in self.lists}


def _found(select: sql.Composed, condition: sql.Composed) -> bytes:
    """At most ``most`` records under a condition whose keys come after ``after``, in the order of their keys."""
    key = sql.Identifier(KEY)
    return (
        sql.SQL("{} WHERE {} AND {} > %(after)s ORDER BY {} LIMIT %(most)s")
        .format(select, condition, key, key)
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


def _party_table(child: ChildSpec, select: sql.Composed) -> PartyTable:
    fields = child.field.items
    names = [field.name for field in fields]
    envelopes = [field.name for field in fields if field.kind is Kind.ENVELOPE]
    table, key = _table(child.table.name), sql.Identifier(KEY)
    having = sql.SQL("{} IN (SELECT {} FROM {} WHERE {} = ANY(%(refs)s))").format(
        key, key, table, sql.Identifier(PARTY_REF)
    )
    having_role = sql.SQL(
        "{} IN (SELECT {} FROM {} WHERE {} = ANY(%(refs)s) AND {} = ANY(%(roles)s))"
    ).format(key, key, table, sql.Identifier(PARTY_REF), sql.Identifier(_ROLE))
    items = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%(ids)s) ORDER BY {}, {}").format(
        _columns([KEY, *names]), table, key, key, sql.Identifier(POSITION)
    )

    def to_item(row: Sequence[Any]) -> tuple[str, Record]:
        item = dict(zip(names, row[1:], strict=True))
        for name in envelopes:
            item[name] = envelope(item[name])
        return row[0], item

    return PartyTable(
        child.field.name,
        items.as_bytes(None),
        _found(select, having),
        _found(select, having_role) if _ROLE in names else None,
        to_item,
    )


def _table(name: str) -> sql.Composable:
    return sql.Identifier(LATEST, name)


def _columns(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
