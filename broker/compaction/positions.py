"""How far a group has folded each partition, and who may go on: the truth lies in Postgres, beside the rows.

A *position* is the offset of the next record to fold. Its *epoch* is raised by whoever takes the partition over; only
the holder of the newest epoch can move the position, in the transaction that writes the rows.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psycopg
import sqlalchemy as sa
from psycopg import sql

from broker.errors import OwnershipLost
from broker.kafka import TopicPartition
from schemas.said import said

Database = psycopg.Connection[tuple[object, ...]]


class Position(NamedTuple):
    """Where we stand in a partition, and the epoch by which it is ours."""

    next_offset: int
    epoch: int


def position_table(metadata: sa.MetaData, target: str) -> sa.Table:
    """The table of positions in the target schema."""
    return sa.Table(
        "position",
        metadata,
        sa.Column("group_name", sa.Text(), primary_key=True),
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False, comment="of the next record to fold"),
        sa.Column(
            "epoch", sa.BigInteger(), nullable=False, comment="raised by whoever takes the partition over"
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=target,
    )


def reached(db: Database, target: str, group: str) -> dict[TopicPartition, int]:
    """The next offset of each partition that a group has begun, by the table of positions in the target schema."""
    query = sql.SQL("SELECT topic, partition, next_offset FROM {} WHERE group_name = %s")
    rows = db.execute(query.format(sql.Identifier(target, "position")), (group,)).fetchall()
    return {TopicPartition(str(topic), int(str(part))): int(str(at)) for topic, part, at in rows}


_CLAIM = """
INSERT INTO {table} (group_name, topic, partition, next_offset, epoch) VALUES (%s, %s, %s, 0, 1)
ON CONFLICT (group_name, topic, partition) DO UPDATE SET epoch = {table}.epoch + 1, updated_at = now()
RETURNING next_offset, epoch
"""
_ADVANCE = """
UPDATE {table} p SET next_offset = v.next_offset, updated_at = now()
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[])
     AS v (topic, partition, remembered, epoch, next_offset)
WHERE p.group_name = %s AND p.topic = v.topic AND p.partition = v.partition
  AND p.epoch = v.epoch AND p.next_offset = v.remembered
"""


class Positions:
    """The positions of one consumer group in one target schema."""

    def __init__(self, group: str, target: str) -> None:
        self._group = group
        table = sql.Identifier(target, "position")
        self._claim = sql.SQL(_CLAIM).format(table=table)
        self._advance = sql.SQL(_ADVANCE).format(table=table)

    def claim(self, db: Database, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Position]:
        """Take partitions over. From here the former owner's transactions fail.

        Waits for one that it has just open; afterwards the position read here is final until we move it.
        """
        found = {}
        with db.transaction():
            # In one order everywhere, so that two claimants wait for each other instead of deadlocking.
            for partition in sorted(partitions):
                row = db.execute(self._claim, (self._group, *partition)).fetchone()
                assert row is not None
                next_offset, epoch = row
                assert isinstance(next_offset, int)
                assert isinstance(epoch, int)
                found[partition] = Position(next_offset, epoch)
        return found

    def advance(
        self, db: Database, owned: Mapping[TopicPartition, Position], offsets: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, Position]:
        """Move positions, within the caller's transaction, and return the moved ones.

        Raises OwnershipLost if any of them is no longer where and whose we remember: then nothing may be written.
        """
        if not offsets:
            return {}
        order = sorted(offsets)
        missing = [p for p in order if p not in owned]
        if missing:
            raise OwnershipLost(
                said(
                    "{topic}/{partition} is not ours", topic=missing[0].topic, partition=missing[0].partition
                )
            )
        columns = (
            [p.topic for p in order],
            [p.partition for p in order],
            [owned[p].next_offset for p in order],
            [owned[p].epoch for p in order],
            [offsets[p] for p in order],
        )
        moved = db.execute(self._advance, (*columns, self._group)).rowcount
        if moved != len(order):
            raise OwnershipLost(
                said(
                    "{count} of {count2} partitions were taken over by another instance",
                    count=len(order) - moved,
                    count2=len(order),
                )
            )
        return {p: Position(offsets[p], owned[p].epoch) for p in order}
