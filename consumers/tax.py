"""Tax: a line of the prefill ledger for each filed sale, so that nobody fills in a form (建房〔2020〕61号 四).

A line is there while its contract is filed; a cancelled or revoked contract takes its line away. A completed one keeps
it: the tax was due on it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from consumers.records import DepartmentRecord, Newest

TOPICS = ("dept.tax.sale.v1",)
_TAXABLE = frozenset({"FILED", "AMENDED", "COMPLETED"})


@dataclass(frozen=True, slots=True)
class Taxpayer:
    """One seller or buyer. ``home_ordinal``: which home of the buyer's family this is (房屋套次)."""

    role: str
    name: str
    id_type: str
    id_no: str
    home_ordinal: int | None


@dataclass(frozen=True, slots=True)
class PrefillLine:
    """What the tax form is filled with. Money in yuan, area in square metres."""

    contract_no: str
    filed_at: datetime | None
    address: str
    gross_area: Decimal
    total_price: Decimal
    prior_price: Decimal | None
    taxpayers: tuple[Taxpayer, ...]


@dataclass(slots=True)
class PrefillLedger:
    """A handler that keeps the ledger. A real one would write each line to the tax system in ``__call__``."""

    lines: Newest[PrefillLine] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        taxable = record.value["contract_status"] in _TAXABLE
        self.lines.put(record, prefill_line(record.value) if taxable else None)


def prefill_line(value: dict[str, Any]) -> PrefillLine:
    """The line of one sale."""
    return PrefillLine(
        contract_no=value["contract_no"],
        filed_at=value["filed_at"],
        address=value["address"],
        gross_area=value["gross_area"],
        total_price=value["total_price"],
        prior_price=value["prior_price"],
        taxpayers=tuple(
            Taxpayer(p["role"], p["name"], p["id_type"], p["id_no"], p["home_ordinal"])
            for p in value["parties"]
        ),
    )
