"""Terms of seizures (domain page 3.2): days are dates in China, first and last inclusive; N years end the day before.

Limits, by the day of service (of a renewal: by its own day): 3 years and 3 more by each renewal (民诉法解释 487), before
that interpretation 2 and 1 (法发〔2004〕5号).
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

from producers.simulator.ledger import Facts

CHINA = timezone(timedelta(hours=8))
"""China has kept one time without summer time since 1992, which is before every term that still runs."""

_DAY = timedelta(days=1)
_NEW_LIMITS = date(2015, 2, 4)
_WAITING = re.compile(r"(\d+)(年|个月|天|日)")


class Span(NamedTuple):
    """First and last day."""

    begin: date
    until: date


def china(at: datetime) -> date:
    """The date of an instant in China."""
    return at.astimezone(CHINA).date()


def due_after(last_day: date) -> datetime:
    """When a term with that last day is over: the midnight after, in UTC."""
    return datetime.combine(last_day + _DAY, time(), CHINA).astimezone(UTC)


def day_after(day: date) -> date:
    return day + _DAY


def years_after(day: date, years: int) -> date:
    """The corresponding day, or the last of a month that has none."""
    return _months_after(day, 12 * years)


def _months_after(day: date, months: int) -> date:
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def longest(facts: Facts, begin: date) -> date:
    """The last day that the law allows a seizure which takes effect on ``begin``."""
    years = 3 if china(facts.terms["served_at"]) >= _NEW_LIMITS else 2
    return years_after(begin, years) - _DAY


def longest_renewal(facts: Facts, until: date) -> date:
    """The last day to which a term can be renewed."""
    return years_after(until, 3 if china(facts.terms["occurred_at"]) >= _NEW_LIMITS else 1)


def begins(facts: Facts) -> date:
    """The first day of a seizure that takes effect by its own notice."""
    start: date | None = facts.terms["start_date"]
    return start or china(facts.terms["served_at"])


def own_span(facts: Facts) -> Span:
    """The term of the first of a queue by its own notice."""
    begin = begins(facts)
    return Span(begin, facts.terms["end_date"] or longest(facts, begin))


def promoted_span(facts: Facts, begin: date) -> Span:
    """The term of one that waited: as long as it states, up to the limit."""
    limit = longest(facts, begin)
    stated = _stated(facts, begin)
    return Span(begin, limit if stated is None else min(limit, stated))


def _stated(facts: Facts, begin: date) -> date | None:
    start, end = facts.terms["start_date"], facts.terms["end_date"]
    if start is not None and end is not None:
        until: date = begin + min(end - start, date.max - begin)
        return until
    found = _WAITING.fullmatch(facts.terms["waiting_term"] or "")
    if found is None:
        return None
    count = int(found[1])
    if found[2] in "天日":
        return begin + (count - 1) * _DAY
    return _months_after(begin, count * (12 if found[2] == "年" else 1)) - _DAY


def changed_span(facts: Facts, before: Facts, span: Span) -> Span:
    """The term after a change or renewal of the one in force: what the court states anew counts, the rest stays."""
    start, end = facts.terms["start_date"], facts.terms["end_date"]
    begin = start if start is not None and start != before.terms["start_date"] else span.begin
    until = end if end is not None and end != before.terms["end_date"] else span.until
    if begin != span.begin and end is None and before.terms["end_date"] is None:
        until = longest(facts, begin)
    return Span(begin, until)
