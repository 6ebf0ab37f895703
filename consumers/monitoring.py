"""Monitoring: how much was sold, where, on which day (建房〔2020〕61号 七). No person appears in what it receives.

Sums are those of the newest states: an amendment replaces its contract's figures, a cancellation takes them away. So a
day's figures may still change later, and are right at every moment.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta, timezone
from decimal import Decimal
from typing import Any

from consumers.records import DepartmentRecord, Newest

TOPICS = (
    "dept.monitoring.project.v1",
    "dept.monitoring.unit.v1",
    "dept.monitoring.sale.v1",
    "dept.monitoring.lease.v1",
    "dept.monitoring.mortgage.v1",
)
_COUNTED = frozenset({"FILED", "AMENDED", "COMPLETED"})
_SHANGHAI = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class FiledSale:
    """The figures of one filed sale, by its filing day in Asia/Shanghai."""

    day: date
    county_code: str
    contract_kind: str
    area: Decimal
    price: Decimal


@dataclass(slots=True)
class Total:
    """The sum of a cell: number, square metres, yuan."""

    count: int = 0
    area: Decimal = Decimal(0)
    price: Decimal = Decimal(0)


@dataclass(slots=True)
class MarketFigures:
    """A handler that keeps filed sales; the other subjects are there for a fuller monitor."""

    sales: Newest[FiledSale] = field(default_factory=Newest)

    def __call__(self, record: DepartmentRecord) -> None:
        if record.subject == "sale":
            counted = record.value["contract_status"] in _COUNTED and record.value["filed_at"] is not None
            self.sales.put(record, _filed_sale(record.value) if counted else None)

    def by_day_and_county(self) -> dict[tuple[date, str], Total]:
        """The totals of all filed sales."""
        totals: defaultdict[tuple[date, str], Total] = defaultdict(Total)
        for sale in self.sales:
            total = totals[sale.day, sale.county_code]
            total.count += 1
            total.area += sale.area
            total.price += sale.price
        return dict(totals)


def _filed_sale(value: dict[str, Any]) -> FiledSale:
    return FiledSale(
        day=value["filed_at"].astimezone(_SHANGHAI).date(),
        county_code=value["county_code"],
        contract_kind=value["contract_kind"],
        area=value["gross_area"],
        price=value["total_price"],
    )
