"""The words of a decision: what came, what is known, what was decided. Frozen, and free of any server."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from broker.admission.reasons import Evidence, Reason
from schemas.catalogue import LIVE_STATUSES

Body = dict[str, Any]

CONTRACTS = frozenset({"sale", "lease", "mortgage"})

STANDING: Mapping[str, frozenset[str]] = {
    "sale": LIVE_STATUSES,
    "lease": LIVE_STATUSES,
    "mortgage": LIVE_STATUSES,
    "seizure": frozenset({"HELD", "WAITING", "EFFECTIVE"}),
    "title": frozenset({"ACTIVE"}),
    "conflict": frozenset({"OPEN"}),
    "signal": frozenset({"RAISED"}),
}
"""What can stand on a house, and the statuses in which it does."""


_PLACE = re.compile(r"([a-z0-9._-]{1,249})/(0|[1-9][0-9]{0,8})/(0|[1-9][0-9]{0,17})")


class Place(NamedTuple):
    """Where a record lies in the intake."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """The place that ``str`` wrote so; None for any other text."""
        found = _PLACE.fullmatch(text)
        return None if found is None else cls(found[1], int(found[2]), int(found[3]))


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
class Redriven:
    """Where a record comes from that an operator has sent in again.

    ``origin`` is where its source's own record lies in the intake, ``sha256`` the digest of that one's bytes. ``place``
    is what was sent in again: the origin, or, where that was quarantined once more, its place in ``intake.redrive``.
    """

    origin: Place
    sha256: str
    place: Place
    operator: str
    reason: str
    at: datetime

    @property
    def principal(self) -> str:
        """Whose record it is."""
        return self.origin.topic.removeprefix("intake.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that could be read and lies in its place; whether it is taken is still open.

    ``principal`` is whose record it is, also of one that an operator has sent in again.
    """

    place: Place
    sha256: str
    principal: str
    subject: str
    body: Body
    redriven: Redriven | None = None

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


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Entity:
    """What admission remembers of an entity. ``recall`` gives its last record; most decisions never ask for it."""

    source: str
    slot: int
    house_code: str | None
    highest_version: int
    revision: int
    status: str | None
    recall: Callable[[], Body | None] = _nothing

    @property
    def state(self) -> Body | None:
        """The last accepted record, None if none was accepted."""
        return self.recall()

    @property
    def known(self) -> Body:
        """The last accepted record of an entity that has one, such as all that stand on a house."""
        state = self.recall()
        assert state is not None, "no record of this entity was ever accepted"
        return state

    def revised(self, body: Body, status: str | None) -> "Entity":
        """The entity after a new revision of it."""
        return replace(self, revision=body["revision"], status=status, recall=lambda: body)

    def with_(self, **changes: Any) -> "Entity":
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Decided:
    """An earlier accepted or refused record with the same event id."""

    decision_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that stands on a house: a live contract, a seizure, a title, an open conflict.

    ``contract_no`` is a contract's own number, but for a mortgage that of the sale it stands on. ``kind`` is the
    effective kind of a seizure, the kind of a title, the contract kind of a contract, the kind of a conflict. ``rank``
    and ``amount`` (CNY yuan) are a mortgage's. ``principals`` are those with an interest in it. ``beside``: of a sale,
    that it was taken in the knowledge of another live sale of the house, as stock data or where the rule only warns.
    """

    key: EntityKey
    status: str
    beside: bool
    contract_no: str | None
    principals: tuple[str, ...] = ()
    kind: str | None = None
    rank: int | None = None
    amount: Decimal | None = None


class Fact(NamedTuple):
    """What an entity of one slot tells all others: ``kind`` and ``key`` are what it is found by (see ``facts``)."""

    kind: str
    key: str
    subject: str
    entity_id: str
    revision: int
    house_code: str | None = None
    details: tuple[tuple[str, str | None], ...] = ()

    def detail(self, name: str) -> str | None:
        """None also for what was not told yet when the fact was written."""
        return dict(self.details).get(name)

    @property
    def entity(self) -> EntityKey:
        return EntityKey(self.subject, self.entity_id)


class View(Protocol):
    """What a decision may see: what is of its own slot, and the facts of others that its locks hold still."""

    def entity(self, key: EntityKey) -> Entity | None: ...

    def decided(self, principal: str, event_id: str) -> Decided | None: ...

    def settled(self, origin: Place) -> str | None: ...

    def claims(self, house_code: str) -> Mapping[EntityKey, Claim]: ...

    def facts(self, kind: str, key: str) -> Sequence[Fact]: ...


@dataclass(frozen=True, slots=True)
class Emission:
    """A new revision of an entity, to be written to its exchange topic."""

    key: EntityKey
    body: Body
    status: str | None

    @property
    def revision(self) -> int:
        return int(self.body["revision"])

    @property
    def house_code(self) -> str | None:
        """The house that it concerns. A seizure of a contract or realty unit has none until it is bound."""
        code = self.body.get("house_code") or self.body.get("bound_house_code")
        return None if code is None else str(code)


@dataclass(frozen=True, slots=True)
class Request:
    """What the exchange asks of itself, to be decided in another slot or later: a record for ``intake.internal``."""

    subject: str
    body: Body


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one candidate, with all that follows from it.

    ``emissions`` holds the record's own revision first, if it was accepted; ``fired`` what was due on its house before
    it, whatever became of the record itself; ``notices`` what its refusal tells those whom it concerns. ``seen`` are the
    facts of other slots that were looked at.
    """

    outcome: Outcome
    decision_id: str
    recorded_at: datetime
    reasons: tuple[Reason, ...] = ()
    advances: bool = False
    first_decision_id: str | None = None
    emissions: tuple[Emission, ...] = ()
    fired: tuple[Emission, ...] = ()
    notices: tuple[Emission, ...] = ()
    requests: tuple[Request, ...] = ()
    seen: tuple[Evidence, ...] = ()
    handed_over: Mapping[EntityKey, str] = field(default_factory=dict)
    """Entities whose house has become known, with that house: its slot alone decides on them from now on."""

    @property
    def revision(self) -> int | None:
        """The revision that the record itself became, if it was accepted."""
        return self.emissions[0].revision if self.emissions else None

    @property
    def revisions(self) -> tuple[Emission, ...]:
        """All new revisions, in the order in which they came about."""
        return (*self.fired, *self.emissions, *self.notices)
