"""The schema that a rebuild grows in: made for it, marked as its own, and never one that anything live is in."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from broker.errors import ConfigError
from broker.store.connect import connected, translated
from broker.store.roles import COMPACTION, READER
from schemas.said import said

LIVE = frozenset({"latest", "latest_old", "admission", "audit", "front", "public", "information_schema"})
MARK = "rebuild"
"""The table that makes a schema a rebuild's."""

Database = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a rebuilt schema says of itself: as of when (None: all there is), and whether it has come to its end."""

    as_of: datetime | None
    ended: bool


def establish(dsn: str, schema: str, as_of: datetime | None) -> None:
    """Make a schema for a rebuild as the database's administrator, or find the one that was begun.

    Raises ConfigError for a live schema, one that holds something else, or a rebuild as of another moment.
    """
    refuse_live(schema)
    with connected(dsn, "qianbei rebuild") as db, translated(dsn), db.transaction():
        found = mark_of(db, schema)
        if found is None:
            _make(db, schema, as_of)
        elif found.as_of != as_of:
            raise ConfigError(
                said(
                    "{schema} was begun as of {before}, not {now}: name another schema, or drop it with --drop",
                    schema=schema,
                    before=_when(found.as_of),
                    now=_when(as_of),
                )
            )


def refuse_live(schema: str) -> None:
    """Raises ConfigError for a schema that the exchange lives in, or Postgres itself."""
    if schema in LIVE or schema.startswith("pg_"):
        raise ConfigError(said("{schema} is live: name a schema of your own", schema=schema))


def mark_of(db: Database, schema: str) -> Mark | None:
    """What a schema says of itself, None if it is not there. Raises ConfigError if it is no rebuild's."""
    if db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
        return None
    marked = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = %s"
    if db.execute(marked, (schema, MARK)).fetchone() is None:
        raise ConfigError(said("the schema {schema} is not a rebuild's: name another one", schema=schema))
    query = sql.SQL("SELECT as_of, ended_at IS NOT NULL FROM {}").format(sql.Identifier(schema, MARK))
    row = db.execute(query).fetchone()
    assert row is not None
    as_of, ended = row
    assert as_of is None or isinstance(as_of, datetime)
    return Mark(as_of, bool(ended))


def note_end(dsn: str, schema: str) -> None:
    """Write down that everything which was to be folded is."""
    with connected(dsn, "qianbei rebuild") as db, translated(dsn):
        db.execute(sql.SQL("UPDATE {} SET ended_at = now()").format(sql.Identifier(schema, MARK)))


def drop(dsn: str, schema: str) -> None:
    """Remove a rebuilt schema. Raises ConfigError if it is no rebuild's."""
    refuse_live(schema)
    with connected(dsn, "qianbei rebuild") as db, translated(dsn), db.transaction():
        if mark_of(db, schema) is not None:
            db.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def _make(db: Database, schema: str, as_of: datetime | None) -> None:
    names = {"schema": sql.Identifier(schema), "mark": sql.Identifier(schema, MARK)}
    roles = {"folder": sql.Identifier(COMPACTION), "reader": sql.Identifier(READER)}
    for statement in _MAKING:
        db.execute(sql.SQL(statement).format(**names, **roles))
    db.execute(sql.SQL("INSERT INTO {mark} (as_of) VALUES (%s)").format(**names), (as_of,))


# The tables are made and owned by compaction's role, as in latest: it must be able to go on with them.
_MAKING = (
    "CREATE SCHEMA {schema}",
    "GRANT USAGE, CREATE ON SCHEMA {schema} TO {folder}",
    "GRANT USAGE ON SCHEMA {schema} TO {reader}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {folder} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {reader}",
    "CREATE TABLE {mark} (as_of timestamptz, begun_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz)",
    "GRANT SELECT ON {mark} TO {folder}, {reader}",
)


def _when(as_of: datetime | None) -> str:
    return "now" if as_of is None else as_of.isoformat()
