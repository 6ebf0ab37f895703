"""Bank: its own customers' contracts, to review a loan and to be warned when a contract falls (建房〔2020〕61号 二).

A bank receives a contract from the moment that it is named in it. When it is named no longer, one ``LEFT`` comes with the
key alone; what was kept of the contract is to be deleted then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from consumers.records import DepartmentRecord, Newest

_FALLEN = frozenset({"CANCELLED", "REVOKED", "VOIDED"})


def topics(department: str) -> tuple[str, ...]:
    """The topics of one bank, such as ``bank.icbc``."""
    return (f"dept.{department}.sale.v1", f"dept.{department}.mortgage.v1")


@dataclass(frozen=True, slots=True)
class LoanContract:
    """A contract on which the bank lends or may lend; ``amount`` is the price or the secured principal in yuan."""

    subject: str
    contract_no: str
    status: str
    house_code: str
    amount: Decimal


@dataclass(slots=True)
class LoanBook:
    """A handler that keeps the contracts and calls ``warn`` when one that it knew as live has fallen."""

    warn: Callable[[LoanContract], None]
    contracts: Newest[LoanContract] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        before = self.contracts.get(record.entity_id)
        after = None if record.left else _loan_contract(record)
        if not self.contracts.put(record, after):
            return
        if after and after.status in _FALLEN and before and before.status not in _FALLEN:
            self.warn(after)


def loan_base(filed_price: Decimal, appraisal: Decimal) -> Decimal:
    """What a loan is measured by: the lower of the filed price and the bank's appraisal, as the notice has it."""
    return min(filed_price, appraisal)


def _loan_contract(record: DepartmentRecord) -> LoanContract:
    value = record.value
    amount = value["total_price"] if record.subject == "sale" else value["secured_principal"]
    return LoanContract(
        record.subject, value["contract_no"], value["contract_status"], value["house_code"], amount
    )
