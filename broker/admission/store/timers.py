"""Timers in Postgres: for each entity whose time runs out, when and by which event."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from broker.admission.model import EntityKey
from broker.admission.store.rows import typed
from broker.admission.timers import Timer, timer_of
from broker.admission.workspace import Workspace
from broker.store.connect import Connection


class DueTimer(NamedTuple):
    """A timer whose time has come. ``state`` is the entity's last revision, as an exchange record."""

    key: EntityKey
    slot: int
    timer: Timer
    state: bytes


def save_timers(db: Connection, workspace: Workspace) -> None:
    """Write the timers of the revised entities in place of those that they had before."""
    timers = {key: timer_of(emission) for key, emission in workspace.revised.items()}
    # Only those known before can have had one.
    ended = sorted(key for key, timer in timers.items() if timer is None and key in workspace.owners)
    if ended:
        db.execute(
            "DELETE FROM admission.timer t USING unnest(%b::text[], %b::text[]) AS k(subject, entity_id)"
            " WHERE t.subject = k.subject AND t.entity_id = k.entity_id",
            ([k.subject for k in ended], [k.entity_id for k in ended]),
        )
    running = {key: timer for key, timer in timers.items() if timer is not None}
    if running:
        _upsert(db, workspace, running)


def _upsert(db: Connection, workspace: Workspace, running: Mapping[EntityKey, Timer]) -> None:
    keys = sorted(running)
    db.execute(
        "INSERT INTO admission.timer (subject, entity_id, slot, house_code, event_type, due_at, event_id)"
        " SELECT * FROM unnest(%b::text[], %b::text[], %b::int[], %b::text[], %b::text[], %b::timestamptz[], %b::text[])"
        " ON CONFLICT (subject, entity_id) DO UPDATE SET slot = excluded.slot, house_code = excluded.house_code,"
        " event_type = excluded.event_type, due_at = excluded.due_at, event_id = excluded.event_id",
        (
            [key.subject for key in keys],
            [key.entity_id for key in keys],
            [workspace.entities[key].slot for key in keys],
            [workspace.revised[key].house_code for key in keys],
            [running[key].event_type for key in keys],
            [running[key].due_at for key in keys],
            [running[key].event_id for key in keys],
        ),
    )


def due_timers(db: Connection, slots: Collection[int], now: datetime, limit: int) -> list[DueTimer]:
    """At most ``limit`` timers of these slots that are due, the earliest first."""
    if not slots:
        return []
    rows = db.execute(
        "SELECT subject, entity_id, t.slot, t.event_type, t.due_at, t.event_id, e.state FROM admission.timer t"
        " JOIN admission.entity e USING (subject, entity_id) WHERE t.slot = ANY(%s) AND t.due_at <= %s"
        " ORDER BY t.due_at, subject, entity_id LIMIT %s",
        (sorted(slots), now, limit),
        binary=True,
    ).fetchall()
    return [
        DueTimer(EntityKey(subject, entity_id), slot, Timer(event_type, due_at, event_id), state)
        for subject, entity_id, slot, event_type, due_at, event_id, state in typed(rows)
    ]
