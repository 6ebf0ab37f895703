"""Court: what stands on a house and in what state, for an execution (建房〔2020〕61号 六).

The court receives contracts, the restrictions of units, its own seizures and listings as the exchange sees them, the
conflicts that they have raised, and notices of what was refused because of them. The example keeps a file a house and answers what an enforcement judge asks first.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from consumers.records import DepartmentRecord, Newest

TOPICS = (
    "dept.court.sale.v1",
    "dept.court.lease.v1",
    "dept.court.mortgage.v1",
    "dept.court.unit.v1",
    "dept.court.seizure.v1",
    "dept.court.defaulter.v1",
    "dept.court.conflict.v1",
    "dept.court.notice.v1",
    "dept.court.watch.v1",
)
_LIVE = frozenset({"SIGNED", "FILED", "AMENDED"})
_AMOUNTS = {"sale": "total_price", "lease": "rent_amount", "mortgage": "secured_principal"}


@dataclass(frozen=True, slots=True)
class Contract:
    """A live contract on a house; ``amount`` is its price, rent or secured principal in yuan."""

    subject: str
    contract_no: str
    house_code: str
    status: str
    amount: Decimal
    parties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeizureState:
    """How a seizure stands: its place in the queue and the last day of its term, as far as they are decided."""

    case_no: str
    house_code: str | None
    status: str
    queue_place: int | None
    until: date | None


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """What a judge must settle: the kind, and the two records that cannot both stand (subject and entity id)."""

    kind: str
    house_code: str
    sides: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RefusedAttempt:
    """Somebody tried to sell or mortgage what a case has hold of; ``cause`` is its seizure or listing."""

    case_no: str | None
    house_code: str
    cause: tuple[str, str]
    tried: tuple[str, str]
    issued_at: datetime


@dataclass(slots=True)
class HouseFiles:
    """A handler that keeps contracts, restrictions, seizures, listings, open conflicts and refused attempts."""

    contracts: Newest[Contract] = field(default_factory=Newest)
    restrictions: Newest[tuple[str, tuple[str, ...]]] = field(default_factory=Newest)
    seizures: Newest[SeizureState] = field(default_factory=Newest)
    listings: Newest[str] = field(default_factory=Newest)
    conflicts: Newest[OpenConflict] = field(default_factory=Newest)
    attempts: Newest[RefusedAttempt] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        value = record.value
        if record.subject in _AMOUNTS:
            live = value["contract_status"] in _LIVE
            self.contracts.put(record, _contract(record.subject, value) if live else None)
        elif record.subject == "unit":
            self.restrictions.put(record, (value["house_code"], tuple(value["restrictions"] or ())))
        elif record.subject == "seizure":
            self.seizures.put(record, _seizure(value))
        elif record.subject == "conflict":
            self.conflicts.put(record, _conflict(value) if value["status"] == "OPEN" else None)
        elif record.subject == "notice":
            self.attempts.put(record, _attempt(value))
        else:
            self.listings.put(record, value["case_no"] if value["status"] == "LISTED" else None)

    def on_house(self, house_code: str) -> tuple[list[Contract], set[str], list[SeizureState]]:
        """The live contracts, the restrictions and the seizures in force of a house."""
        contracts = [contract for contract in self.contracts if contract.house_code == house_code]
        limits = {
            limit
            for house, restrictions in self.restrictions
            if house == house_code
            for limit in restrictions
        }
        seizures = [s for s in self.seizures if s.house_code == house_code and s.status == "EFFECTIVE"]
        return contracts, limits, seizures

    def to_settle(self, house_code: str) -> list[OpenConflict]:
        """The open conflicts of a house: a seizure of a sold unit, a buyer listed after filing, two seizures' order."""
        return [conflict for conflict in self.conflicts if conflict.house_code == house_code]

    def refused_for(self, case_no: str) -> list[RefusedAttempt]:
        """What was tried against a case: each attempt once."""
        return [attempt for attempt in self.attempts if attempt.case_no == case_no]


def _contract(subject: str, value: dict[str, Any]) -> Contract:
    return Contract(
        subject=subject,
        contract_no=value["contract_no"],
        house_code=value["house_code"],
        status=value["contract_status"],
        amount=value[_AMOUNTS[subject]],
        parties=tuple(f"{party['role']} {party['name'] or ''}".strip() for party in value["parties"]),
    )


def _seizure(value: dict[str, Any]) -> SeizureState:
    return SeizureState(
        case_no=value["case_no"],
        # The house that the exchange found for a seizure that names only a contract stands in its own field.
        house_code=value["bound_house_code"] or value["house_code"],
        status=value["status"],
        queue_place=value["queue_place"],
        until=value["effective_until"] or value["end_date"],
    )


def _attempt(value: dict[str, Any]) -> RefusedAttempt:
    return RefusedAttempt(
        case_no=value["case_no"],
        house_code=value["house_code"],
        cause=(value["cause_subject"], value["cause_entity_id"]),
        tried=(value["about_subject"], value["about_event_type"]),
        issued_at=value["issued_at"],
    )


def _conflict(value: dict[str, Any]) -> OpenConflict:
    sides = tuple((side["subject"], side["entity_id"]) for side in value["sides"])
    return OpenConflict(kind=value["kind"], house_code=value["house_code"], sides=sides)
