"""Slots and how far they are: whose they are, what is decided, what is decided but perhaps not yet published."""

from collections.abc import Iterable, Mapping
from typing import Any

from broker.admission.store.rows import OutboxRow, SlotCursor, typed
from broker.errors import OwnershipLost
from broker.kafka import Outgoing, TopicPartition
from broker.store.connect import Connection
from schemas.said import said


def slot_count(db: Connection) -> int:
    """With how many slots the exchange was made."""
    row = db.execute("SELECT count(*) FROM admission.slot").fetchone()
    return int(str(row[0])) if row else 0


def take_slots(db: Connection, slots: Iterable[int], instance: str) -> dict[int, SlotCursor]:
    """Own these slots: whoever held them before can no longer commit."""
    rows = db.execute(
        "UPDATE admission.slot SET epoch = epoch + 1, instance = %s WHERE slot = ANY(%s)"
        " RETURNING slot, epoch, next_seq, last_recorded_at",
        (instance, sorted(slots)),
    ).fetchall()
    return {row[0]: SlotCursor(row[1], row[2], row[3]) for row in typed(rows)}


def save_cursors(db: Connection, before: Mapping[int, SlotCursor], after: Mapping[int, SlotCursor]) -> None:
    """Move the slots on. Raises OwnershipLost if one of them is no longer ours or not where we left it."""
    slots = list(after)
    cursor = db.execute(
        "UPDATE admission.slot s SET next_seq = v.next_seq, last_recorded_at = v.at"
        " FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[])"
        " AS v(slot, epoch, was, next_seq, at) WHERE s.slot = v.slot AND s.epoch = v.epoch AND s.next_seq = v.was",
        (
            slots,
            [before[s].epoch for s in slots],
            [before[s].next_seq for s in slots],
            [after[s].next_seq for s in slots],
            [after[s].last_recorded_at for s in slots],
        ),
    )
    if cursor.rowcount != len(slots):
        raise OwnershipLost(said("another instance owns one of our slots"))


def positions(db: Connection) -> dict[TopicPartition, int]:
    """How far each intake partition is decided."""
    rows = db.execute("SELECT topic, partition, next_offset FROM admission.intake_position").fetchall()
    return {TopicPartition(row[0], row[1]): row[2] for row in typed(rows)}


def save_positions(db: Connection, offsets: Mapping[TopicPartition, int]) -> None:
    """Note how far the intake is decided."""
    db.execute(
        "INSERT INTO admission.intake_position (topic, partition, next_offset)"
        " SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[])"
        " ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
        ([p.topic for p in offsets], [p.partition for p in offsets], list(offsets.values())),
    )


def unpublished(db: Connection, published: Mapping[TopicPartition, int]) -> list[OutboxRow]:
    """The messages that follow from intake records at or after the published offsets, in slot order."""
    rows = db.execute(
        "SELECT o.slot, o.slot_seq, o.position, o.intake_topic, o.intake_offset, o.topic, o.partition, o.key, o.value,"
        " o.headers FROM admission.outbox o"
        " JOIN unnest(%s::text[], %s::int[], %s::bigint[]) AS p(topic, partition, published)"
        " ON o.intake_topic = p.topic AND o.slot = p.partition AND o.intake_offset >= p.published"
        " ORDER BY o.slot, o.slot_seq, o.position",
        ([p.topic for p in published], [p.partition for p in published], list(published.values())),
    ).fetchall()
    return [_outbox_row(*row) for row in typed(rows)]


def _outbox_row(
    slot: int,
    seq: int,
    position: int,
    intake: str,
    offset: int,
    topic: str,
    partition: int,
    key: Any,
    value: Any,
    headers: Any,
) -> OutboxRow:
    pairs = tuple((name, text.encode()) for name, text in headers)
    message = Outgoing(topic, partition, key, value, pairs)
    return OutboxRow(slot, seq, position, TopicPartition(intake, slot), offset, message)
