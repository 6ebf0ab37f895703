"""The independent account of what must come out: decides again, from the ledger and the recorded order alone.

*Order* is the recorded order of decisions: for each intake record its place, slot and ``slot_seq``. The model takes
each slot's records in that order, knows from the ledger what each held, and says what the decision must have been. It
imports nothing of the exchange. What it cannot judge: an event id or an entity that appears in two slots, since slots
have no order between them; the simulator makes neither.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid5

from producers.simulator.ledger import Facts, Ledger, Sent
from producers.simulator.model_tables import (
    CONTRACTS,
    ENDINGS,
    FAULTS,
    LIFECYCLES,
    LIVE,
    MAY_SEND,
    NONE,
    PRINCIPAL_OF_USCC,
    Stage,
)

ACCEPTED, REFUSED, DUPLICATE, QUARANTINED = "ACCEPTED", "REFUSED", "DUPLICATE", "QUARANTINED"
INTEREST_CHANGED = "INTEREST_CHANGED"


class Decided(NamedTuple):
    """One intake record in the recorded order: where it was decided, and where and what it is (SHA-256, hex)."""

    slot: int
    slot_seq: int
    topic: str
    partition: int
    offset: int
    sha256: str


class Revision(NamedTuple):
    """A record that must appear on ``exchange.<subject>``."""

    subject: str
    entity_id: str
    revision: int
    event_type: str
    event_id: str
    status: str
    interested: tuple[str, ...]
    interested_before: tuple[str, ...]


class Expected(NamedTuple):
    """What must have been decided on one record. ``revisions``: its own first, if accepted, then those it brings about."""

    place: Decided
    outcome: str
    codes: frozenset[str] = frozenset()
    revisions: tuple[Revision, ...] = ()

    @property
    def revision(self) -> int | None:
        return self.revisions[0].revision if self.revisions else None


@dataclass(slots=True)
class _Entity:
    """An entity as its source and the accepted events left it."""

    source: str
    house_code: str | None
    highest: int = 0
    revision: int = 0
    status: str = NONE
    filing_no: str | None = None
    interested: tuple[str, ...] = ()
    last: Facts | None = None


_Key = tuple[str, str]


@dataclass(slots=True)
class Model:
    """The state of the world as the decisions so far must have left it. Feed it the order, slot by slot."""

    ledger: Ledger
    _entities: dict[_Key, _Entity] = field(default_factory=dict)
    _first: dict[tuple[str, str], str] = field(default_factory=dict)
    _live: dict[str, dict[_Key, _Entity]] = field(default_factory=dict)

    def judge(self, order: Iterable[Decided]) -> list[Expected]:
        """What must have been decided on each record. Raises LookupError for bytes that were never sent."""
        return [self._decide(place) for place in sorted(order)]

    def _decide(self, place: Decided) -> Expected:
        sent = self.ledger.find(place.topic, place.sha256)
        if sent is None:
            raise LookupError(
                f"{place.topic}/{place.partition}/{place.offset} holds bytes that are not in the ledger"
            )
        fault = FAULTS.get(sent.dirt or "")
        if fault is not None and fault.stage is Stage.QUARANTINE:
            return Expected(place, QUARANTINED, frozenset({fault.code}))
        assert sent.facts is not None, "only what is quarantined may have no facts"
        return self._decide_event(place, sent, sent.facts)

    def _decide_event(self, place: Decided, sent: Sent, facts: Facts) -> Expected:
        first = self._first.get((facts.principal, facts.event_id))
        if first is not None:
            return Expected(place, DUPLICATE) if first == place.sha256 else _refused(place, "EVENT_ID_REUSED")
        self._first[facts.principal, facts.event_id] = place.sha256
        key = (facts.subject, facts.entity_id)
        entity = self._entities.get(key)
        # Up to here and through the next line a refusal leaves no trace but its answer: the version is not used up.
        if code := _identity(facts, entity) or _version(facts, entity):
            return _refused(place, code)
        entity = self._entities.setdefault(key, _Entity(facts.principal, facts.house_code))
        entity.highest = facts.version
        fault = FAULTS.get(sent.dirt or "")
        if fault is not None and fault.stage is Stage.FIELDS:
            return _refused(place, fault.code)
        if code := _lifecycle(facts, entity) or self._rules(facts, key):
            return _refused(place, code)
        warnings = frozenset({fault.code}) if fault is not None else frozenset()
        return Expected(place, ACCEPTED, warnings, tuple(self._accept(facts, key, entity)))

    def _rules(self, facts: Facts, key: _Key) -> str | None:
        if facts.subject not in CONTRACTS or facts.event_type in ENDINGS:
            return None
        house = facts.house_code or ""
        unit = self._entities.get(("unit", house))
        if unit is None or unit.status != "ACTIVE":
            return "UNIT_UNKNOWN"
        others = (other for other in self._live.get(house, ()) if other[0] == "sale" and other != key)
        if facts.subject == "sale" and facts.event_type in LIVE and any(others):
            return "UNIT_ALREADY_SOLD"
        return None

    def _accept(self, facts: Facts, key: _Key, entity: _Entity) -> Iterable[Revision]:
        entity.status = LIFECYCLES[facts.subject][facts.event_type][1]
        entity.filing_no = entity.filing_no or facts.filing_no
        entity.last = facts
        if facts.subject in CONTRACTS:
            self._stand(key, entity, facts.house_code or "")
        yield _revise(entity, facts, facts.event_type, facts.event_id, self._interested(facts))
        if facts.subject == "mortgage":
            yield from self._interest_changes(facts)

    def _stand(self, key: _Key, entity: _Entity, house: str) -> None:
        on_house = self._live.setdefault(house, {})
        if entity.status in LIVE:
            on_house[key] = entity
        else:
            on_house.pop(key, None)

    def _interested(self, facts: Facts) -> tuple[str, ...]:
        if facts.subject == "mortgage":
            return tuple(_known(facts.mortgagee_uscc))
        if facts.subject != "sale":
            return ()
        found = set(_known(facts.lender_uscc))
        for (subject, _), other in self._live.get(facts.house_code or "", {}).items():
            linked = other.last.sale_contract_no if other.last and subject == "mortgage" else None
            if linked == facts.entity_id and other.last:
                found.update(_known(other.last.mortgagee_uscc))
        return tuple(sorted(found))

    def _interest_changes(self, cause: Facts) -> Iterable[Revision]:
        for (subject, entity_id), sale in self._live.get(cause.house_code or "", {}).items():
            if subject != "sale" or sale.last is None:
                continue
            now = self._interested(sale.last)
            if now != sale.interested:
                event_id = uuid5(UUID(cause.event_id), f"{entity_id}:{INTEREST_CHANGED}")
                yield _revise(sale, sale.last, INTEREST_CHANGED, str(event_id), now)


def _identity(facts: Facts, entity: _Entity | None) -> str | None:
    if facts.source != facts.principal:
        return "SOURCE_MISMATCH"
    if facts.subject not in MAY_SEND[facts.principal] or facts.event_type not in LIFECYCLES[facts.subject]:
        return "EVENT_NOT_PERMITTED"
    if entity is None:
        return None
    if entity.source != facts.principal:
        return "FOREIGN_ENTITY"
    if entity.house_code is not None and entity.house_code != facts.house_code:
        return "UNIT_CHANGED"
    return None


def _version(facts: Facts, entity: _Entity | None) -> str | None:
    highest = entity.highest if entity else 0
    if facts.version <= highest:
        return "STALE"
    return "VERSION_GAP" if facts.version > highest + 1 else None


def _lifecycle(facts: Facts, entity: _Entity) -> str | None:
    before, after = LIFECYCLES[facts.subject][facts.event_type]
    if entity.status not in before:
        return "ILLEGAL_TRANSITION"
    if facts.subject not in CONTRACTS:
        return None
    if facts.contract_status != after:
        return "STATUS_MISMATCH"
    if entity.filing_no is not None and facts.filing_no != entity.filing_no:
        return "FILING_NO_CHANGED"
    return None


def _revise(
    entity: _Entity, facts: Facts, event_type: str, event_id: str, interested: tuple[str, ...]
) -> Revision:
    before, entity.interested = entity.interested, interested
    entity.revision += 1
    return Revision(
        facts.subject,
        facts.entity_id,
        entity.revision,
        event_type,
        event_id,
        entity.status,
        interested,
        before,
    )


def _known(uscc: str | None) -> Iterable[str]:
    return (PRINCIPAL_OF_USCC[uscc],) if uscc in PRINCIPAL_OF_USCC else ()


def _refused(place: Decided, code: str) -> Expected:
    return Expected(place, REFUSED, frozenset({code}))
