"""Provident fund: the filed rent for withdrawals, and the sales and mortgages of its own borrowers (建房〔2020〕61号 三)."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from consumers.records import DepartmentRecord, Newest

TOPICS = ("dept.fund.sale.v1", "dept.fund.lease.v1", "dept.fund.mortgage.v1")
_IN_FORCE = frozenset({"FILED", "AMENDED"})
MONTHLY, QUARTERLY, HALF_YEARLY, YEARLY = "MONTH", "QUARTER", "HALF_YEAR", "YEAR"
_PAYMENTS_A_YEAR = {MONTHLY: 12, QUARTERLY: 4, HALF_YEARLY: 2, YEARLY: 1}
Person = tuple[str, str]


@dataclass(frozen=True, slots=True)
class FiledRent:
    """A filed lease of some tenants; the term is inclusive, the rent in yuan a year."""

    contract_no: str
    tenants: frozenset[Person]
    start: date
    end: date
    annual_rent: Decimal


@dataclass(frozen=True, slots=True)
class BorrowerContract:
    """A sale or mortgage that names the fund as lender or mortgagee."""

    subject: str
    contract_no: str
    status: str


@dataclass(slots=True)
class FundBook:
    """A handler that keeps rents and the borrowers' contracts; a ``LEFT`` makes it forget."""

    rents: Newest[FiledRent] = field(default_factory=Newest)
    contracts: Newest[BorrowerContract] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        if record.subject == "lease":
            in_force = record.value["contract_status"] in _IN_FORCE
            self.rents.put(record, _filed_rent(record.value) if in_force else None)
        else:
            self.contracts.put(record, None if record.left else _contract(record))

    def filed_annual_rent(self, id_type: str, id_no: str, day: date) -> Decimal | None:
        """The filed rent of a tenant on that day, the highest if there are several; None without a filed lease."""
        person = (id_type, id_no)
        rents = [r.annual_rent for r in self.rents if person in r.tenants and r.start <= day <= r.end]
        return max(rents, default=None)


def withdrawal(filed_rent: Decimal, invoiced: Decimal | None, market_cap: Decimal) -> Decimal:
    """The rent that a withdrawal may cover: the lowest of the filed rent, the tax invoice if there is one, and the cap."""
    return min(amount for amount in (filed_rent, invoiced, market_cap) if amount is not None)


def _filed_rent(value: dict[str, Any]) -> FiledRent:
    tenants = frozenset((p["id_type"], p["id_no"]) for p in value["parties"] if p["role"] == "LESSEE")
    # Rent is filed by the month unless the contract says otherwise.
    payments = _PAYMENTS_A_YEAR[value["rent_period"] or MONTHLY]
    return FiledRent(
        value["contract_no"],
        tenants,
        value["lease_start"],
        value["lease_end"],
        value["rent_amount"] * payments,
    )


def _contract(record: DepartmentRecord) -> BorrowerContract:
    return BorrowerContract(record.subject, record.value["contract_no"], record.value["contract_status"])
