"""Tables that are older than their schema get the columns that it has gained, and the indexes that were declared since.

A schema of the exchange only ever gains nullable fields within one topic (FULL_TRANSITIVE), so a column is added and
nothing else: what is in the rows stays true, and no reader waits. Anything beyond that needs new tables.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateColumn, SetColumnComment

from broker.compaction.tables import TableSpec, tables_of
from broker.errors import ConfigError
from schemas.said import said

_DIALECT = pg.dialect()  # type: ignore[no-untyped-call]
_PRESENT = sa.text(
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
    "WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"
)


def evolve(connection: sa.Connection, specs: Iterable[TableSpec]) -> list[str]:
    """Add the columns and indexes that are missing and return the columns' full names. The tables must be there.

    Raises ConfigError if a column has another type, or a table one that its schema does not have.
    """
    return [name for spec in specs for table in tables_of(spec) for name in _grow(connection, table)]


def _grow(connection: sa.Connection, table: sa.Table) -> list[str]:
    quoted = _DIALECT.identifier_preparer.format_table(table)
    present = {str(name): str(type_) for name, type_ in connection.execute(_PRESENT, {"table": quoted})}
    _check(table, present)
    missing = [column for column in table.columns if column.name not in present]
    for column in missing:
        words = CreateColumn(column).compile(dialect=_DIALECT)
        # Two instances may start at once.
        connection.execute(sa.text(f"ALTER TABLE {quoted} ADD COLUMN IF NOT EXISTS {words}"))
        if column.comment:
            connection.execute(SetColumnComment(column))
    for index in table.indexes:
        index.create(connection, checkfirst=True)
    return [f"{table.fullname}.{column.name}" for column in missing]


def _check(table: sa.Table, present: dict[str, str]) -> None:
    for name, type_ in present.items():
        if name not in table.columns:
            raise ConfigError(
                said(
                    "{fullname} has a column {name} that its schema does not have: {remedy}",
                    fullname=table.fullname,
                    name=name,
                    remedy=_REMEDY,
                )
            )
        wanted = _type_name(table.columns[name])
        if type_ != wanted:
            raise ConfigError(
                said(
                    "{fullname}.{name} is {type_} and must be {wanted}: {remedy}",
                    fullname=table.fullname,
                    name=name,
                    type_=type_,
                    wanted=wanted,
                    remedy=_REMEDY,
                )
            )


_REMEDY = said("build the tables anew (the department's: `qianbei sync --rebuild`)")


def _type_name(column: sa.Column[object]) -> str:
    """As Postgres's ``format_type`` has it."""
    text = column.type.compile(dialect=_DIALECT).lower().split(" collate ")[0]
    return text.replace(", ", ",")
