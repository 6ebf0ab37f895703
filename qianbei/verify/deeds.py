"""What check 4 keeps of the records that it reads: as little as the law asks about.

A *deed* is one revision of something that the law looks at. A *ruling* is a decision as far as the law is concerned.
Both are made from records read plainly: a time is microseconds, a date is days.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import NamedTuple

from qianbei.verify.avro import Record
from qianbei.verify.outcome import Effect
from qianbei.verify.rulings import date_of

LIVE = frozenset({"SIGNED", "FILED", "AMENDED"})
"""Statuses of a contract that locks its unit; the events of these names are those that the law judges."""
QUEUED = frozenset({"WAITING", "EFFECTIVE"})
"""Statuses of a seizure that has a place in the queue of its house."""

Id = tuple[str, str]
"""Subject and entity id."""


class Sale(NamedTuple):
    """A revision of a sale; ``buyers`` are party references."""

    house: str
    status: str
    event_type: str
    county: str
    baseline: bool
    contract_no: str
    buyers: frozenset[str]


class Mortgage(NamedTuple):
    """A revision of a mortgage; ``sale_no`` is the contract that its loan is for."""

    house: str
    status: str
    event_type: str
    county: str
    baseline: bool
    sale_no: str | None


class Seizure(NamedTuple):
    """A revision of a seizure. ``house`` is None until it is known; ``until`` is its last day, inclusive."""

    house: str | None
    status: str
    event_type: str
    served_at: int
    kind: str | None
    place: int | None
    begins: date | None
    until: date | None


class Conflict(NamedTuple):
    """A revision of a conflict."""

    house: str | None
    status: str
    kind: str
    sides: frozenset[Id]


class Listing(NamedTuple):
    """A revision of a listing; ``until`` is its last day, inclusive, None for no end."""

    status: str
    event_type: str
    list_type: str
    until: date | None
    parties: frozenset[str]

    def stands(self, on: date) -> bool:
        """Whether it is in force on a day."""
        return self.status == "LISTED" and (self.until is None or on <= self.until)


class Alias(NamedTuple):
    """A revision of an alias."""

    status: str
    event_type: str
    parties: frozenset[str]

    @property
    def linked(self) -> frozenset[str]:
        """References that are of one party by it."""
        return self.parties if self.status == "LINKED" else frozenset()


OnHouse = Sale | Mortgage | Seizure | Conflict
OfParty = Listing | Alias
Deed = OnHouse | OfParty


def _parties(items: Iterable[Record], role: str | None = None) -> frozenset[str]:
    return frozenset(
        item["party_ref"] for item in items if item["party_ref"] and role in (None, item["role"])
    )


def _sale(r: Record) -> Deed:
    buyers = _parties(r["parties"], "BUYER")
    status, county = r["contract_status"], r["county_code"]
    return Sale(r["house_code"], status, r["event_type"], county, r["baseline"], r["contract_no"], buyers)


def _mortgage(r: Record) -> Deed:
    status, county = r["contract_status"], r["county_code"]
    return Mortgage(r["house_code"], status, r["event_type"], county, r["baseline"], r["sale_contract_no"])


def _seizure(r: Record) -> Deed:
    return Seizure(
        r["house_code"] or r["bound_house_code"],
        r["status"],
        r["event_type"],
        r["served_at"],
        r["effective_kind"],
        r["queue_place"],
        date_of(r["effective_from"]),
        date_of(r["effective_until"]),
    )


def _conflict(r: Record) -> Deed:
    sides = frozenset((side["subject"], side["entity_id"]) for side in r["sides"])
    return Conflict(r["house_code"], r["status"], r["kind"], sides)


def _listing(r: Record) -> Deed:
    until = date_of(r["expires_on"])
    return Listing(r["status"], r["event_type"], r["list_type"], until, _parties(r["parties"]))


def _alias(r: Record) -> Deed:
    return Alias(r["status"], r["event_type"], _parties(r["parties"]))


DEEDS: Mapping[str, Callable[[Record], Deed]] = {
    "exchange.sale": _sale,
    "exchange.mortgage": _mortgage,
    "exchange.seizure": _seizure,
    "exchange.conflict": _conflict,
    "exchange.defaulter": _listing,
    "exchange.alias": _alias,
}
"""How a deed is made of a record, by topic. Records of other topics are nothing to this check."""


class Seen(NamedTuple):
    """A fact of another slot; ``revision`` None: there was no fact of that kind (``subject``) and key."""

    subject: str
    entity_id: str
    revision: int | None


class Ruling(NamedTuple):
    """A decision that wrote deeds. ``own`` is the revision that the record itself became, if it was accepted."""

    slot: int
    slot_seq: int
    place: str
    required: bool
    recorded_at: int
    own: Effect | None
    effects: tuple[Effect, ...]
    seen: tuple[Seen, ...]


def effects_of(record: Record) -> tuple[Effect, ...]:
    """The deeds that a decision wrote, in their order."""
    return tuple(
        Effect(e["topic"], e["entity_id"], e["revision"]) for e in record["effects"] if e["topic"] in DEEDS
    )


def seen_of(record: Record) -> tuple[Seen, ...]:
    """What a decision looked at in other slots."""
    return tuple(Seen(s["subject"], s["entity_id"], s["revision"]) for s in record["seen"])


def own_of(record: Record) -> Effect | None:
    """The revision that the decided record became."""
    if record["outcome"] != "ACCEPTED" or record["revision"] is None:
        return None
    return Effect(f"exchange.{record['subject']}", record["entity_id"], record["revision"])
