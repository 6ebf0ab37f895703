"""What a batch knows and changes: loaded once, decided on in memory, written once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.admission.effects import claim_of
from broker.admission.model import CONTRACTS, Candidate, Claim, Decided, Entity, EntityKey, Outcome, Verdict


@dataclass(slots=True)
class Workspace:
    """The view of one batch. ``changed``, ``wire`` (new states as exchange records) and ``claims_changed`` are to be written."""

    entities: dict[EntityKey, Entity] = field(default_factory=dict)
    decisions: dict[tuple[str, str], Decided] = field(default_factory=dict)
    standing: dict[str, dict[EntityKey, Claim]] = field(default_factory=dict)
    changed: set[EntityKey] = field(default_factory=set)
    wire: dict[EntityKey, bytes] = field(default_factory=dict)
    claims_changed: set[tuple[str, EntityKey]] = field(default_factory=set)

    def entity(self, key: EntityKey) -> Entity | None:
        return self.entities.get(key)

    def decided(self, principal: str, event_id: str) -> Decided | None:
        return self.decisions.get((principal, event_id))

    def claims(self, house_code: str) -> Mapping[EntityKey, Claim]:
        return self.standing.get(house_code, {})

    def apply(self, candidate: Candidate, verdict: Verdict, slot: int) -> bool:
        """Take a verdict into account for what follows in the batch. True if its event id is remembered by it."""
        remembered = self._remember(candidate, verdict)
        if verdict.advances:
            self._advance(candidate, slot)
        for emission in verdict.emissions:
            entity = self.entities[emission.key]
            self.entities[emission.key] = entity.with_(
                revision=emission.revision, status=emission.status, state=emission.body
            )
            self.changed.add(emission.key)
            self._claim(emission.body.get("house_code"), emission.key, claim_of(emission))
        return remembered

    def _remember(self, candidate: Candidate, verdict: Verdict) -> bool:
        key = (candidate.principal, candidate.event_id)
        if verdict.outcome is Outcome.DUPLICATE or key in self.decisions:
            return False
        self.decisions[key] = Decided(verdict.decision_id, candidate.sha256)
        return True

    def _advance(self, candidate: Candidate, slot: int) -> None:
        version = candidate.body["version"]
        known = self.entities.get(candidate.key)
        self.entities[candidate.key] = (
            known.with_(highest_version=version, house_code=known.house_code or candidate.house_code)
            if known
            else Entity(candidate.principal, slot, candidate.house_code, version, 0, None, None)
        )
        self.changed.add(candidate.key)

    def _claim(self, house_code: str | None, key: EntityKey, claim: Claim | None) -> None:
        if house_code is None or key.subject not in CONTRACTS:
            return
        standing = self.standing.setdefault(house_code, {})
        if claim is None and key not in standing:
            return
        self.claims_changed.add((house_code, key))
        if claim is None:
            del standing[key]
        else:
            standing[key] = claim
