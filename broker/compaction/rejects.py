"""Records that cannot be folded: where they lie and why, and nothing of what they hold."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

import sqlalchemy as sa
from psycopg import sql

from broker.compaction.positions import Database

T = TypeVar("T")


class Place(NamedTuple):
    """Where a record lies in the log."""

    topic: str
    partition: int
    offset: int


class Rejected(NamedTuple):
    """A record that was set aside.

    ``reason`` is the SQLSTATE with which Postgres refused it (classes 22 and 23), or one of NO_KEY, NO_VALUE,
    NO_REVISION, UNKNOWN_SCHEMA, UNDECODABLE, MISLABELLED (its key or header disagrees with its body).
    """

    place: Place
    sha256: bytes
    reason: str


def rejected(place: Place, value: bytes | None, reason: str) -> Rejected:
    """A rejected record, its bytes reduced to their digest."""
    return Rejected(place, sha256(value or b"").digest(), reason)


def rejected_table(metadata: sa.MetaData, target: str) -> sa.Table:
    """The table of rejected records in the target schema."""
    return sa.Table(
        "rejected",
        metadata,
        sa.Column("group_name", sa.Text(), primary_key=True),
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("record_offset", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False, comment="of the record's value"),
        sa.Column("reason", sa.Text(), nullable=False, comment="SQLSTATE, or a word of the fold"),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=target,
    )


_INSERT = """
INSERT INTO {table} (group_name, topic, partition, record_offset, sha256, reason) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""


class Rejections:
    """Writes down what one group could not fold."""

    def __init__(self, group: str, target: str) -> None:
        self._group = group
        self._insert = sql.SQL(_INSERT).format(table=sql.Identifier(target, "rejected"))

    def save(self, db: Database, rejections: Iterable[Rejected]) -> None:
        """Write rejections, within the caller's transaction."""
        rows = [(self._group, *r.place, r.sha256, r.reason) for r in rejections]
        if rows:
            with db.cursor() as cursor:
                cursor.executemany(self._insert, rows)


def bisect(items: Sequence[T], refusal: Callable[[Sequence[T]], str | None]) -> list[tuple[T, str]]:
    """The items that are refused alone, each with the reason.

    ``refusal`` says why a group is refused as a whole, None if it is not. One bad item among n costs about 2 log2(n)
    calls on ever smaller groups, the cost of two or three whole ones.
    """
    found = []
    groups: list[Sequence[T]] = [items]
    while groups:
        group = groups.pop()
        if not group or (reason := refusal(group)) is None:
            continue
        if len(group) == 1:
            found.append((group[0], reason))
        else:
            groups += [group[len(group) // 2 :], group[: len(group) // 2]]
    return found
