"""What a batch knows and changes: loaded once, decided on in memory, written once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker.admission.claims import claim_of
from broker.admission.facts import Lookup, facts_of
from broker.admission.model import (
    Candidate,
    Claim,
    Decided,
    Emission,
    Entity,
    EntityKey,
    Fact,
    Outcome,
    Place,
    Verdict,
)
from broker.slots import slot_of
from schemas.catalogue import INTERNAL

TIMER_EVENT = "EXPIRED"
"""Events that time brings about. Whoever is first, the sweep or the next record on the house, lets them happen."""


@dataclass(slots=True)
class Workspace:
    """The view of one batch.

    To be written: ``changed`` entities with ``wire`` (new states as exchange records), ``claims_changed``, and the facts
    that the ``revised`` now have ``told``; ``origins_new``, the quarantined records on which an operator's sending them
    in again has brought a decision. ``owners`` are the slots that the entities belonged to when they were read:
    they stay as they were, and what is not among them was not known then.
    """

    entities: dict[EntityKey, Entity] = field(default_factory=dict)
    owners: dict[EntityKey, int] = field(default_factory=dict)
    decisions: dict[tuple[str, str], Decided] = field(default_factory=dict)
    origins: dict[Place, str] = field(default_factory=dict)
    origins_new: dict[Place, Verdict] = field(default_factory=dict)
    claimed: dict[str, dict[EntityKey, Claim]] = field(default_factory=dict)
    shared: dict[Lookup, dict[EntityKey, Fact]] = field(default_factory=dict)
    told: dict[EntityKey, frozenset[Fact]] = field(default_factory=dict)
    changed: set[EntityKey] = field(default_factory=set)
    wire: dict[EntityKey, bytes] = field(default_factory=dict)
    claims_changed: set[tuple[str, EntityKey]] = field(default_factory=set)
    revised: dict[EntityKey, Emission] = field(default_factory=dict)

    # -- the view ----------------------------------------------------------------------------------------------------

    def entity(self, key: EntityKey) -> Entity | None:
        return self.entities.get(key)

    def decided(self, principal: str, event_id: str) -> Decided | None:
        return self.decisions.get((principal, event_id))

    def settled(self, origin: Place) -> str | None:
        return self.origins.get(origin)

    def claims(self, house_code: str) -> Mapping[EntityKey, Claim]:
        return self.claimed.get(house_code, {})

    def facts(self, kind: str, key: str) -> Sequence[Fact]:
        found = self.shared.get((kind, key))
        return tuple(found[entity] for entity in sorted(found)) if found else ()

    # -- what a verdict changes --------------------------------------------------------------------------------------

    def apply(self, candidate: Candidate, verdict: Verdict, slots: int) -> list[tuple[str, str]]:
        """Take a verdict into account for what follows in the batch. Returns the (principal, event id) it is
        remembered by: the candidate's, and those of events that were due and happened with it."""
        remembered = self._remember(candidate, verdict)
        self._settle(candidate, verdict)
        if verdict.advances:
            self._advance(candidate)
        for emission in verdict.revisions:
            self._revise(emission, candidate.place.partition)
        for key, house_code in verdict.handed_over.items():
            self._hand_over(key, house_code, slots)
        return remembered

    def _settle(self, candidate: Candidate, verdict: Verdict) -> None:
        """Each quarantined record is decided once, however often and however edited it is sent in again."""
        if candidate.redriven is None or candidate.redriven.origin in self.origins:
            return
        if not _asked_in_vain(candidate, verdict):
            self.origins[candidate.redriven.origin] = verdict.decision_id
            self.origins_new[candidate.redriven.origin] = verdict

    def _remember(self, candidate: Candidate, verdict: Verdict) -> list[tuple[str, str]]:
        if verdict.outcome is Outcome.DUPLICATE:
            return []
        own = (candidate.principal, candidate.event_id)
        names = [
            *([] if _asked_in_vain(candidate, verdict) else [own]),
            *((INTERNAL, str(e.body["event_id"])) for e in verdict.revisions if _is_timer(e)),
        ]
        new = [name for name in dict.fromkeys(names) if name not in self.decisions]
        for name in new:
            self.decisions[name] = Decided(verdict.decision_id, candidate.sha256 if name == own else "")
        return new

    def _advance(self, candidate: Candidate) -> None:
        version = candidate.body["version"]
        known = self.entities.get(candidate.key)
        self.entities[candidate.key] = (
            known.with_(highest_version=version, house_code=known.house_code or candidate.house_code)
            if known
            else Entity(
                candidate.principal, candidate.place.partition, candidate.house_code, version, 0, None
            )
        )
        self.changed.add(candidate.key)

    def _revise(self, emission: Emission, slot: int) -> None:
        key, body = emission.key, emission.body
        known = self.entities.get(key) or Entity(
            body["source"], slot, body.get("house_code"), body["version"], 0, None
        )
        self.entities[key] = known.revised(body, emission.status)
        self.changed.add(key)
        self.revised[key] = emission
        self._claim(emission)
        self._tell(emission)

    def _hand_over(self, key: EntityKey, house_code: str, slots: int) -> None:
        slot = slot_of(house_code, slots)
        self.entities[key] = self.entities[key].with_(house_code=house_code, slot=slot)
        self.changed.add(key)

    def _claim(self, emission: Emission) -> None:
        house, key = emission.house_code, emission.key
        claim = claim_of(emission, self.claims(house) if house else ())
        if house is None or (claim is None and key not in self.claims(house)):
            return
        standing = self.claimed.setdefault(house, {})
        self.claims_changed.add((house, key))
        if claim is None:
            del standing[key]
        else:
            standing[key] = claim

    def _tell(self, emission: Emission) -> None:
        for fact in self.told.get(emission.key, ()):
            self.shared.get((fact.kind, fact.key), {}).pop(emission.key, None)
        now = facts_of(emission)
        for fact in sorted(now, key=repr):  # of two with one key, the same for everyone: see ``save_facts``
            self.shared.setdefault((fact.kind, fact.key), {})[emission.key] = fact
        self.told[emission.key] = now


def _asked_in_vain(candidate: Candidate, verdict: Verdict) -> bool:
    """What the exchange asks of itself may come too early, as by another instance's clock, and must then be free to come
    again."""
    return candidate.principal == INTERNAL and verdict.outcome is Outcome.REFUSED


def _is_timer(emission: Emission) -> bool:
    return bool(emission.body["event_type"] == TIMER_EVENT)
