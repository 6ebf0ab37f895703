"""A decision in the making: what was known, with the revisions that the decision has brought about so far.

The steps of a decision share one draft, so each sees what those before it did. A draft also notes which facts of other
slots were looked at, absence included: they become the decision's ``seen``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from broker.admission.claims import claim_of
from broker.admission.facts import aliases_in
from broker.admission.model import (
    Body,
    Claim,
    Decided,
    Emission,
    Entity,
    EntityKey,
    Fact,
    Place,
    Request,
    View,
)
from broker.admission.reasons import Evidence
from schemas.catalogue import INTERNAL, Catalogue
from schemas.policies import Policy
from schemas.reckoning import Reckoning, load_reckoning

CHINA = ZoneInfo("Asia/Shanghai")


class Draft:
    """A view that can be added to. It changes nothing beneath it."""

    def __init__(
        self,
        view: View,
        catalogue: Catalogue,
        policy: Policy,
        decision_id: str,
        at: datetime,
        slot: int,
        reckoning: Reckoning | None = None,
    ) -> None:
        self._view = view
        self.catalogue = catalogue
        self.policy = policy
        self.reckoning = reckoning or load_reckoning()
        self.decision_id = decision_id
        self.at = at
        self.slot = slot
        self.emissions: list[Emission] = []
        self.requests: list[Request] = []
        self.warnings: frozenset[str] = frozenset()
        self._entities: dict[EntityKey, Entity] = {}
        self._claims: dict[str, dict[EntityKey, Claim]] = {}
        self._seen: dict[Evidence, None] = {}
        self.handed_over: dict[EntityKey, str] = {}

    @property
    def today(self) -> date:
        """The date of the decision in China, which all terms are counted in."""
        return self.at.astimezone(CHINA).date()

    # -- looking -----------------------------------------------------------------------------------------------------

    def entity(self, key: EntityKey) -> Entity | None:
        return self._entities.get(key) or self._view.entity(key)

    def before(self, key: EntityKey) -> Entity | None:
        """An entity as it was when this draft began."""
        return self._view.entity(key)

    def decided(self, principal: str, event_id: str) -> Decided | None:
        return self._view.decided(principal, event_id)

    def settled(self, origin: Place) -> str | None:
        return self._view.settled(origin)

    def claims(self, house_code: str) -> Mapping[EntityKey, Claim]:
        return self._claims[house_code] if house_code in self._claims else self._view.claims(house_code)

    def facts(self, kind: str, key: str) -> Sequence[Fact]:
        """Facts of other slots, noted as seen. What this draft itself brought about is not among them."""
        found = self._view.facts(kind, key)
        for fact in found:
            self._seen[Evidence(fact.subject, fact.entity_id, fact.revision)] = None
        if not found:
            self._seen[Evidence(kind, key, None)] = None
        return found

    def look(self, kind: str, key: str) -> Sequence[Fact]:
        """Facts that bear on no decision, only on whom it is told to: they are not noted."""
        return self._view.facts(kind, key)

    def same_party(self, ref: str) -> tuple[str, ...]:
        """All references of a party, its own first, as its aliases link them."""
        return self._linked(ref, self.facts)

    def linked(self, ref: str) -> tuple[str, ...]:
        """The same, where it bears on no decision."""
        return self._linked(ref, self.look)

    def _linked(self, ref: str, facts: Callable[[str, str], Sequence[Fact]]) -> tuple[str, ...]:
        found: dict[str, None] = {ref: None}
        waiting = [ref]
        while waiting:
            for fact in facts("alias", waiting.pop()):
                new = [other for other in aliases_in(fact) if other not in found]
                found |= dict.fromkeys(new)
                waiting += new
        return tuple(found)

    @property
    def seen(self) -> tuple[Evidence, ...]:
        """Every fact looked at, in order. Revision None: no fact of that kind and key was there."""
        return tuple(self._seen)

    def standing(self, house_code: str, subject: str) -> list[EntityKey]:
        """What of a subject stands on a house, in a fixed order."""
        return sorted(key for key in self.claims(house_code) if key.subject == subject)

    def known(self, key: EntityKey) -> Entity:
        """An entity that must be known, such as one that stands on a house."""
        entity = self.entity(key)
        assert entity is not None, "what stands on a house is known"
        return entity

    def state(self, key: EntityKey) -> Body:
        """The newest record of an entity that must have one."""
        return self.known(key).known

    def is_active_unit(self, house_code: str) -> bool:
        """Whether the building table (楼盘表) holds this house."""
        unit = self.entity(EntityKey("unit", house_code))
        return unit is not None and unit.status == "ACTIVE"

    def evidence(self, key: EntityKey) -> Evidence:
        """An entity as it is now, for a reason."""
        entity = self.entity(key)
        return Evidence(key.subject, key.entity_id, entity.revision if entity and entity.revision else None)

    # -- adding ------------------------------------------------------------------------------------------------------

    def emit(self, emission: Emission) -> None:
        """A new revision, of an entity known or new."""
        key, house = emission.key, emission.house_code
        entity = self.entity(key) or Entity(
            emission.body["source"],
            self.slot,
            emission.body.get("house_code"),
            emission.body["version"],
            0,
            None,
        )
        self._entities[key] = entity.revised(emission.body, emission.status)
        self.emissions.append(emission)
        if house is not None:
            standing = dict(self.claims(house))
            standing.pop(key, None)
            if claim := claim_of(emission, standing):
                standing[key] = claim
            self._claims[house] = standing

    def change(
        self, key: EntityKey, event_type: str, event_id: str, status: str | None = None, **changes: Any
    ) -> Emission:
        """A new revision of a known entity that the exchange itself makes; its status stays if none is given."""
        entity = self.entity(key)
        assert entity is not None, "the exchange changes what is known"
        before = entity.known
        interested = before["interested"]
        body = (
            before
            | {
                "event_id": event_id,
                "event_type": event_type,
                "occurred_at": self.at,
                "revision": entity.revision + 1,
                "recorded_at": self.at,
                "decision_id": self.decision_id,
                "interested_before": interested,
            }
            | changes
        )
        after = entity.status if status is None else status
        if "status" in body:
            body["status"] = after
        emission = Emission(key, body, after)
        self.emit(emission)
        return emission

    def create(
        self, subject: str, entity_id: str, event_type: str, event_id: str, status: str, **fields: Any
    ) -> Emission:
        """The first revision of an entity that the exchange itself makes, such as a conflict."""
        body: Body = {
            "event_id": event_id,
            "event_type": event_type,
            "entity_id": entity_id,
            "version": 1,
            "source": INTERNAL,
            "occurred_at": self.at,
            "baseline": False,
            "group_id": None,
            "revision": 1,
            "recorded_at": self.at,
            "decision_id": self.decision_id,
            "interested": [],
            "interested_before": [],
            "status": status,
        } | fields
        emission = Emission(EntityKey(subject, entity_id), body, status)
        self.emit(emission)
        return emission

    def hand_over(self, key: EntityKey, house_code: str) -> None:
        """From now on the slot of this house alone decides on the entity."""
        self.handed_over[key] = house_code

    def request(self, subject: str, body: Body) -> None:
        """Ask the exchange itself, in another slot or later."""
        self.requests.append(Request(subject, body))
