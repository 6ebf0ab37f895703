"""Since when and until when a filed contract gives somebody a home, by the record as it stands. Pure.

A record has the state after its newest event alone. A contract that was cancelled was in force until that day; one that was
revoked or voided never was. There is no day of completion in a contract: the day of its last event stands for it.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from broker.reckoning.months import ONE_DAY, Span
from schemas.dates import day_in_china

Record = dict[str, Any]

FILING_DAYS = timedelta(days=30)
"""A lease is to be filed within 30 days (商品房屋租赁管理办法 14). One that is filed in time counts from its first day; what a
later filing says of the time before proves nothing."""

_IN_FORCE = frozenset({"FILED", "AMENDED", "COMPLETED"})


def filed_on(record: Record) -> date | None:
    """The day in China on which it was filed."""
    filed_at = record.get("filed_at")
    return day_in_china(filed_at) if filed_at else None


def in_force_on(record: Record, day: date) -> bool:
    """Whether this filed contract stood on that day. A lease's own term is not looked at."""
    filed = filed_on(record)
    if filed is None or filed > day:
        return False
    ended = _cancelled_on(record)
    return record["contract_status"] in _IN_FORCE or (ended is not None and ended > day)


def let_on(lease: Record, day: date) -> bool:
    """Whether a filed lease stood on that day, and the day is of its term."""
    return in_force_on(lease, day) and bool(lease["lease_start"] <= day <= lease["lease_end"])


def sold_on(sale: Record, sales_of_house: Iterable[Record], refs: Iterable[str], day: date) -> bool:
    """Whether one of these persons, who bought by ``sale``, has by that day transferred the house by a later one."""
    own, filed = set(refs), sale["filed_at"]
    return any(
        other["contract_status"] == "COMPLETED"
        and other["filed_at"] is not None
        and (filed is None or other["filed_at"] > filed)
        and day_in_china(other["occurred_at"]) <= day
        and any(p["role"] == "SELLER" and p["party_ref"] in own for p in other["parties"])
        for other in sales_of_house
    )


def filed_span(lease: Record) -> Span | None:
    """The days of a lease's term that are under filing: from its first day, or if it was filed late, from that of filing."""
    filed, ended = filed_on(lease), _cancelled_on(lease)
    if filed is None or (lease["contract_status"] not in _IN_FORCE and ended is None):
        return None
    first = filed if filed > lease["lease_start"] + FILING_DAYS else lease["lease_start"]
    last = min(lease["lease_end"], ended - ONE_DAY) if ended else lease["lease_end"]
    return Span(first, last) if first <= last else None


def unbroken(spans: Iterable[Span], day: date) -> Span | None:
    """The unbroken run of days around a day: spans that overlap or follow each other at once are one."""
    run: Span | None = None
    for span in sorted(spans):
        if run and span.first <= run.last + ONE_DAY:
            run = Span(run.first, max(run.last, span.last))
        elif run and run.first <= day <= run.last:
            break
        else:
            run = span
    return run if run and run.first <= day <= run.last else None


def _cancelled_on(record: Record) -> date | None:
    if record["contract_status"] != "CANCELLED":
        return None
    return day_in_china(record.get("cancelled_at") or record["occurred_at"])
