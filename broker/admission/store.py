"""Admission's reads and writes in Postgres: a few set-based statements a batch, whatever its size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from broker.admission.effects import needs_state
from broker.admission.model import Candidate, Claim, Decided, Entity, EntityKey
from broker.admission.workspace import Workspace
from broker.codec import Decoder
from broker.errors import OwnershipLost, QianbeiError
from broker.kafka import Outgoing, TopicPartition
from broker.store.connect import Connection


class Contended(QianbeiError):
    """Another slot wrote the same entity or event id at the same moment. The batch is decided again."""


@dataclass(frozen=True, slots=True)
class SlotCursor:
    """Our hold on a slot: the epoch that fences us, and where its sequence and its clock stand."""

    epoch: int
    next_seq: int
    last_recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision to be remembered by its event id."""

    principal: str
    event_id: str
    decision_id: str
    outcome: str
    sha256: str
    slot: int
    slot_seq: int
    revision: int | None
    record: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that follows from the intake record at ``intake``; written before it is published."""

    slot: int
    slot_seq: int
    position: int
    intake: TopicPartition
    intake_offset: int
    message: Outgoing


# -- ownership ----------------------------------------------------------------------------------------------------


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
    return {row[0]: SlotCursor(row[1], row[2], row[3]) for row in _typed(rows)}


def positions(db: Connection) -> dict[TopicPartition, int]:
    """How far each intake partition is decided."""
    rows = db.execute("SELECT topic, partition, next_offset FROM admission.intake_position").fetchall()
    return {TopicPartition(row[0], row[1]): row[2] for row in _typed(rows)}


def unpublished(db: Connection, published: Mapping[TopicPartition, int]) -> list[OutboxRow]:
    """The messages that follow from intake records at or after the published offsets, in slot order."""
    rows = db.execute(
        "SELECT o.slot, o.slot_seq, o.position, o.intake_topic, o.intake_offset, o.topic, o.key, o.value, o.headers"
        " FROM admission.outbox o JOIN unnest(%s::text[], %s::int[], %s::bigint[]) AS p(topic, partition, published)"
        " ON o.intake_topic = p.topic AND o.slot = p.partition AND o.intake_offset >= p.published"
        " ORDER BY o.slot, o.slot_seq, o.position",
        ([p.topic for p in published], [p.partition for p in published], list(published.values())),
    ).fetchall()
    return [_outbox_row(*row) for row in _typed(rows)]


def _outbox_row(
    slot: int,
    seq: int,
    position: int,
    intake: str,
    offset: int,
    topic: str,
    key: Any,
    value: Any,
    headers: Any,
) -> OutboxRow:
    pairs = tuple((name, text.encode()) for name, text in headers)
    message = Outgoing(topic, slot, key, value, pairs)
    return OutboxRow(slot, seq, position, TopicPartition(intake, slot), offset, message)


# -- reading ------------------------------------------------------------------------------------------------------


def load(db: Connection, candidates: Sequence[Candidate], decoder: Decoder) -> Workspace:
    """All that deciding these candidates may need. ``decoder`` reads states, which are kept as exchange records."""
    workspace = Workspace()
    houses = sorted({c.house_code for c in candidates if c.house_code is not None})
    for house_code, claim in _claims(db, houses):
        workspace.standing.setdefault(house_code, {})[claim.key] = claim
    sales = {key for claims in workspace.standing.values() for key in claims if key.subject == "sale"}
    wanted = {c.key for c in candidates} | {EntityKey("unit", house) for house in houses} | sales
    workspace.entities.update(_entities(db, sorted(wanted), decoder))
    workspace.decisions.update(_decisions(db, candidates))
    return workspace


def _claims(db: Connection, houses: list[str]) -> Iterable[tuple[str, Claim]]:
    rows = db.execute(
        "SELECT house_code, subject, entity_id, status, baseline, contract_no, principals"
        " FROM admission.claim WHERE house_code = ANY(%s)",
        (houses,),
    ).fetchall()
    for house_code, subject, entity_id, status, baseline, contract_no, principals in _typed(rows):
        key = EntityKey(subject, entity_id)
        yield house_code, Claim(key, status, baseline, contract_no, tuple(principals))


def _entities(db: Connection, keys: list[EntityKey], decoder: Decoder) -> Iterable[tuple[EntityKey, Entity]]:
    rows = db.execute(
        "SELECT subject, entity_id, source, slot, house_code, highest_version, revision, status, state"
        " FROM unnest(%s::text[], %s::text[]) AS k(subject, entity_id) JOIN admission.entity USING (subject, entity_id)",
        ([k.subject for k in keys], [k.entity_id for k in keys]),
        binary=True,
    ).fetchall()
    for subject, entity_id, source, slot, house_code, highest_version, revision, status, state in _typed(
        rows
    ):
        body = decoder.decode(state)[1] if state is not None and needs_state(subject) else None
        entity = Entity(source, slot, house_code, highest_version, revision, status, body)
        yield EntityKey(subject, entity_id), entity


def _decisions(db: Connection, candidates: Sequence[Candidate]) -> Iterable[tuple[tuple[str, str], Decided]]:
    rows = db.execute(
        "SELECT principal, event_id, decision_id, intake_sha256 FROM unnest(%s::text[], %s::text[])"
        " AS k(principal, event_id) JOIN admission.decision USING (principal, event_id)",
        ([c.principal for c in candidates], [c.event_id for c in candidates]),
    ).fetchall()
    for principal, event_id, decision_id, sha256 in _typed(rows):
        yield (principal, event_id), Decided(decision_id, sha256)


# -- writing ------------------------------------------------------------------------------------------------------


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
        raise OwnershipLost("another instance owns one of our slots")


def save_positions(db: Connection, offsets: Mapping[TopicPartition, int]) -> None:
    """Note how far the intake is decided."""
    db.execute(
        "INSERT INTO admission.intake_position (topic, partition, next_offset)"
        " SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[])"
        " ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
        ([p.topic for p in offsets], [p.partition for p in offsets], list(offsets.values())),
    )


def save_entities(db: Connection, workspace: Workspace) -> None:
    """Write the entities that changed. Raises Contended if one of them turned out to belong to another slot."""
    rows = [(key, workspace.entities[key]) for key in sorted(workspace.changed)]
    if not rows:
        return
    cursor = db.execute(
        "INSERT INTO admission.entity AS e"
        " (subject, entity_id, source, slot, house_code, highest_version, revision, status, state)"
        " SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::int[], %b::text[], %b::bigint[], %b::bigint[],"
        " %b::text[], %b::bytea[]) ON CONFLICT (subject, entity_id) DO UPDATE SET highest_version ="
        " excluded.highest_version, revision = excluded.revision, status = excluded.status, house_code ="
        " excluded.house_code, state = coalesce(excluded.state, e.state)"
        " WHERE e.slot = excluded.slot AND e.source = excluded.source",
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
    )
    if cursor.rowcount != len(rows):
        raise Contended("an entity was written by another slot at the same moment")


def save_claims(db: Connection, workspace: Workspace) -> None:
    """Write what now stands on the houses, and remove what no longer does. Endings first, so that a unit is free."""
    gone = [(h, k) for h, k in sorted(workspace.claims_changed) if k not in workspace.standing[h]]
    kept = [
        (h, workspace.standing[h][k])
        for h, k in sorted(workspace.claims_changed)
        if k in workspace.standing[h]
    ]
    if gone:
        db.execute(
            "DELETE FROM admission.claim c USING unnest(%s::text[], %s::text[], %s::text[]) AS g(h, s, e)"
            " WHERE c.house_code = g.h AND c.subject = g.s AND c.entity_id = g.e",
            ([h for h, _ in gone], [k.subject for _, k in gone], [k.entity_id for _, k in gone]),
        )
    if kept:
        _upsert_claims(db, kept)


def _upsert_claims(db: Connection, kept: Sequence[tuple[str, Claim]]) -> None:
    db.execute(
        "INSERT INTO admission.claim (house_code, subject, entity_id, status, baseline, contract_no, principals)"
        " SELECT h, s, e, st, b, c, string_to_array(p, ',') FROM"
        " unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::text[], %s::text[])"
        " AS v(h, s, e, st, b, c, p) ON CONFLICT (house_code, subject, entity_id) DO UPDATE SET"
        " status = excluded.status, contract_no = excluded.contract_no, principals = excluded.principals",
        (
            [house for house, _ in kept],
            [claim.key.subject for _, claim in kept],
            [claim.key.entity_id for _, claim in kept],
            [claim.status for _, claim in kept],
            [claim.baseline for _, claim in kept],
            [claim.contract_no for _, claim in kept],
            [",".join(claim.principals) for _, claim in kept],
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


def replace_outbox(db: Connection, published_before: Mapping[int, int], rows: Sequence[OutboxRow]) -> None:
    """Drop what is published, keep what is not yet. ``published_before`` gives for each slot the first open seq."""
    db.execute(
        "DELETE FROM admission.outbox o USING unnest(%s::int[], %s::bigint[]) AS p(slot, seq)"
        " WHERE o.slot = p.slot AND o.slot_seq < p.seq",
        (list(published_before), list(published_before.values())),
    )
    with db.cursor().copy(
        "COPY admission.outbox (slot, slot_seq, position, intake_topic, intake_offset, topic, key, value, headers)"
        " FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["int4", "int8", "int4", "text", "int8", "text", "bytea", "bytea", "jsonb"])
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
                    m.key,
                    m.value,
                    headers,
                )
            )


def _typed(rows: Sequence[tuple[object, ...]]) -> Sequence[tuple[Any, ...]]:
    return rows
