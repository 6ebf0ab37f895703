"""The words of a decision: what came, what is known, what was decided. Frozen, and free of any server."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from broker.admission.reasons import Reason

Body = dict[str, Any]

CONTRACTS = frozenset({"sale", "lease", "mortgage"})


class Place(NamedTuple):
    """Where a record lies in the intake."""

    topic: str
    partition: int
    offset: int


class Outcome(StrEnum):
    """What becomes of a record. Each record has exactly one of these, or is quarantined."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    DUPLICATE = "DUPLICATE"


class EntityKey(NamedTuple):
    """What an entity is known by, over all sources and houses."""

    subject: str
    entity_id: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that could be read and lies in its place; whether it is taken is still open."""

    place: Place
    sha256: str
    principal: str
    subject: str
    body: Body

    @property
    def key(self) -> EntityKey:
        return EntityKey(self.subject, self.body["entity_id"])

    @property
    def event_id(self) -> str:
        return str(self.body["event_id"])

    @property
    def event_type(self) -> str:
        return str(self.body["event_type"])

    @property
    def house_code(self) -> str | None:
        code = self.body.get("house_code")
        return None if code is None else str(code)


@dataclass(frozen=True, slots=True)
class Entity:
    """What admission remembers of an entity. ``state`` is its last accepted record, None if none was accepted."""

    source: str
    slot: int
    house_code: str | None
    highest_version: int
    revision: int
    status: str | None
    state: Body | None

    def with_(self, **changes: Any) -> "Entity":
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Decided:
    """An earlier accepted or refused record with the same event id."""

    decision_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A live contract that stands on a house."""

    key: EntityKey
    status: str
    baseline: bool
    contract_no: str | None
    principals: tuple[str, ...]


class View(Protocol):
    """What a decision may see. Everything is of the record's own slot, or cannot change any more."""

    def entity(self, key: EntityKey) -> Entity | None: ...

    def decided(self, principal: str, event_id: str) -> Decided | None: ...

    def claims(self, house_code: str) -> Mapping[EntityKey, Claim]: ...


@dataclass(frozen=True, slots=True)
class Emission:
    """A new revision of an entity, to be written to its exchange topic."""

    key: EntityKey
    body: Body
    status: str | None

    @property
    def revision(self) -> int:
        return int(self.body["revision"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one candidate, with all that follows from it."""

    outcome: Outcome
    decision_id: str
    recorded_at: datetime
    reasons: tuple[Reason, ...] = ()
    advances: bool = False
    first_decision_id: str | None = None
    emissions: tuple[Emission, ...] = ()

    @property
    def revision(self) -> int | None:
        """The revision that the record itself became, if it was accepted."""
        return self.emissions[0].revision if self.emissions else None
