"""What a batch changed, written in a few statements."""

from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from broker.admission.model import Claim, Entity, EntityKey
from broker.admission.store.rows import Contended, DecisionRow, OutboxRow
from broker.admission.workspace import Workspace
from broker.store.connect import Connection
from schemas.said import said

DECIDED = "qb_decided"
"""The channel on which waiting connections hear (LISTEN) that decisions were committed."""


def save_entities(db: Connection, workspace: Workspace) -> None:
    """Write the entities that changed. Raises Contended if one of them turned out to belong to another slot.

    An entity belongs to one slot, and only that slot's owner writes it. So it is written if it still belongs to the slot
    that it belonged to when it was read, or if it was not there then and is not now. What is written may name another
    slot: then the entity is handed over, and the former slot will not find it to be its own any more.
    """
    changed = [(key, workspace.entities[key]) for key in sorted(workspace.changed)]
    known = [(key, entity) for key, entity in changed if key in workspace.owners]
    new = [(key, entity) for key, entity in changed if key not in workspace.owners]
    written = (_update(db, known, workspace) if known else 0) + (_insert(db, new, workspace) if new else 0)
    if written != len(changed):
        raise Contended(said("an entity was written by another slot at the same moment"))


def _update(db: Connection, rows: Sequence[tuple[EntityKey, Entity]], workspace: Workspace) -> int:
    return db.execute(
        "UPDATE admission.entity e SET slot = v.slot, house_code = v.house_code, highest_version = v.highest_version,"
        " revision = v.revision, status = v.status, state = coalesce(v.state, e.state)"
        " FROM unnest(%b::text[], %b::text[], %b::text[], %b::int[], %b::int[], %b::text[], %b::bigint[], %b::bigint[],"
        " %b::text[], %b::bytea[])"
        " AS v(subject, entity_id, source, owner, slot, house_code, highest_version, revision, status, state)"
        " WHERE e.subject = v.subject AND e.entity_id = v.entity_id AND e.slot = v.owner AND e.source = v.source",
        (
            [key.subject for key, _ in rows],
            [key.entity_id for key, _ in rows],
            [entity.source for _, entity in rows],
            [workspace.owners[key] for key, _ in rows],
            [entity.slot for _, entity in rows],
            [entity.house_code for _, entity in rows],
            [entity.highest_version for _, entity in rows],
            [entity.revision for _, entity in rows],
            [entity.status for _, entity in rows],
            [workspace.wire.get(key) for key, _ in rows],
        ),
    ).rowcount


def _insert(db: Connection, rows: Sequence[tuple[EntityKey, Entity]], workspace: Workspace) -> int:
    return db.execute(
        "INSERT INTO admission.entity"
        " (subject, entity_id, source, slot, house_code, highest_version, revision, status, state)"
        " SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::int[], %b::text[], %b::bigint[], %b::bigint[],"
        " %b::text[], %b::bytea[]) ON CONFLICT (subject, entity_id) DO NOTHING",
        (
            [key.subject for key, _ in rows],
            [key.entity_id for key, _ in rows],
            [entity.source for _, entity in rows],
            [entity.slot for _, entity in rows],
            [entity.house_code for _, entity in rows],
            [entity.highest_version for _, entity in rows],
            [entity.revision for _, entity in rows],
            [entity.status for _, entity in rows],
            [workspace.wire.get(key) for key, _ in rows],
        ),
    ).rowcount


def save_claims(db: Connection, workspace: Workspace) -> None:
    """Write what now stands on the houses, and remove what no longer does. Endings first, so that a unit is free."""
    gone, kept = [], []
    for house, key in sorted(workspace.claims_changed):
        claim = workspace.claimed[house].get(key)
        if claim is None:
            gone.append((house, key))
        else:
            kept.append((house, claim))
    if gone:
        db.execute(
            "DELETE FROM admission.claim c USING unnest(%b::text[], %b::text[], %b::text[]) AS g(h, s, e)"
            " WHERE c.house_code = g.h AND c.subject = g.s AND c.entity_id = g.e",
            ([h for h, _ in gone], [k.subject for _, k in gone], [k.entity_id for _, k in gone]),
        )
    if kept:
        _upsert_claims(db, kept)


def _upsert_claims(db: Connection, kept: Sequence[tuple[str, Claim]]) -> None:
    db.execute(
        "INSERT INTO admission.claim"
        " (house_code, subject, entity_id, status, beside, contract_no, principals, kind, rank, amount)"
        " SELECT h, s, e, st, b, c, string_to_array(p, ','), k, r, a FROM unnest(%b::text[], %b::text[], %b::text[],"
        " %b::text[], %b::bool[], %b::text[], %b::text[], %b::text[], %b::int[], %b::numeric[])"
        " AS v(h, s, e, st, b, c, p, k, r, a) ON CONFLICT (house_code, subject, entity_id) DO UPDATE SET"
        " status = excluded.status, beside = excluded.beside, contract_no = excluded.contract_no, principals = excluded.principals,"
        " kind = excluded.kind, rank = excluded.rank, amount = excluded.amount",
        (
            [house for house, _ in kept],
            [claim.key.subject for _, claim in kept],
            [claim.key.entity_id for _, claim in kept],
            [claim.status for _, claim in kept],
            [claim.beside for _, claim in kept],
            [claim.contract_no for _, claim in kept],
            [",".join(claim.principals) for _, claim in kept],
            [claim.kind for _, claim in kept],
            [claim.rank for _, claim in kept],
            [claim.amount for _, claim in kept],
        ),
    )


def save_decisions(db: Connection, rows: Sequence[DecisionRow]) -> None:
    """Remember decisions by their event ids. A unique violation means that another slot has just taken the same id."""
    with db.cursor().copy(
        "COPY admission.decision (principal, event_id, decision_id, outcome, intake_sha256, slot, slot_seq, revision,"
        " record) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["text", "text", "text", "text", "text", "int4", "int8", "int8", "bytea"])
        for r in rows:
            copy.write_row(
                (
                    r.principal,
                    r.event_id,
                    r.decision_id,
                    r.outcome,
                    r.sha256,
                    r.slot,
                    r.slot_seq,
                    r.revision,
                    r.record,
                )
            )


def save_origins(db: Connection, workspace: Workspace) -> None:
    """Remember which quarantined records now have a decision. A unique violation means that another slot has just decided
    the same one, edited otherwise."""
    for origin, verdict in workspace.origins_new.items():
        db.execute(
            'INSERT INTO admission.redriven (topic, partition, "offset", decision_id, outcome)'
            " VALUES (%s, %s, %s, %s, %s)",
            (*origin, verdict.decision_id, verdict.outcome.value),
        )


def tell_waiting(db: Connection) -> None:
    """Wake whoever waits for a decision (LISTEN), once and only if this transaction commits."""
    db.execute(f"NOTIFY {DECIDED}")


def replace_outbox(db: Connection, published_before: Mapping[int, int], rows: Sequence[OutboxRow]) -> None:
    """Drop what is published, keep what is not yet. ``published_before`` gives for each slot the first open seq."""
    db.execute(
        "DELETE FROM admission.outbox o USING unnest(%b::int[], %b::bigint[]) AS p(slot, seq)"
        " WHERE o.slot = p.slot AND o.slot_seq < p.seq",
        (list(published_before), list(published_before.values())),
    )
    with db.cursor().copy(
        "COPY admission.outbox (slot, slot_seq, position, intake_topic, intake_offset, topic, partition, key, value,"
        " headers) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["int4", "int8", "int4", "text", "int8", "text", "int4", "bytea", "bytea", "jsonb"])
        for r in rows:
            m = r.message
            headers = Jsonb([[name, value.decode()] for name, value in m.headers])
            copy.write_row(
                (
                    r.slot,
                    r.slot_seq,
                    r.position,
                    r.intake.topic,
                    r.intake_offset,
                    m.topic,
                    m.partition,
                    m.key,
                    m.value,
                    headers,
                )
            )
