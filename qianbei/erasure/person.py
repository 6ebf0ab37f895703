"""Who is meant: one document gives a person's reference, and with standing aliases all that are his."""

from broker.admission.store.facts import closure
from broker.store.connect import Connection


def refs_of(db: Connection, ref: str) -> frozenset[str]:
    """All references of the person, by aliases that stand, and by an erasure of his that was not finished."""
    found = frozenset(closure(db, {ref})[ref])
    rows = db.execute(
        "SELECT DISTINCT unnest(refs) FROM keys.erasure WHERE finished_at IS NULL AND refs && %s",
        (sorted(found),),
    ).fetchall()
    return found | {str(row[0]) for row in rows}
