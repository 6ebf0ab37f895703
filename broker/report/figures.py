"""Tables of figures, as the report's queries give them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from broker.compaction.positions import Database
from broker.store.connect import connected, translated

ALL = "ALL"
"""In place of a county or kind: all of them together."""


@dataclass(frozen=True, slots=True)
class Period:
    """From a first to a last day, both included, of one county or of all (None)."""

    first: date
    last: date
    county: str | None = None

    def values(self) -> dict[str, Any]:
        """As the queries take it."""
        return {"first": self.first, "last": self.last, "county": self.county}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures under the names of their columns. A figure that cannot be reckoned is None."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows as JSON types; a decimal is text, so that no digit is lost."""
        return [dict(zip(self.columns, map(_plain, row), strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, date | datetime | Decimal) else value


Tables = Mapping[str, Table]


@contextmanager
def one_moment(dsn: str) -> Iterator[Database]:
    """A connection for reading that sees the tables as of one moment. Raises AccessDenied, ConfigError or Unavailable."""
    with translated(dsn), connected(dsn, "qianbei report") as db, db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield db


def read(db: Database, queries: Mapping[str, bytes], period: Period, **more: Any) -> dict[str, Table]:
    """The tables of these queries for a period; ``more`` is what they take besides."""
    return {name: _table(db, query, period.values() | more) for name, query in queries.items()}


def _table(db: Database, query: bytes, values: Mapping[str, Any]) -> Table:
    found = db.execute(query, values)
    assert found.description is not None
    return Table(tuple(column.name for column in found.description), tuple(found.fetchall()))


def counted_until(db: Database) -> datetime | None:
    """When the report service last moved on; None if it never ran."""
    row = db.execute("SELECT max(updated_at) FROM report.position").fetchone()
    assert row is not None
    assert row[0] is None or isinstance(row[0], datetime)
    return row[0]
