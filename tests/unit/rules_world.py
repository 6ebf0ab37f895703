"""One house and the facts about it, in memory, for the tests of the rules: what stands, and what a rule says of a record."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import schemas
from broker.admission.claims import claim_of
from broker.admission.draft import Draft
from broker.admission.facts import facts_of
from broker.admission.model import Body, Candidate, Claim, Decided, Emission, Entity, EntityKey, Fact, Place
from broker.admission.reasons import Evidence, Reason
from broker.admission.rules import objections
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json
from schemas.policies import Policy, load_policy

NOW = datetime(2021, 6, 1, tzinfo=UTC)
COUNTY = "411402"
HOUSE = "41140200120200600001201016"
ZHANG, LI, ZHANG_BEFORE = "a" * 64, "b" * 64, "c" * 64
"""References of the two buyers of the presale example, and of an earlier document of the first."""
_EXAMPLES = {
    "unit": "registered",
    "sale": "presale",
    "lease": "filed",
    "mortgage": "filed",
    "seizure": "seized",
    "defaulter": "listed",
    "alias": "id-card-renewed",
    "title": "pre-notice",
    "project": "registered",
}
_offsets = itertools.count()


def body_of(subject: str, **changes: Any) -> Body:
    """A record of the subject, as admission has it after filling in what the exchange owns."""
    path = Path(schemas.__file__).with_name("examples") / subject / "v1" / f"{_EXAMPLES[subject]}.json"
    form = json.loads(path.read_text(encoding="utf-8"))
    body: Body = from_json(load_schema(subject, latest_version(subject)), form)
    return body | {"county_code": COUNTY} | changes


def buyer(ref: str | None, role: str = "BUYER") -> Mapping[str, Any]:
    """A party of a sale."""
    parties: Sequence[Any] = body_of("sale")["parties"]
    return {**parties[1], "party_ref": ref, "role": role}


def sale(event_type: str = "SIGNED", buyers: Sequence[Mapping[str, Any]] = (), **changes: Any) -> Candidate:
    """A sale of the house, by default one that no rule has anything against."""
    parties = {"parties": [buyer("d" * 64, "SELLER"), *buyers]}
    return candidate("sale", event_type, **({"contract_kind": "12"} | parties | changes))


def candidate(subject: str, event_type: str, **changes: Any) -> Candidate:
    """A record of the house that asks to be taken."""
    own = {"house_code": HOUSE, "event_type": event_type, "contract_status": event_type}
    body = body_of(subject, **(own | changes))
    return Candidate(Place("intake.test", 0, next(_offsets)), "sha", "test", subject, body)


class World:
    """A view of what was accepted before. Everything in it has revision 1 unless it is said otherwise."""

    def __init__(self) -> None:
        self._entities: dict[EntityKey, Entity] = {}
        self._claims: dict[str, dict[EntityKey, Claim]] = {}
        self._facts: dict[EntityKey, frozenset[Fact]] = {}

    def has(self, subject: str, entity_id: str, status: str, **changes: Any) -> Evidence:
        """Make something stand, and return it as evidence shows it."""
        key, revision = EntityKey(subject, entity_id), changes.get("revision", 1)
        own = {"entity_id": entity_id, "revision": revision, "house_code": HOUSE, "status": status}
        own["recorded_at"] = NOW
        emission = Emission(key, body_of(subject, **(own | changes)), status)
        house = emission.house_code
        self._entities[key] = Entity("test", 0, house, 1, 0, None).revised(emission.body, status)
        self._facts[key] = facts_of(emission)
        if house is not None and (claim := claim_of(emission, self._claims.get(house, {}))):
            self._claims.setdefault(house, {})[key] = claim
        return Evidence(subject, entity_id, revision)

    def forget(self, subject: str, entity_id: str) -> None:
        del self._entities[EntityKey(subject, entity_id)]

    def entity(self, key: EntityKey) -> Entity | None:
        return self._entities.get(key)

    def decided(self, _principal: str, _event_id: str) -> Decided | None:
        return None

    def settled(self, _origin: Place) -> str | None:
        return None

    def claims(self, house_code: str) -> Mapping[EntityKey, Claim]:
        return self._claims.get(house_code, {})

    def facts(self, kind: str, key: str) -> Sequence[Fact]:
        told = itertools.chain.from_iterable(self._facts.values())
        return sorted(fact for fact in told if (fact.kind, fact.key) == (kind, key))

    def draft(self, policy: Policy | None = None, at: datetime = NOW) -> Draft:
        return Draft(self, load_catalogue(), policy or load_policy(), "decision", at, 0)


Rule = Callable[[Candidate, Draft], Sequence[Reason]]


def told(reasons: Sequence[Reason]) -> list[tuple[str, str | None, tuple[Evidence, ...]]]:
    """What a test looks at first: code, field and evidence."""
    return [(item.code, item.field, item.evidence) for item in reasons]


def codes(world: World, asked: Candidate, policy: Policy | None = None, at: datetime = NOW) -> list[str]:
    """The codes of all objections to a record."""
    return [item.code for item in objections(asked, world.draft(policy, at))]
