"""What is asked to be erased and is not decided yet."""

from collections.abc import Collection
from typing import NamedTuple

from broker.admission.model import EntityKey
from broker.admission.store.rows import typed
from broker.store.connect import Connection
from schemas.catalogue import INTERNAL


class AskedErasure(NamedTuple):
    """Persons to be erased from an entity. ``state`` is its last revision, as an exchange record."""

    key: EntityKey
    event_id: str
    refs: tuple[str, ...]
    state: bytes


def asked_erasures(db: Connection, slots: Collection[int], limit: int) -> list[AskedErasure]:
    """At most ``limit`` requests on entities of these slots that no decision has answered."""
    if not slots:
        return []
    rows = db.execute(
        "SELECT subject, entity_id, r.event_id, r.refs, e.state FROM keys.request r"
        " JOIN admission.entity e USING (subject, entity_id) WHERE e.slot = ANY(%s) AND e.state IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM admission.decision d WHERE d.principal = %s AND d.event_id = r.event_id)"
        " ORDER BY r.event_id LIMIT %s",
        (sorted(slots), INTERNAL, limit),
        binary=True,
    ).fetchall()
    return [
        AskedErasure(EntityKey(subject, entity_id), event_id, tuple(refs), state)
        for subject, entity_id, event_id, refs, state in typed(rows)
    ]
