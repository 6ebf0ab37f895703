"""The key table in Postgres. Every statement takes a connection of whoever may do it: see ``broker.store.roles``."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from broker.errors import ConfigError
from broker.keys.ciphers import Algorithm
from broker.keys.data_key import WrappedKey
from broker.store.connect import Connection
from schemas.said import said

LOCK = (0x514B, 0)
"""The advisory lock of the key table ("QK"): shared while keys are sealed under, exclusive while some are retired."""

READ_AHEAD = 512
"""Whoever meets a key will meet those that were made after it: of neighbouring records, of the same hour."""

_COLUMNS = "key_id, owner, algorithm, wrapped"

BY_ID = f"SELECT {_COLUMNS} FROM keys.person_key WHERE key_id = ANY(%(key_ids)s)".encode()  # noqa: S608 - our own names
"""By ``key_ids``: these keys, whatever has become of them; one that was never there is missing."""


def missing(key_id: str) -> ConfigError:
    """What to raise for a key that the table does not have, not even as a destroyed one."""
    return ConfigError(
        said(
            "the key {key_id} is not in keys.person_key: restore that table from its newest backup",
            key_id=key_id,
        )
    )


def hold(db: Connection) -> int:
    """Hold every key as it is until the end of the transaction; the count of retirements so far.

    What is sealed under a key and committed by such a transaction was sealed while the key was live.
    """
    db.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", LOCK)
    # A statement of its own: it must see what was committed while we waited for the lock.
    row = db.execute("SELECT retirements FROM keys.state").fetchone()
    assert row is not None, "the migration made it"
    return int(str(row[0]))


def live_keys(db: Connection, owners: Collection[str], algorithm: Algorithm) -> list[WrappedKey]:
    """The live keys of these owners for an algorithm; one that has none is missing."""
    if not owners:
        return []
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM keys.person_key WHERE owner = ANY(%b) AND algorithm = %b"  # noqa: S608 - our own names
        " AND retired_at IS NULL",
        (sorted(owners), algorithm.value),
    ).fetchall()
    return wrapped_keys(rows)


def add(db: Connection, keys: Iterable[WrappedKey]) -> None:
    """Keep new keys. A unique violation means that another transaction has just made a key for one of these owners."""
    # In one order, so that two that make keys for the same owners do not wait for each other in a circle.
    rows = sorted(keys, key=lambda key: key.owner)
    db.execute(
        "INSERT INTO keys.person_key (key_id, owner, algorithm, wrapped)"
        " SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::bytea[])",
        (
            [row.key_id for row in rows],
            [row.owner for row in rows],
            [row.algorithm.value for row in rows],
            [row.wrapped for row in rows],
        ),
    )


def keys_from(db: Connection, key_id: str) -> list[WrappedKey]:
    """A key and those made after it, as a reader of a topic will need them; empty if it was never there."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM keys.person_key"  # noqa: S608 - our own names
        " WHERE seq >= (SELECT seq FROM keys.person_key WHERE key_id = %s) ORDER BY seq LIMIT %s",
        (key_id, READ_AHEAD),
    ).fetchall()
    return wrapped_keys(rows)


def retire(db: Connection, owners: Collection[str], erasure_id: str) -> int:
    """Within a transaction: no value is sealed under these owners' keys any more. Returns how many keys they have in all.

    Waits for every transaction that holds the keys. Whoever seals for one of these owners later makes a new key.
    """
    db.execute("SELECT pg_advisory_xact_lock(%s, %s)", LOCK)
    db.execute("UPDATE keys.state SET retirements = retirements + 1")
    return db.execute(
        "UPDATE keys.person_key SET retired_at = coalesce(retired_at, now()), erasure_id = %s"
        " WHERE owner = ANY(%s) AND destroyed_at IS NULL",
        (erasure_id, sorted(owners)),
    ).rowcount


def destroy(db: Connection, owners: Collection[str], erasure_id: str) -> int:
    """Destroy what was retired of these owners for this erasure. Returns the number of keys. There is no way back."""
    return db.execute(
        "UPDATE keys.person_key SET wrapped = NULL, destroyed_at = now()"
        " WHERE owner = ANY(%s) AND erasure_id = %s AND destroyed_at IS NULL",
        (sorted(owners), erasure_id),
    ).rowcount


def wrapped_keys(rows: Sequence[tuple[Any, ...]]) -> list[WrappedKey]:
    """Rows of these statements as values."""
    return [
        WrappedKey(key_id, owner, Algorithm(algorithm), wrapped) for key_id, owner, algorithm, wrapped in rows
    ]
