"""The anti-money-laundering desk of a bank: signals on contracts that the bank lends on (建房〔2020〕61号 二).

What it reads is not for those who deal with the customer. A signal on a contract that the bank lends on no longer is
followed by one ``LEFT``.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from consumers.records import DepartmentRecord, Newest


def topics(desk: str) -> tuple[str, ...]:
    """The topics of one desk, such as ``bank.icbc.aml``."""
    return (f"dept.{desk}.signal.v1",)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What to look into: the kind, how urgent, the contract, and the figures by name."""

    kind: str
    level: str
    contract_no: str
    figures: tuple[tuple[str, Decimal], ...]


@dataclass(slots=True)
class Desk:
    """A handler that keeps the newest state of each signal on a contract of the bank's."""

    suspicions: Newest[Suspicion] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        self.suspicions.put(record, None if record.left else _suspicion(record))

    def alerts(self) -> list[Suspicion]:
        """What cannot wait."""
        return [one for one in self.suspicions if one.level == "ALERT"]


def _suspicion(record: DepartmentRecord) -> Suspicion:
    value = record.value
    figures = tuple((one["name"], one["value"]) for one in value["measures"])
    return Suspicion(value["kind"], value["level"], value["contract_no"], figures)
