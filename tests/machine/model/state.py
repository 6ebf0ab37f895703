"""What the model knows, and what a decision brings about."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

Body = dict[str, Any]
Key = tuple[str, Any]
"""Subject and identity. A conflict is known by its kind and sides, since the form of its id is nobody's business."""

CHINA = timezone(timedelta(hours=8))
LIVE = ("SIGNED", "FILED", "AMENDED")
QUEUED = ("WAITING", "EFFECTIVE")
STANDING = {
    "sale": LIVE,
    "lease": LIVE,
    "mortgage": LIVE,
    "seizure": ("HELD", *QUEUED),
    "title": ("ACTIVE",),
    "conflict": ("OPEN",),
}
"""What stands on a house, and in which statuses."""
LENDERS = {
    "91411400MA4000012N": "bank.icbc",
    "914114027067800106": "bank.ccb",
    "12411400MB1000002A": "fund",
    "11411400005900008T": "bureau",
}


@dataclass(slots=True)
class Thing:
    """An entity. ``house`` is that by which it is decided; ``body`` its last accepted state, the exchange's own fields
    included."""

    key: Key
    source: str
    house: str | None
    highest: int = 0
    revision: int = 0
    status: str | None = None
    body: Body = field(default_factory=dict)

    @property
    def stands(self) -> bool:
        return self.status in STANDING.get(self.key[0], ())


@dataclass(frozen=True, slots=True)
class Deed:
    """A new revision of something, as it must appear on the exchange. ``says``: the fields that are compared."""

    key: Key
    event_type: str
    revision: int
    status: str | None
    says: tuple[tuple[str, Any], ...]


@dataclass(slots=True)
class Decision:
    """What must come of a record: the outcome, the codes with their severities, the revisions, what is asked of whom."""

    outcome: str
    codes: frozenset[tuple[str, str]] = frozenset()
    fired: list[Deed] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    requests: list[tuple[Any, ...]] = field(default_factory=list)


SAYS = {
    "seizure": ("effective_kind", "queue_place", "effective_from", "effective_until", "bound_house_code"),
    "unit": ("sale_status", "restrictions", "counts", "public_status", "noted"),
    "sale": ("interested",),
    "mortgage": ("interested",),
    "conflict": ("kind", "house_code"),
    "notice": ("house_code", "case_no"),
}
"""Fields of the exchange's own that are compared, by subject."""


def says(subject: str, body: Body) -> tuple[tuple[str, Any], ...]:
    """The compared fields of a body; lists are sets with counts."""
    more = ("occurred_at",) if body["event_type"] == "EXPIRED" else ()
    return tuple((name, _flat(body.get(name))) for name in (*SAYS.get(subject, ()), *more))


def _flat(value: Any) -> Any:
    return tuple(sorted(value)) or None if isinstance(value, list) else value


def conflict_key(kind: str, sides: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Key:
    return ("conflict", (kind, frozenset(sides)))


class State:
    """All things, and what the decision at hand has brought about so far."""

    def __init__(self) -> None:
        self.things: dict[Key, Thing] = {}
        self.decided: dict[tuple[str, str], str | None] = {}
        self.at = datetime(2000, 1, 1, tzinfo=UTC)
        self.deeds: list[Deed] = []
        self.requests: list[tuple[Any, ...]] = []

    @property
    def today(self) -> date:
        return self.at.astimezone(CHINA).date()

    def get(self, subject: str, name: Any) -> Thing | None:
        return self.things.get((subject, name))

    def all(self, subject: str) -> list[Thing]:
        return [thing for thing in self.things.values() if thing.key[0] == subject]

    def on(self, house: str | None, subject: str) -> list[Thing]:
        """What of a subject stands on a house."""
        return [t for t in self.all(subject) if t.stands and house is not None and self.house_of(t) == house]

    @staticmethod
    def house_of(thing: Thing) -> str | None:
        found: str | None = thing.body.get("house_code") or thing.body.get("bound_house_code")
        return found

    def do(self, thing: Thing, event_type: str, status: str | None = None, **changes: Any) -> None:
        """A new revision of a thing."""
        self.things[thing.key] = thing
        thing.body = thing.body | {"event_type": event_type, "occurred_at": self.at} | changes
        thing.revision += 1
        thing.status = status or thing.status
        subject = thing.key[0]
        self.deeds.append(
            Deed(thing.key, event_type, thing.revision, thing.status, says(subject, thing.body))
        )

    def taken(self) -> tuple[list[Deed], list[tuple[Any, ...]]]:
        """What was brought about since this was last asked."""
        deeds, requests, self.deeds, self.requests = self.deeds, self.requests, [], []
        return deeds, requests


def people(body: Body, role: str | None = None) -> set[tuple[str, str]]:
    """The parties of a record by their documents, never by their names."""
    return {
        (p["id_type"], p["id_no"]["ciphertext"].decode().strip().upper())
        for p in body["parties"]
        if role is None or p["role"] == role
    }


def same_people(state: State, person: tuple[str, str]) -> set[tuple[str, str]]:
    """All documents of a person, as aliases link them, however long the chain."""
    found, grown = {person}, True
    links = [people(t.body) for t in state.all("alias") if t.status == "LINKED"]
    while grown:
        more = set().union(*(link for link in links if link & found)) - found
        found, grown = found | more, bool(more)
    return found


def years_after(day: date, years: int) -> date:
    """The same day so many years later; the last of February if there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
