"""Making a story: which decisions belong to it, and what each of them came from and led to.

1. Everything in which the asked-for text stands; that tells what the matter is and which entities it is about.
2. Every decision on these entities, or that changed them, or that answers a record that names the matter: a refused
   record leaves no trace on the exchange, only in the intake and in its decision.
3. What the exchange asked of itself because of these: its event ids are made of the cause's, so they tell.
4. The revisions that all these decisions wrote.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from broker.errors import ConfigError
from qianbei.explain.entries import Revision, entry_of
from qianbei.explain.model import Entry, Json, Matter, Story
from qianbei.explain.trail import Trail, trail_of
from qianbei.inspect.reading import place_of
from qianbei.inspect.tail import Line
from qianbei.site import Site
from schemas.said import said

_LINKS = 3
"""So many requests in a row are followed: a request may ask in turn."""

Id = tuple[str, str]
"""Subject and entity id."""


class NothingFound(ConfigError):
    """There is no such event, contract, house or entity on the exchange."""


def story(site: Site, what: str) -> Story:
    """The story of an event id, a contract number, a house code, or the id of any entity such as a seizure.

    Raises NothingFound, Unavailable or AccessDenied.
    """
    with trail_of(site) as trail:
        return tell(trail, what)


def tell(trail: Trail, what: str) -> Story:
    """The same from any trail."""
    if not what.strip():
        raise NothingFound(said("name an event id, a contract number, a house code or a seizure's id"))
    found = _Findings(what)
    found.add(trail.search([what]))
    matter = found.matter()
    if matter is None:
        raise NothingFound(
            said(
                "nothing on this exchange is called {what!r}: give an event_id, a contract_no, a "
                "house_code or an entity_id in full; decisions on a record come some moments after "
                "it was sent",
                what=what,
            )
        )
    found.name_entities(matter)
    found.add(trail.search(found.to_search(matter)))
    if conflicts := found.name_conflicts():
        found.add(trail.search(conflicts, "decision", "exchange"))
    chosen = found.chosen(matter)
    found.add(trail.search((d["decision_id"] for d in chosen), "exchange"))
    chosen += _requested(trail.requests(), found, chosen)
    found.add(trail.search((d["decision_id"] for d in chosen), "exchange"))
    return Story(what, matter, tuple(_entries(found, chosen)))


@dataclass(slots=True)
class _Findings:
    """What was read so far. A record that came twice is kept once."""

    what: str
    decisions: dict[str, Json] = field(default_factory=dict)
    exchange: dict[Revision, Json] = field(default_factory=dict)
    intake: dict[str, Json] = field(default_factory=dict)
    entities: set[Id] = field(default_factory=set)

    def add(self, lines: Iterable[Line]) -> None:
        for line in lines:
            kind, _, name = line.topic.partition(".")
            record = line.record
            if record is None:
                continue
            if kind == "decision":
                self.decisions[record["decision_id"]] = record
            elif kind == "exchange":
                self.exchange[Revision(name, record["entity_id"], record["revision"])] = record
            else:
                self.intake[line.place] = record

    def matter(self) -> Matter | None:
        """What the text names: an event before a house, a house before a contract, that before any other entity."""
        records = [*self.exchange.values(), *self.intake.values()]
        if any(one["event_id"] == self.what for one in (*records, *self.decisions.values())):
            return Matter.EVENT
        if any(self.what in _houses(one) for one in records):
            return Matter.HOUSE
        if any(self.what in _contracts(one) for one in records):
            return Matter.CONTRACT
        entities = {one["entity_id"] for one in (*records, *self.decisions.values())}
        seizures = {one.get("seizure_id") for one in records}
        return Matter.ENTITY if self.what in entities | seizures else None

    def about(self, record: Json, matter: Matter) -> bool:
        """Whether a record is about the matter."""
        if matter is Matter.HOUSE:
            return self.what in _houses(record)
        if matter is Matter.CONTRACT:
            return self.what in _contracts(record)
        if matter is Matter.EVENT:
            return bool(record["event_id"] == self.what)
        return self.what in (record["entity_id"], record.get("seizure_id"))

    def name_entities(self, matter: Matter) -> None:
        """Which entities the matter is about; an event is about none but itself."""
        if matter is Matter.EVENT:
            return
        for key, record in self.exchange.items():
            if self.about(record, matter):
                self.entities.add((key.subject, key.entity_id))
        if matter is not Matter.ENTITY:
            return
        decided = self.decisions.values()
        self.entities |= {(d["subject"], d["entity_id"]) for d in decided if d["entity_id"] == self.what}

    def name_conflicts(self) -> set[str]:
        """The conflicts of which one of the entities is a side are of the matter too; their ids, if they are new."""
        conflicts = {
            (key.subject, key.entity_id)
            for key, record in self.exchange.items()
            if key.subject == "conflict"
            and any((side["subject"], side["entity_id"]) in self.entities for side in record["sides"])
        }
        new = conflicts - self.entities
        self.entities |= new
        return {entity_id for _, entity_id in new}

    def to_search(self, matter: Matter) -> set[str]:
        """What else to look for: the entities, and the events that were sent about the matter."""
        sent = {record["event_id"] for record in self.intake.values() if self.about(record, matter)}
        return {entity_id for _, entity_id in self.entities} | sent | {self.what}

    def chosen(self, matter: Matter) -> list[Json]:
        """The decisions that belong to the story."""
        places = {place for place, record in self.intake.items() if self.about(record, matter)}
        return [d for d in self.decisions.values() if self._belongs(d, places)]

    def _belongs(self, decision: Json, places: set[str]) -> bool:
        about = {(decision["subject"], decision["entity_id"])} | {
            Revision.of(effect)[:2] for effect in decision["effects"]
        }
        return (
            decision["event_id"] == self.what
            or intake_place(decision) in places
            or not about.isdisjoint(self.entities)
        )

    def written_by(self, decision: Json) -> Mapping[Revision, Json]:
        """The revisions that a decision wrote, in order, as far as found."""
        keys = [Revision.of(effect) for effect in decision["effects"]]
        return {key: self.exchange[key] for key in keys if key in self.exchange}


def _houses(record: Json) -> tuple[str | None, ...]:
    return (record.get("house_code"), record.get("bound_house_code"))


def _contracts(record: Json) -> tuple[str | None, ...]:
    return (record.get("contract_no"), record.get("sale_contract_no"))


def intake_place(decision: Json) -> str:
    """Where the decided record lies in the intake."""
    return place_of(decision["intake_topic"], decision["intake_partition"], decision["intake_offset"])


# --- what the exchange asked of itself -------------------------------------------------------------------------------


def caused_by(event_ids: Iterable[str], decision: Json) -> str | None:
    """The event of these that made the exchange ask for what was decided; None if none of them did."""
    name = f"{decision['entity_id']}:{decision['event_type']}"
    return next(
        (one for one in event_ids if _is_uuid(one) and _caused(one, name) == decision["event_id"]), None
    )


def _caused(cause: str, name: str) -> str:
    return str(uuid5(UUID(cause), name))


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _requested(asked: Sequence[Line], found: _Findings, chosen: Sequence[Json]) -> list[Json]:
    """Decisions on requests that the chosen ones led to, and on those that these led to."""
    known = {d["decision_id"] for d in chosen}
    left = [line.record for line in asked if line.record and line.record["decision_id"] not in known]
    causes, added = [*chosen], list[Json]()
    for _ in range(_LINKS):
        ids = [event_id for d in causes for event_id in event_ids(d, found.written_by(d).values())]
        causes = [one for one in left if caused_by(ids, one)]
        if not causes:
            break
        added += causes
        left = [one for one in left if one not in causes]
    return added


def event_ids(decision: Json, written: Iterable[Json]) -> list[str]:
    """The events that a decision is about or brought about; each may have made the exchange ask something."""
    return list(dict.fromkeys((decision["event_id"], *(record["event_id"] for record in written))))


# --- entries ----------------------------------------------------------------------------------------------------------


def _entries(found: _Findings, chosen: Sequence[Json]) -> Iterable[Entry]:
    internal = [d for d in chosen if d["principal"] == "internal"]
    for decision in sorted(chosen, key=_order):
        written = found.written_by(decision)
        causes = event_ids(decision, written.values())
        asked = [one for one in internal if one is not decision and caused_by(causes, one)]
        came = found.intake.get(intake_place(decision)) or _own(decision, written)
        yield entry_of(decision, came, written, sorted(asked, key=_order))


def _order(decision: Json) -> tuple[str, int, int]:
    return decision["recorded_at"], decision["slot"], decision["slot_seq"]


def _own(decision: Json, written: Mapping[Revision, Json]) -> Json | None:
    """The record as it stands on the exchange, if it was accepted."""
    mine = (decision["subject"], decision["entity_id"], decision.get("revision"))
    return next((record for key, record in written.items() if key == mine), None)
