"""Putting rebuilt tables in the place of the live ones, in one transaction: readers see the old ones, then the new.

The live tables are replaced only by tables that know at least as much of every entity, checked row by row while nobody
can fold into either. What has reached its retention is no longer in the topics and would be lost: that is refused,
unless it is accepted by name.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import errors as pg_errors
from sqlalchemy.dialects import postgresql as pg

from broker.errors import ConfigError, Unavailable
from broker.store.belongings import belongings, make, strangers
from broker.store.connect import transaction
from consumers.sync import target as targets
from consumers.sync.target import Target, next_of
from schemas.said import said

_QUOTE = pg.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
_PATIENCE = "30s"
_OWN = ("target", "target_topic", "position", "rejected")


@dataclass(frozen=True, slots=True)
class Swapped:
    """What was swapped: entities that the new tables lack, subjects that they no longer have, and what was carried over."""

    missing: int
    ended: tuple[str, ...]
    carried: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Entities that the new tables know in an older revision, or that are live and not known there at all."""

    older: int
    missing: int


def old_of(schema: str) -> str:
    """Where the replaced tables are until they are dropped."""
    return f"{schema}_old"


def swap(
    connection: sa.Connection, schema: str, department: str, *, accept_missing: bool = False
) -> Swapped | None:
    """Swap within the caller's transaction; None, and nothing is changed, if the new tables are still behind.

    Raises ConfigError if entities would be missing or something cannot be carried over, Unavailable if somebody holds
    the tables.
    """
    fresh = targets.find(connection, next_of(schema), department)
    live = targets.find(connection, schema, department)
    if fresh is None:
        raise ConfigError(said("there is no {schema} to swap in", schema=next_of(schema)))
    if live is None:
        _rename(connection, next_of(schema), schema)
        return Swapped(0, (), 0)
    _hold(connection, live, fresh)
    difference = _difference(connection, live, fresh)
    if difference.older:
        return None
    if difference.missing and not accept_missing:
        raise ConfigError(
            said(
                "{missing} entities of {schema} are no longer in the topics (their records have "
                "reached their retention): have the exchange's operator fill the topics again, or "
                "rebuild with --accept-missing. Nothing was swapped",
                missing=difference.missing,
                schema=schema,
            )
        )
    carried = _replace(connection, live, fresh)
    return Swapped(difference.missing, tuple(sorted(set(live.topics) - set(fresh.topics))), carried)


def drop_old(dsn: str, schema: str) -> bool:
    """Drop the replaced tables; False if somebody still reads them: then they stay until the next rebuild."""
    try:
        with transaction(dsn) as connection:
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
            targets.drop(connection, old_of(schema))
    except Unavailable:
        return False
    return True


def _hold(connection: sa.Connection, live: Target, fresh: Target) -> None:
    """Wait for whoever folds just now, and let nobody begin."""
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
    for one in (live, fresh):
        connection.execute(sa.text(f"LOCK TABLE {_QUOTE(one.schema)}.position IN EXCLUSIVE MODE"))


def _difference(connection: sa.Connection, live: Target, fresh: Target) -> Difference:
    older = missing = 0
    for subject in sorted(set(live.topics) & set(fresh.topics)):
        row = connection.execute(sa.text(_compare(live.schema, fresh.schema, subject))).one()
        older, missing = older + row.older, missing + row.missing
    return Difference(older, missing)


def _compare(live: str, fresh: str, subject: str) -> str:
    def known(schema: str) -> str:
        table, left = (f"{_QUOTE(schema)}.{_QUOTE(name)}" for name in (subject, f"{subject}_left"))
        return (
            f"SELECT entity_id, revision, true AS seen FROM {table} "  # noqa: S608 - names, quoted
            f"UNION ALL SELECT entity_id, revision, false FROM {left}"
        )

    return (
        "SELECT count(*) FILTER (WHERE n.revision < o.revision) AS older, "  # noqa: S608 - names, quoted
        "count(*) FILTER (WHERE n.revision IS NULL AND o.seen) AS missing "
        f"FROM ({known(live)}) o LEFT JOIN ({known(fresh)}) n USING (entity_id)"
    )


def _replace(connection: sa.Connection, live: Target, fresh: Target) -> int:
    ours = _tables(connection, live)
    strange = strangers(connection, live.schema, ours)
    if strange:
        raise ConfigError(
            said(
                "these hang on the tables of {schema} and cannot be carried over: {strange}. Drop "
                "them, rebuild, and make them anew. Nothing was swapped",
                schema=live.schema,
                strange="; ".join(strange),
            )
        )
    carried = belongings(connection, live.schema, fresh.schema, _tables(connection, fresh))
    targets.drop(connection, old_of(live.schema))
    _rename(connection, live.schema, old_of(live.schema))
    _rename(connection, fresh.schema, live.schema)
    make(connection, carried)
    return len(carried)


def _tables(connection: sa.Connection, target: Target) -> list[str]:
    """The names of a target's own tables."""
    present = sa.inspect(connection).get_table_names(schema=target.schema)
    return [
        name
        for name in present
        if name in _OWN or any(name == s or name.startswith(f"{s}_") for s in target.topics)
    ]


def _rename(connection: sa.Connection, old: str, new: str) -> None:
    try:
        connection.execute(sa.text(f"ALTER SCHEMA {_QUOTE(old)} RENAME TO {_QUOTE(new)}"))
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, pg_errors.DuplicateSchema):
            raise ConfigError(
                said("the schema {new} holds other things: name another one with --schema", new=new)
            ) from None
        raise
