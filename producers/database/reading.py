"""Asking a filing system's database for rows; read-only, by SQLAlchemy, whatever database it is.

*Watermark*: rows whose watermark is not below the highest one seen, less an overlap. A transaction may commit a
watermark that is older than what was read already; the overlap must be longer than any transaction, and a whole scan
from time to time finds what even that missed.

*Outbox* on Postgres: rows of transactions that ended before the oldest one which still runs, ``xid <
pg_snapshot_xmin(pg_current_snapshot())``; sequence order is not commit order. They are read in windows of transaction
ids, each window in the order of ``id``: of two transactions that changed the same row the second got its id later, and
the first had ended by then, so both are in one window or in the right ones. On SQLite one transaction writes at a time,
and the order of ``id`` is that of the commits.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import URL

from broker.errors import AccessDenied, ConfigError, Unavailable
from producers.database.changes import Row, text_of
from producers.database.config import PollConfig
from schemas.said import said

_AT_ONCE = 500
_WINDOW = """
SELECT id, xid::text AS xid, key, event_type, payload FROM {table}
WHERE xid >= CAST(CAST(:low AS text) AS xid8) AND xid < CAST(CAST(:high AS text) AS xid8) AND id > :id ORDER BY id
"""
_HIGH = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
_BY_ID = "SELECT id, key, event_type, payload FROM {table} WHERE id > :id ORDER BY id"


class Database:
    """A filing system's database. Use it in a ``with`` block.

    Every method raises Unavailable while the database is away, AccessDenied if it does not let us in, ConfigError if it
    has no such table or column. No message holds its user or password.
    """

    def __init__(self, url: URL, config: PollConfig) -> None:
        self._url = url
        self._config = config
        self._engine: sa.Engine

    def __enter__(self) -> Self:
        try:
            # A rolled-back connection may sit in a pool for hours; ours are made for a poll and closed after it.
            self._engine = sa.create_engine(self._url, poolclass=sa.NullPool)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise ConfigError(
                said(
                    "{drivername} cannot be used ({kind}): install its driver",
                    drivername=self._url.drivername,
                    kind=type(error).__name__,
                )
            ) from None
        return self

    def __exit__(self, *_error: object) -> None:
        self._engine.dispose()

    @property
    def is_postgres(self) -> bool:
        """Whether transaction ids can be asked for."""
        return self._engine.dialect.name == "postgresql"

    @property
    def _keeps_text(self) -> bool:
        """Whether times are text in this database."""
        return self._engine.dialect.name == "sqlite"

    # --- watermark ------------------------------------------------------------------------------------------------------

    def since(self, mark: str | None) -> Iterator[Row]:
        """The rows from a watermark on (None: all that have one), less the overlap, lowest first."""
        column: sa.ColumnElement[Any] = sa.column(self._required("watermark"))
        query = self._rows().order_by(column, sa.column(self._required("key")))
        if mark is None:
            return self._read(query.where(column.is_not(None)))
        return self._read(query.where(column >= less(mark, self._config.overlap_s, as_text=self._keeps_text)))

    def everything(self) -> Iterator[Row]:
        """All rows, those without a watermark too, as they are at one moment."""
        return self._read(self._rows())

    def _rows(self) -> sa.Select[Any]:
        if self._config.query is not None:
            source: Any = sa.text(f"({self._config.query}) AS polled")
        else:
            assert self._config.table is not None
            *schema, name = self._config.table.split(".")
            source = sa.table(name, schema=schema[0] if schema else None)
        return sa.select(sa.text("*")).select_from(source)

    def _read(self, query: sa.Select[Any]) -> Iterator[Row]:
        key, watermark = self._required("key"), self._required("watermark")
        with self._connected() as connection:
            for found in connection.execution_options(yield_per=_AT_ONCE).execute(query).mappings():
                if key not in found or watermark not in found:
                    raise ConfigError(
                        said(
                            "what is read has no column {value}; it has {str}",
                            value=key if key not in found else watermark,
                            str=", ".join(map(str, found)),
                        )
                    )
                cells = {str(name): text_of(value) for name, value in found.items()}
                yield Row(cells[key], cells, mark_of(found[watermark]))

    def _required(self, name: str) -> str:
        found: str = getattr(self._config, name)
        return found

    # --- outbox ---------------------------------------------------------------------------------------------------------

    def outbox(self, at: Mapping[str, Any] | None) -> Iterator[Row]:
        """The outbox's rows behind a position (None: all), in an order that keeps each entity's own."""
        with self._connected() as connection:
            for found, after in self._news(connection, dict(at or {})):
                payload = _payload(found["payload"])
                cells = {str(name): text_of(value) for name, value in payload.items()}
                yield Row(str(found["key"]), cells, after, str(found["event_type"]))

    def _news(
        self, connection: sa.Connection, at: dict[str, Any]
    ) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        table = connection.dialect.identifier_preparer.quote(str(self._config.table))
        options = connection.execution_options(yield_per=_AT_ONCE)
        if not self.is_postgres:
            if connection.dialect.name != "sqlite":
                raise ConfigError(
                    said(
                        "{name} does not tell which transactions are over: use mode watermark",
                        name=connection.dialect.name,
                    )
                )
            for found in options.execute(
                sa.text(_BY_ID.format(table=table)), {"id": at.get("id", 0)}
            ).mappings():
                yield dict(found), {"id": found["id"]}
            return
        high = connection.execute(sa.text(_HIGH)).scalar_one()
        for window in windows(at, high):
            for found in options.execute(sa.text(_WINDOW.format(table=table)), window).mappings():
                yield dict(found), window | {"id": found["id"]}

    # --- both -----------------------------------------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        where = f"the database {self._url.host or self._url.database}"
        try:
            with self._engine.connect() as plain:
                # One moment for everything that a pass reads.
                level = "SERIALIZABLE" if plain.dialect.name == "sqlite" else "REPEATABLE READ"
                connection = plain.execution_options(isolation_level=level)
                with connection.begin():
                    if self.is_postgres:
                        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
                    yield connection
        except sa.exc.DBAPIError as error:
            kind = type(error.orig).__name__
            if isinstance(error, sa.exc.ProgrammingError) or "no such" in str(error.orig):
                raise ConfigError(
                    said(
                        "{where} does not have what the configuration names, or hides it ({kind})",
                        where=where,
                        kind=kind,
                    )
                ) from None
            if "authentication" in str(error.orig) or "Access denied" in str(error.orig):
                raise AccessDenied(
                    said("{where} refuses this user: check it and its password", where=where)
                ) from None
            raise Unavailable(
                said(
                    "{where} does not answer ({kind}): check that it runs and can be reached",
                    where=where,
                    kind=kind,
                )
            ) from None


def windows(at: Mapping[str, Any], high: str) -> list[dict[str, Any]]:
    """The windows of transaction ids to read: the one that was begun, and the one from there to ``high``."""
    if not at:
        return [{"low": "0", "high": high, "id": 0}]
    begun = dict(at)
    return [begun, {"low": at["high"], "high": high, "id": 0}] if int(high) > int(at["high"]) else [begun]


def mark_of(value: Any) -> str | None:
    """A watermark as text that sorts and can be kept: ISO 8601 or a number. Raises ConfigError for anything else."""
    match value:
        case None:
            return None
        case bool():
            pass
        case int() | Decimal():
            return str(value)
        case datetime():
            return value.isoformat(sep=" ")
        case str() if _moment(value) is not None:
            return value
    raise ConfigError(said("the watermark must be a time or a whole number that grows with each change"))


def higher(one: str | None, other: str | None) -> str | None:
    """The higher of two watermarks; None is lower than any."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=int) if one.lstrip("-").isdigit() else max(one, other, key=_sortable)


def less(mark: str, overlap_s: float, *, as_text: bool) -> Any:
    """A watermark that is lower by the overlap, as a value to compare with; numbers take it as their own unit."""
    found = None if mark.lstrip("-").isdigit() else _moment(mark)
    if found is None:
        return int(mark) - int(overlap_s)
    lower = found - timedelta(seconds=overlap_s)
    # What is compared as text must have the form of the text that is there.
    return lower.isoformat(sep=mark[10] if len(mark) > 10 else " ") if as_text else lower


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _sortable(mark: str) -> float:
    found = _moment(mark)
    assert found is not None
    return found.timestamp()


def _payload(value: Any) -> Mapping[str, Any]:
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            found = None
    return found if isinstance(found, dict) else {}
