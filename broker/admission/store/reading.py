"""What deciding a batch takes, read in a few statements."""

from collections.abc import Iterable, Sequence

from broker.admission.model import Body, Candidate, Claim, Decided, Entity, EntityKey, Place
from broker.admission.store.facts import load_facts
from broker.admission.store.rows import typed
from broker.admission.workspace import Workspace
from broker.codec import Decoder
from broker.store.connect import Connection
from schemas.catalogue import INTERNAL

NEEDED = frozenset({"sale", "mortgage", "seizure", "title", "signal"})
"""Subjects whose entities are read wherever they stand on a house. Of a lease only its claim is looked at, and a house's
conflicts are read whole, whether they stand or not: what was resolved can be raised again."""


def load(
    db: Connection, candidates: Sequence[Candidate], decoder: Decoder, *, locked: bool = True
) -> Workspace:
    """All that deciding these candidates may need, locked against those who would change it meanwhile.

    ``decoder`` reads states, which are kept as exchange records. Raises Contended if it must be begun again. ``locked``
    is false for a question without effect, which takes one snapshot and holds nobody up.
    """
    workspace = Workspace()
    if not candidates:
        return workspace
    # Facts first: their locks make us wait for others, and what is read after the wait includes what these have done.
    load_facts(db, candidates, workspace, locked=locked)
    houses = sorted(set(_houses(candidates)))
    for house_code, claim in _claims(db, houses):
        workspace.claimed.setdefault(house_code, {})[claim.key] = claim
    wanted = set(_wanted(candidates, houses, workspace))
    for key, entity in _entities(db, sorted(wanted), houses, decoder):
        workspace.entities[key] = entity
        workspace.owners[key] = entity.slot
    workspace.decisions.update(_decisions(db, candidates))
    workspace.origins.update(_origins(db, [c.redriven.origin for c in candidates if c.redriven]))
    return workspace


def _houses(candidates: Iterable[Candidate]) -> Iterable[str]:
    for candidate in candidates:
        if candidate.house_code is not None:
            yield candidate.house_code
        if candidate.principal == INTERNAL and candidate.subject == "seizure":
            # The house that it is to be bound to. Only our own word is taken for it: a source may write anything there.
            bound = candidate.body["bound_house_code"]
            if bound is not None:
                yield bound


def _wanted(
    candidates: Sequence[Candidate], houses: Iterable[str], workspace: Workspace
) -> Iterable[EntityKey]:
    for candidate in candidates:
        yield candidate.key
        if candidate.principal == INTERNAL and candidate.subject == "conflict":
            # Its sides may no longer stand, and then the house's claims do not name them. What is of another slot is
            # known only by its facts.
            for side in candidate.body["sides"]:
                if side["subject"] in NEEDED:
                    yield EntityKey(side["subject"], side["entity_id"])
        if (
            candidate.principal == INTERNAL
            and candidate.subject == "watch"
            and candidate.body["hit_entity_id"]
        ):
            yield EntityKey(candidate.body["hit_subject"], candidate.body["hit_entity_id"])
    sought = {c.house_code for c in candidates if c.principal == INTERNAL and c.subject == "watch"}
    for house in houses:
        yield EntityKey("unit", house)
    for house, claims in workspace.claimed.items():
        yield from (key for key in claims if key.subject in NEEDED or house in sought)
    # Held seizures are of other slots and on no house. Whoever tells them of theirs repeats their last record.
    for (kind, _), facts in workspace.shared.items():
        if kind == "held":
            yield from facts


def _claims(db: Connection, houses: list[str]) -> Iterable[tuple[str, Claim]]:
    if not houses:
        return
    rows = db.execute(
        "SELECT house_code, subject, entity_id, status, beside, contract_no, principals, kind, rank, amount"
        " FROM admission.claim WHERE house_code = ANY(%b)",
        (houses,),
    ).fetchall()
    for house, subject, entity_id, status, beside, number, principals, kind, rank, amount in typed(rows):
        key = EntityKey(subject, entity_id)
        yield house, Claim(key, status, beside, number, tuple(principals), kind, rank, amount)


def _entities(
    db: Connection, keys: list[EntityKey], houses: list[str], decoder: Decoder
) -> Iterable[tuple[EntityKey, Entity]]:
    rows = db.execute(
        "SELECT subject, entity_id, source, slot, house_code, highest_version, revision, status, state"
        " FROM unnest(%b::text[], %b::text[]) AS k(subject, entity_id) JOIN admission.entity USING (subject, entity_id)"
        " UNION ALL"
        " SELECT subject, entity_id, source, slot, house_code, highest_version, revision, status, state"
        " FROM admission.entity WHERE subject = 'conflict' AND house_code = ANY(%b)",
        ([k.subject for k in keys], [k.entity_id for k in keys], houses),
        binary=True,
    ).fetchall()
    for subject, entity_id, source, slot, house_code, highest_version, revision, status, state in typed(rows):
        recall = Recall(state, decoder)
        entity = Entity(source, slot, house_code, highest_version, revision, status, recall)
        yield EntityKey(subject, entity_id), entity


class Recall:
    """The last accepted record of an entity, decoded when it is first asked for: a decision looks at few of those that
    it might have to look at."""

    __slots__ = ("_body", "_decoder", "_state")

    def __init__(self, state: bytes | None, decoder: Decoder) -> None:
        self._state = state
        self._decoder = decoder
        self._body: Body | None = None

    def __call__(self) -> Body | None:
        if self._body is None and self._state is not None:
            self._body = self._decoder.decode(self._state)[1]
        return self._body


def _decisions(db: Connection, candidates: Sequence[Candidate]) -> Iterable[tuple[tuple[str, str], Decided]]:
    rows = db.execute(
        "SELECT principal, event_id, decision_id, intake_sha256 FROM unnest(%b::text[], %b::text[])"
        " AS k(principal, event_id) JOIN admission.decision USING (principal, event_id)",
        ([c.principal for c in candidates], [c.event_id for c in candidates]),
    ).fetchall()
    for principal, event_id, decision_id, sha256 in typed(rows):
        yield (principal, event_id), Decided(decision_id, sha256)


def _origins(db: Connection, origins: Sequence[Place]) -> Iterable[tuple[Place, str]]:
    if not origins:
        return
    rows = db.execute(
        'SELECT topic, partition, "offset", decision_id FROM unnest(%b::text[], %b::int[], %b::bigint[])'
        ' AS k(topic, partition, "offset") JOIN admission.redriven USING (topic, partition, "offset")',
        ([o.topic for o in origins], [o.partition for o in origins], [o.offset for o in origins]),
    ).fetchall()
    for topic, partition, offset, decision_id in typed(rows):
        yield Place(topic, partition, offset), decision_id
