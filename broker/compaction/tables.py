"""The tables that a subject's records are folded into, as SQLAlchemy Core definitions.

For a subject ``sale`` with a party list ``parties``, in the target schema ``latest``:

* ``sale``: one row an entity, primary key ``entity_id``, the columns of ``broker.compaction.fields``.
* ``sale_parties``: one row an item of the list, primary key (``entity_id``, ``position``) with positions from 0, and
  an index on its list key (``party_ref``) and the entity's, so that all contracts of a person are found without reading any
  others, in the order of their keys: of somebody who has thousands a page is read, and not more.
* ``sale_left``, only where ``leaving`` names an event type (a department's ``LEFT``): the revision at which an entity
  went out of sight. Its row is gone; this keeps an older record from bringing it back.

All columns but the key and the revision allow null, also where the schema does not: a field that a later version of
the schema drops (it must have a default, so that is compatible) would otherwise stop the fold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateSchema

from broker.compaction.fields import KEY, PARTY_REF, POSITION, REVISION, Field, Kind, record_fields
from broker.compaction.positions import position_table
from broker.compaction.rejects import rejected_table
from broker.errors import ConfigError
from schemas.said import said

LATEST = "latest"
# Byte order, not a language's: keys are compared often, and comparing by a collation costs several times as much.
_BYTEWISE = sa.Text(collation="C")
_TYPES: Mapping[Kind, Any] = {
    Kind.TEXT: sa.Text(),
    Kind.LONG: sa.BigInteger(),
    Kind.INT: sa.Integer(),
    Kind.BOOLEAN: sa.Boolean(),
    Kind.BYTES: pg.BYTEA(),
    Kind.ENVELOPE: pg.BYTEA(),
    Kind.TIMESTAMP: sa.DateTime(timezone=True),
    Kind.DATE: sa.Date(),
    Kind.TEXT_ARRAY: pg.ARRAY(sa.Text()),
    Kind.JSON: pg.JSONB(),
}
# A new revision of a row is put on the same page if there is room (a HOT update: no index is touched).
_ROOM_FOR_REVISIONS = 70
_CREATING = 0x51_42_C0  # an advisory lock: CREATE TABLE IF NOT EXISTS is not safe against itself


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One party list of a subject: the field it comes from and its table."""

    subject: str
    field: Field
    table: sa.Table


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One subject: its fields by name (party lists apart), its table and the tables of its party lists."""

    subject: str
    columns: Mapping[str, Field]
    table: sa.Table
    children: tuple[ChildSpec, ...]
    leaving: str | None
    left_table: sa.Table | None
    list_keys: tuple[str, ...]


def table_spec(
    subject: str,
    schema: Mapping[str, Any],
    metadata: sa.MetaData,
    *,
    target: str = LATEST,
    leaving: str | None = None,
    list_keys: tuple[str, ...] = (PARTY_REF,),
    indexed: tuple[tuple[str, ...], ...] = (),
) -> TableSpec:
    """Define the tables of one subject within ``metadata``.

    ``leaving`` is the event type by which an entity goes out of this reader's sight, if there is one. A list whose items
    have one of ``list_keys`` becomes a table of its own, with an index on the first of them and the entity. Each item of ``indexed`` gets
    an index on its columns.
    Raises ConfigError if the schema cannot be kept.
    """
    fields = record_fields(schema, list_keys).fields
    columns = {field.name: field for field in fields if field.kind is not Kind.PARTIES}
    table = sa.Table(
        subject,
        metadata,
        *(_column(field) for field in columns.values()),
        *(sa.Index("_".join((subject, *names)), *names) for names in indexed),
        schema=target,
        comment=str(schema.get("doc", "")) or None,
        postgresql_with={"fillfactor": _ROOM_FOR_REVISIONS},
    )
    children = tuple(
        ChildSpec(subject, f, _child(subject, f, metadata, target, list_keys))
        for f in fields
        if f.kind is Kind.PARTIES
    )
    left = _left(subject, metadata, target) if leaving else None
    return TableSpec(subject, columns, table, children, leaving, left, list_keys)


def create_all(connection: sa.Connection, specs: Iterable[TableSpec]) -> None:
    """Create the schema and the tables that are missing, those of positions and rejections included.

    Several instances may do so at once. Needs the right to create in the schema, and in the database if it is missing.
    """
    specs = list(specs)
    target = same_target(specs)
    metadata = sa.MetaData()
    own = [position_table(metadata, target), rejected_table(metadata, target)]
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
    if not sa.inspect(connection).has_schema(target):
        connection.execute(CreateSchema(target))
    metadata.create_all(connection, tables=own)
    for spec in specs:
        spec.table.metadata.create_all(connection, tables=tables_of(spec))


def same_target(specs: Iterable[TableSpec]) -> str:
    """The one target schema of these tables. Raises ConfigError if there are several, or none."""
    targets = {str(spec.table.schema) for spec in specs}
    if len(targets) != 1:
        raise ConfigError(
            said("one engine folds into one schema, not into {targets}", targets=sorted(targets))
        )
    return targets.pop()


def tables_of(spec: TableSpec) -> tuple[sa.Table, ...]:
    """All tables of a subject."""
    left = () if spec.left_table is None else (spec.left_table,)
    return (spec.table, *(child.table for child in spec.children), *left)


def _column(field: Field) -> sa.Column[Any]:
    comment = field.doc or None
    if field.name == KEY:
        return sa.Column(KEY, _BYTEWISE, primary_key=True, comment=comment)
    return sa.Column(field.name, _type(field), nullable=field.name != REVISION, comment=comment)


def _type(field: Field) -> Any:
    if field.kind is Kind.NUMERIC:
        return sa.Numeric(field.precision, field.scale)
    return _BYTEWISE if field.name == PARTY_REF else _TYPES[field.kind]


def _child(
    subject: str, field: Field, metadata: sa.MetaData, target: str, list_keys: tuple[str, ...]
) -> sa.Table:
    name = f"{subject}_{field.name}"
    taken = {KEY, POSITION} & {item.name for item in field.items}
    if taken:
        raise ConfigError(
            said(
                "the items of {subject}.{name} may have no field {taken}: the fold adds it",
                subject=subject,
                name=field.name,
                taken=sorted(taken),
            )
        )
    names = {item.name for item in field.items}
    indexed = next(key for key in list_keys if key in names)
    return sa.Table(
        name,
        metadata,
        sa.Column(KEY, _BYTEWISE, primary_key=True),
        sa.Column(POSITION, sa.Integer(), primary_key=True, autoincrement=False, comment="from 0"),
        *(sa.Column(item.name, _type(item), comment=item.doc or None) for item in field.items),
        sa.Index(f"{name}_{indexed}_{KEY}", indexed, KEY),
        schema=target,
        comment=field.doc or None,
    )


def _left(subject: str, metadata: sa.MetaData, target: str) -> sa.Table:
    return sa.Table(
        f"{subject}_left",
        metadata,
        sa.Column(KEY, _BYTEWISE, primary_key=True),
        sa.Column(REVISION, sa.BigInteger(), nullable=False),
        schema=target,
    )
