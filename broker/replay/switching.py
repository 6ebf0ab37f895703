"""A rebuilt schema in the place of ``latest``: readers see the old tables, then the new ones, which know no less.

The way of a switch, in one transaction of the database's administrator:

1. ``latest.position`` is locked: compaction can fold nothing until the end. Readers go on.
2. The rebuilt tables are folded, by a connection of their own, as far as ``latest`` stands.
3. Entity by entity it is checked that they know at least as much.
4. The positions become compaction's, each under a higher epoch, in both schemas: whoever holds the old ones has lost
   them, and a new session reads on where the new tables stand.
5. All tables of ``latest`` are locked, for a second at most. Whoever has read one of them in a transaction that is still
   open would, in it, find the new tables empty: so his end is awaited, in several tries.
6. The schemas are renamed; grants, default rights, indexes and views are made anew. Commit.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import errors as pg_errors
from sqlalchemy.dialects import postgresql as pg

from broker.compaction.opening import sources_into
from broker.compaction.service import GROUP as COMPACTION_GROUP
from broker.compaction.tables import LATEST
from broker.errors import ConfigError, Unavailable
from broker.kafka import TopicPartition
from broker.replay.comparing import kept_subjects
from broker.replay.rebuilding import GROUP, Ends, Folding, Told, folding
from broker.replay.targets import MARK, establish
from broker.runner import Stop
from broker.settings import Settings
from broker.store.belongings import belongings, make, strangers
from broker.store.connect import transaction
from schemas.said import said

NEXT, OLD = f"{LATEST}_next", f"{LATEST}_old"
_TRIES = 20
_PAUSE_S = 1.0
_FENCE_PATIENCE = "30s"
_READER_PATIENCE = "1s"
_QUOTE = pg.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Switched:
    """What a switch carried over, and how many entities of the old tables the log did not know as well."""

    carried: int
    missing: int
    old_dropped: bool


class _ReadersHold(Exception):
    """Somebody reads in a transaction that has been open for longer than we may make others wait."""


class _Stopped(Exception):
    """We were told to end."""


def switch(
    admin_dsn: str, settings: Settings, schema: str, stop: Stop, tell: Told, *, accept_missing: bool = False
) -> Switched | None:
    """Rebuild into ``schema`` and put it in the place of ``latest``; None if ``stop`` was set before.

    Raises ConfigError if entities would be missing or something cannot be carried over, Unavailable if readers or
    compaction hold the tables for too long. Then nothing is switched, and the next run goes on.
    """
    establish(admin_dsn, schema, None)
    with folding(settings, schema, sources_into(settings, schema)) as tables:
        for _ in range(_TRIES):
            if not tables.reach(tables.ends(), stop, tell):
                return None
            try:
                carried, missing = _try(admin_dsn, schema, tables, stop, accept_missing)
            except _Stopped:
                return None
            except _ReadersHold:
                stop.wait(_PAUSE_S)
            else:
                return Switched(carried, missing, _drop_old(admin_dsn))
    raise Unavailable(
        said(
            "readers held the tables of {schema} for {tries} tries: end long transactions, and run it again",
            schema=LATEST,
            tries=_TRIES,
        )
    )


def _try(admin_dsn: str, schema: str, tables: Folding, stop: Stop, accept_missing: bool) -> tuple[int, int]:
    with transaction(admin_dsn) as connection:
        # 1. From here on compaction waits.
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_FENCE_PATIENCE}'"))
        connection.execute(sa.text(f"LOCK TABLE {LATEST}.position IN EXCLUSIVE MODE"))
        # 2. By another connection, into the other schema: it needs nothing that is locked here.
        if not tables.reach(_folded(connection), stop):
            raise _Stopped
        # 3.
        missing = _missing(connection, schema)
        if missing and not accept_missing:
            raise ConfigError(
                said(
                    "{count} entities of {schema} are not known as well to the log (in a lower revision, or not at "
                    "all): the topics have lost records, or the tables hold what no event made. Look with `qianbei "
                    "diff {fresh} {schema}`, then switch with --accept-missing. Nothing was switched",
                    count=missing,
                    schema=LATEST,
                    fresh=schema,
                )
            )
        return _replace(connection, schema), missing


def _folded(connection: sa.Connection) -> Ends:
    rows = connection.execute(
        sa.text("SELECT topic, partition, next_offset FROM latest.position WHERE group_name = :group"),
        {"group": COMPACTION_GROUP},
    )
    return {TopicPartition(topic, partition): offset for topic, partition, offset in rows}


def _missing(connection: sa.Connection, schema: str) -> int:
    """Entities that the rebuilt tables know in a lower revision, or not at all."""
    count = 0
    for subject in kept_subjects():
        query = (
            f"SELECT count(*) FROM {LATEST}.{_QUOTE(subject)} o LEFT JOIN {_QUOTE(schema)}.{_QUOTE(subject)} n "  # noqa: S608
            "USING (entity_id) WHERE n.revision IS NULL OR n.revision < o.revision"
        )
        count += connection.execute(sa.text(query)).scalar_one()
    return count


def _replace(connection: sa.Connection, schema: str) -> int:
    connection.execute(sa.text(f"DROP TABLE {_QUOTE(schema)}.{MARK}"))
    ours = sa.inspect(connection).get_table_names(schema=schema)
    strange = strangers(connection, LATEST, ours)
    if strange:
        raise ConfigError(
            said(
                "these hang on the tables of {schema} and cannot be carried over: {strange}. Drop them, switch, and "
                "make them anew. Nothing was switched",
                schema=LATEST,
                strange="; ".join(strange),
            )
        )
    # 4.
    _hand_over(connection, schema)
    carried = belongings(connection, LATEST, schema, ours)
    # 5.
    _await_readers(connection)
    # 6.
    connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {OLD} CASCADE"))
    connection.execute(sa.text(f"ALTER SCHEMA {LATEST} RENAME TO {OLD}"))
    connection.execute(sa.text(f"ALTER SCHEMA {_QUOTE(schema)} RENAME TO {LATEST}"))
    make(connection, carried)
    return len(carried)


def _hand_over(connection: sa.Connection, schema: str) -> None:
    fresh, groups = _QUOTE(schema), {"ours": GROUP, "theirs": COMPACTION_GROUP}
    for statement in (
        "UPDATE latest.position SET epoch = epoch + 1 WHERE group_name = :theirs",
        f"UPDATE {fresh}.position n SET group_name = :theirs, epoch = 1 + COALESCE((SELECT o.epoch FROM "  # noqa: S608
        f"{LATEST}.position o WHERE o.group_name = :theirs AND o.topic = n.topic AND o.partition = n.partition), 0) "
        "WHERE n.group_name = :ours",
        f"UPDATE {fresh}.rejected SET group_name = :theirs WHERE group_name = :ours",  # noqa: S608
    ):
        used = {name: value for name, value in groups.items() if f":{name}" in statement}
        connection.execute(sa.text(statement), used)


def _await_readers(connection: sa.Connection) -> None:
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_READER_PATIENCE}'"))
    tables = ", ".join(
        f"{LATEST}.{_QUOTE(t)}" for t in sorted(sa.inspect(connection).get_table_names(schema=LATEST))
    )
    try:
        connection.execute(sa.text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
    except sa.exc.OperationalError as error:
        if isinstance(error.orig, pg_errors.LockNotAvailable):
            raise _ReadersHold from None
        raise


def _drop_old(admin_dsn: str) -> bool:
    """Drop the replaced tables; False if somebody still reads them."""
    try:
        with transaction(admin_dsn) as connection:
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_FENCE_PATIENCE}'"))
            connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {OLD} CASCADE"))
    except Unavailable:
        return False
    return True
