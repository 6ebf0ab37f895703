"""What the account knows: entities, what stands on each house, what each tells all others; and a decision in the making.

An entity *tells* facts by which others find it: a listing its parties, a sale its buyers, a project its permits. They
are told anew by each revision, and taken back when it no longer stands.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from producers.simulator.ledger import Facts
from producers.simulator.model_tables import CONTRACTS, NONE, STANDING
from producers.simulator.model_terms import Span, china
from producers.simulator.model_words import Asked, Internal, Key, Revision

Lookup = tuple[str, Any]


@dataclass(slots=True)
class Seizure:
    """What the exchange itself says of a seizure: its place in the queue, what it is there, and for how long."""

    place: int | None = None
    kind: str | None = None
    span: Span | None = None


@dataclass(slots=True)
class Clash:
    """The kind of a conflict and its two sides."""

    kind: str
    sides: frozenset[Key]


@dataclass(slots=True)
class Entity:
    """An entity as its source and the decisions so far left it. ``house``: where it belongs, for ever once known."""

    key: Key
    source: str
    house: str | None
    slot: int
    highest: int = 0
    revision: int = 0
    status: str = NONE
    filing_no: str | None = None
    interested: tuple[str, ...] = ()
    last: Facts | None = None
    seizure: Seizure = field(default_factory=Seizure)
    clash: Clash | None = None
    shown: Any = None
    """Of a unit: sale status and restrictions as last published."""

    @property
    def facts(self) -> Facts:
        """The last accepted record."""
        assert self.last is not None, "only asked of what was accepted"
        return self.last

    @property
    def stands(self) -> bool:
        return self.status in STANDING.get(self.key[0], ())


class World:
    """All entities."""

    def __init__(self) -> None:
        self.entities: dict[Key, Entity] = {}
        self._on_house: dict[str, dict[Key, Entity]] = {}
        self._told: dict[Lookup, dict[Key, Entity]] = {}
        self._tells: dict[Key, tuple[Lookup, ...]] = {}

    def find(self, key: Key) -> Entity | None:
        return self.entities.get(key)

    def on(self, house: str, subject: str) -> list[Entity]:
        """What of a subject stands on a house, in the order of ids."""
        standing = self._on_house.get(house, {})
        return [standing[key] for key in sorted(standing) if key[0] == subject]

    def told(self, kind: str, key: Any) -> list[Entity]:
        """Who tells this fact, in the order of ids."""
        found = self._told.get((kind, key), {})
        return [found[key] for key in sorted(found)]

    def same_party(self, party: Any) -> set[Any]:
        """All documents of a party, as its aliases link them, its own among them."""
        found, waiting = {party}, [party]
        while waiting:
            for alias in self.told("alias", waiting.pop()):
                new = set(alias.facts.terms["parties"]) - found
                found |= new
                waiting += new
        return found

    def is_active_unit(self, house: str) -> bool:
        unit = self.find(("unit", house))
        return unit is not None and unit.status == "ACTIVE"

    def revised(self, entity: Entity) -> None:
        """Where it stands and what it tells, after a new revision of it."""
        if entity.house is not None:
            standing = self._on_house.setdefault(entity.house, {})
            if entity.stands:
                standing[entity.key] = entity
            else:
                standing.pop(entity.key, None)
        for lookup in self._tells.get(entity.key, ()):
            del self._told[lookup][entity.key]
        self._tells[entity.key] = tells = tuple(dict.fromkeys(_tells(entity)))
        for lookup in tells:
            self._told.setdefault(lookup, {})[entity.key] = entity


def target_of(facts: Facts) -> Lookup | None:
    """What a seizure without a house names instead."""
    if facts.house_code:
        return None
    for kind, name in (("contract", "contract_no"), ("realty_unit", "realty_unit_no")):
        if facts.terms.get(name):
            return kind, facts.terms[name]
    return None


def _tells(entity: Entity) -> Iterator[Lookup]:
    subject, entity_id = entity.key
    if subject in CONTRACTS:
        yield "contract", entity.facts.terms["contract_no"]
    elif subject == "seizure" and entity.status == "HELD" and entity.house is None:
        # One that is bound to a house, whose unit is still to come, is not looked for any more.
        target = target_of(entity.facts)
        if target is not None:
            yield "held", target
    elif subject == "defaulter" and entity.status == "LISTED":
        yield "listed", entity_id
    if entity.status == _TELLING.get(subject) or (subject == "sale" and entity.stands):
        yield from _TOLD[subject](entity)


_TELLING = {
    "defaulter": "LISTED",
    "alias": "LINKED",
    "project": "ACTIVE",
    "unit": "ACTIVE",
    "conflict": "OPEN",
}
_TOLD: dict[str, Callable[[Entity], Iterable[Lookup]]] = {
    "sale": lambda one: (("buyer", party) for party in one.facts.terms["parties"]),
    "defaulter": lambda one: (("listing", party) for party in one.facts.terms["parties"]),
    "alias": lambda one: (("alias", party) for party in one.facts.terms["parties"]),
    "project": lambda one: (("permit", number) for number, _, _ in one.facts.terms["permits"]),
    "unit": lambda one: (("realty_unit", number) for number in [one.facts.terms["realty_unit_no"]] if number),
    "conflict": lambda one: (
        (("clash", i) for kind, i in one.clash.sides if kind == "defaulter") if one.clash else ()
    ),
}


def caused(event_id: str, name: str, event_type: str) -> str:
    """The id of an event that the exchange makes because of another."""
    return str(uuid5(UUID(event_id), f"{name}:{event_type}"))


class Hand:
    """A decision in the making: what it brings about, in order. ``cause`` is the event by which all of it comes."""

    def __init__(self, world: World, at: datetime, cause: str, house: str | None) -> None:
        self.world = world
        self.today: date = china(at)
        self.cause = cause
        self.revisions: list[Revision] = []
        self.asked: list[Asked] = []
        self.head_before = self._head(house)
        self.live_before = self._live(house)

    def _head(self, house: str | None) -> Key | None:
        found = self.world.on(house, "seizure") if house else []
        return next((one.key for one in found if one.status == "EFFECTIVE"), None)

    def _live(self, house: str | None) -> frozenset[Key]:
        return frozenset(one.key for one in self.world.on(house, "mortgage")) if house else frozenset()

    def revise(
        self,
        entity: Entity,
        event_type: str,
        event_id: str,
        status: str | None = None,
        interested: Iterable[str] | None = None,
    ) -> None:
        """A new revision; status and interested organisations stay if none are given."""
        before = entity.interested
        entity.status = entity.status if status is None else status
        entity.interested = before if interested is None else tuple(interested)
        entity.revision += 1
        self.world.revised(entity)
        self.revisions.append(
            Revision(
                *entity.key,
                entity.revision,
                event_type,
                event_id,
                entity.status,
                entity.interested,
                before,
            )
        )

    def make(
        self,
        entity: Entity,
        event_type: str,
        status: str | None = None,
        cause: str | None = None,
        interested: Iterable[str] | None = None,
    ) -> None:
        """A new revision that the exchange itself makes."""
        event_id = caused(cause or self.cause, entity.key[1], event_type)
        self.revise(entity, event_type, event_id, status, interested)

    def ask(
        self, subject: str, event_type: str, entity_id: str, house: str, *about: Key, name: str = ""
    ) -> None:
        """Something is to be done in another slot. ``name`` goes into its event id in place of the entity's."""
        event_id = caused(self.cause, name or entity_id, event_type)
        asked = Asked(Internal(subject, event_type, entity_id, event_id), house, about)
        if asked not in self.asked:
            self.asked.append(asked)
