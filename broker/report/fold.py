"""What a batch of records adds to the counts: pure, and the same however the log is cut into batches.

Each topic's records are folded by themselves, in the order of their partition; no figure looks at two topics while it is
counted, since their order to each other is not told. What needs both (was the unit known when the contract was filed)
is asked of the stored facts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from broker.kafka import Record
from broker.reckoning.months import OF_PERIOD
from broker.report.buckets import bucket
from schemas.catalogue import INTERNAL
from schemas.codelists import code_list
from schemas.dates import day_in_china

Body = Mapping[str, Any]

UNKNOWN_COUNTY = "000000"
"""Where a record says no county that there is."""

CONTRACTS = {"sale": "total_price", "lease": "rent_amount", "mortgage": "secured_principal"}
"""Subjects that are filed, and what of each is its amount in yuan."""

FOLDED = (*CONTRACTS, "unit", "project", "conflict", "feedback")
"""The subjects of the exchange that are counted."""

_UNFILED = frozenset({"DRAFT", "SIGNED", "VOIDED"})
_ENDED = frozenset({"CANCELLED", "REVOKED"})
_FOR_SALE = "10"
_UNSALEABLE = frozenset({"SEIZED", "PRE_SEIZED", "LOCKED", "DEMOLITION"})
_MATCHES = frozenset({"MATCHED", "NOT_MATCHED", "NOT_FOUND"})
_ANSWERS = frozenset({"ACCEPTED", "REJECTED"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Contract(NamedTuple):
    """A filed contract, as it was filed. ``area`` in m², ``amount`` in yuan: a rent is for ``months`` months."""

    subject: str
    entity_id: str
    county: str
    kind: str
    house_code: str
    planned_use: str
    recorded_at: datetime
    filed_at: datetime
    ended_at: datetime | None
    area: Decimal
    amount: Decimal
    months: int | None

    @property
    def key(self) -> tuple[str, str]:
        return self.subject, self.entity_id


class Unit(NamedTuple):
    """A unit as it stands. ``building``: it names its building; ``for_sale``: a new home that can be sold."""

    house_code: str
    county: str
    first_at: datetime
    project_id: str | None
    building: bool
    for_sale: bool
    area: Decimal


class Read(NamedTuple):
    """A record of the log, and what it says."""

    record: Record
    subject: str
    body: Body


@dataclass(slots=True)
class Changes:
    """What a batch adds, and the facts that it found and made. Keys are those of the tables of ``report``."""

    contracts: dict[tuple[str, str], Contract] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    projects: set[str] = field(default_factory=set)
    lateness: Counter[tuple[str, date, str, str, int]] = field(default_factory=Counter)
    accuracy: Counter[tuple[str, date, str, str, str]] = field(default_factory=Counter)
    consistency: Counter[tuple[str, date, str, str]] = field(default_factory=Counter)
    stock_units: Counter[tuple[str, date]] = field(default_factory=Counter)
    stock_area: dict[tuple[str, date], Decimal] = field(default_factory=dict)


def fold(batch: Iterable[Read], known: Changes) -> Changes:
    """Add a batch to what is known of its contracts and units; returns the same object."""
    for read in batch:
        if read.subject in CONTRACTS:
            _contract(read, known)
        else:
            _FOLDS[read.subject](read, known)
    return known


def wanted(batch: Iterable[Read]) -> tuple[set[tuple[str, str]], set[str]]:
    """The contracts and units of which a batch must know the stored facts."""
    contracts, units = set(), set()
    for read in batch:
        if read.subject in CONTRACTS:
            contracts.add((read.subject, str(read.body["entity_id"])))
        elif read.subject == "unit":
            units.add(str(read.body["house_code"]))
    return contracts, units


def county_of(code: object) -> str:
    """The code if there is such a county, else ``UNKNOWN_COUNTY``: so counties are few, whatever is written."""
    return str(code) if code in code_list("county") else UNKNOWN_COUNTY


def _county(body: Body) -> str:
    return county_of(body["county_code"])


def _day(body: Body) -> date:
    return day_in_china(body["recorded_at"])


# --- contracts ------------------------------------------------------------------------------------------------------


def _contract(read: Read, changes: Changes) -> None:
    body = read.body
    if body["filed_at"] is None or body["contract_status"] in _UNFILED:
        return
    key = (read.subject, str(body["entity_id"]))
    known = changes.contracts.get(key) or _filed(read)
    if known.ended_at is None and body["contract_status"] in _ENDED:
        known = known._replace(ended_at=body["cancelled_at"] or body["occurred_at"])
    changes.contracts[key] = known
    if body["event_type"] == "FILED" and not body["baseline"]:
        _late(read, changes)


def _filed(read: Read) -> Contract:
    body = read.body
    lease = read.subject == "lease"
    return Contract(
        subject=read.subject,
        entity_id=str(body["entity_id"]),
        county=_county(body),
        kind=str(body["contract_kind"]),
        house_code=str(body["house_code"]),
        planned_use=str(body["planned_use_code"]),
        recorded_at=body["recorded_at"],
        filed_at=body["filed_at"],
        ended_at=None,
        area=(body["leased_area"] if lease else None) or body["gross_area"],
        amount=body[CONTRACTS[read.subject]],
        months=OF_PERIOD.get(body["rent_period"] or "") if lease else None,
    )


def _late(read: Read, changes: Changes) -> None:
    body = read.body
    published = read.record.appended_at
    stages = {
        "SIGNED_TO_FILED": body["filed_at"] - body["signed_at"],
        "FILED_TO_RECORDED": body["recorded_at"] - body["filed_at"],
        "RECORDED_TO_PUBLISHED": published - body["recorded_at"],
    }
    for stage, duration in stages.items():
        key = (_county(body), _day(body), str(body["contract_kind"]), stage, bucket(duration))
        changes.lateness[key] += 1


# --- units and projects ---------------------------------------------------------------------------------------------


def _unit(read: Read, changes: Changes) -> None:
    body = read.body
    house = str(body["house_code"])
    before = changes.units.get(house)
    after = Unit(
        house_code=house,
        county=_county(body),
        first_at=body["recorded_at"] if before is None else before.first_at,
        project_id=body["project_id"],
        building=(body["building_code"] or body["building_no"]) is not None,
        for_sale=_is_stock(body),
        area=body["gross_area"],
    )
    changes.units[house] = after
    month = _day(body).replace(day=1)
    if before is not None and before.for_sale:
        _stock(changes, before, month, -1)
    if after.for_sale:
        _stock(changes, after, month, 1)


def _is_stock(body: Body) -> bool:
    return (
        body["status"] == "ACTIVE"
        and body["sale_status"] == _FOR_SALE
        and body["project_id"] is not None
        and str(body["planned_use_code"]).startswith("1")
        and not _UNSALEABLE.intersection(body["restrictions"] or ())
    )


def _stock(changes: Changes, unit: Unit, month: date, sign: int) -> None:
    key = (unit.county, month)
    changes.stock_units[key] += sign
    changes.stock_area[key] = changes.stock_area.get(key, Decimal(0)) + sign * unit.area


def _project(read: Read, changes: Changes) -> None:
    changes.projects.add(str(read.body["project_id"]))


# --- what does not agree --------------------------------------------------------------------------------------------


def _conflict(read: Read, changes: Changes) -> None:
    body = read.body
    changes.consistency[_county(body), _day(body), f"CONFLICT_{body['event_type']}", str(body["kind"])] += 1


def _feedback(read: Read, changes: Changes) -> None:
    body = read.body
    if body["event_type"] not in ("REPORTED", "CHANGED"):
        return
    result = str(body["result"])
    if body["feedback_kind"] == "RESIDENCE_MATCH":
        what = ("RESIDENCE", result if result in _MATCHES else "OTHER")
    elif body["feedback_kind"] == "CORRECTION":
        what = ("CORRECTION", result if result in _ANSWERS else "PROPOSED")
    else:
        return
    changes.consistency[_county(body), _day(body), *what] += 1


# --- decisions and quarantine ---------------------------------------------------------------------------------------


def _decision(read: Read, changes: Changes) -> None:
    body = read.body
    if body["principal"] == INTERNAL:
        return
    of = (_county(body), _day(body), str(body["principal"]), str(body["outcome"]))
    for code in {"", *(str(reason["code"]) for reason in body["reasons"])}:
        changes.accuracy[*of, code] += 1


def _quarantine(read: Read, changes: Changes) -> None:
    body = read.body
    # The bytes may say anything; the key of most records is a house code, and begins with the county.
    county = county_of((body["key"] or b"")[:6].decode("ascii", "replace"))
    of = (county, _day(body), read.record.topic.removeprefix("quarantine."), "QUARANTINED")
    for code in ("", str(body["reason"])):
        changes.accuracy[*of, code] += 1


_FOLDS = {
    "unit": _unit,
    "project": _project,
    "conflict": _conflict,
    "feedback": _feedback,
    "decision": _decision,
    "quarantine": _quarantine,
}
