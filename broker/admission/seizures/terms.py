"""Terms: from which day to which a seizure is in force. All days are dates in China, both ends inclusive.

* Only the first of a queue has a term; a waiting seizure has none until it takes effect.
* The limit of a first term, and of each renewal, is policy, by the day on which the notice was served; for a renewal,
  the day of the renewal (法发〔2004〕5号; 民诉法解释 485, formerly 487). Without a stated term it is the limit.
* A period of N years ends on the day before the corresponding day. Where the month has no such day its last day stands
  for it.
"""

import re
from datetime import date, timedelta
from typing import NamedTuple
from unicodedata import normalize

from broker.admission.model import Body
from schemas.dates import day_in_china, months_after, years_after
from schemas.policies import Limits, Policy

ONE_DAY = timedelta(days=1)

_NUMBER = "([0-9]{1,5}|[〇零一二两三四五六七八九十百千]{1,9})"
_WAITING_TERM = re.compile(f"(?:{_NUMBER}年)?(?:[零又]?{_NUMBER}个?月)?(?:[零又]?{_NUMBER}[天日])?")
_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}


class Term(NamedTuple):
    """The first and the last day on which a seizure is in force."""

    begin: date
    until: date


class Period(NamedTuple):
    """A stated length of time."""

    months: int
    days: int

    def last_day(self, begin: date) -> date:
        """The last day of this period if it begins on that day."""
        return _plus_days(months_after(begin, self.months), self.days - 1)


def served_on(body: Body) -> date:
    """The day on which the notice was served."""
    return day_in_china(body["served_at"])


def stated_begin(body: Body) -> date:
    """The first day of a seizure that takes effect with its own notice."""
    return body["start_date"] or served_on(body)


def limits_of(body: Body, policy: Policy) -> Limits:
    """The limits by which a record of a seizure is judged."""
    renewed = body["event_type"] == "RENEWED"
    return policy.seizure_limits(day_in_china(body["occurred_at"]) if renewed else served_on(body))


def first_limits_of(body: Body, policy: Policy) -> Limits:
    """The limits of a first term, whichever record of the seizure brings it: stock data may begin with a renewal."""
    return policy.seizure_limits(served_on(body))


def last_day(begin: date, years: int) -> date:
    """The last day of so many years."""
    return years_after(begin, years) - ONE_DAY


def own_term(body: Body, limits: Limits) -> Term:
    """The term of a seizure that is first by its own notice."""
    begin = stated_begin(body)
    return Term(begin, body["end_date"] or last_day(begin, limits.first_years))


def promoted_term(body: Body, begin: date, limits: Limits) -> Term:
    """The term of a seizure that waited and takes effect on ``begin``: as long as it states, up to the limit."""
    limit = last_day(begin, limits.first_years)
    if body["start_date"] and body["end_date"]:
        return Term(begin, begin + min(body["end_date"] - body["start_date"], limit - begin))
    stated = waiting_period(body["waiting_term"])
    return Term(begin, min(limit, stated.last_day(begin)) if stated else limit)


def renewed_term(body: Body, was: Body, limits: Limits) -> Term:
    """The term after a renewal, which says its new last day; one that does not (stock data) goes to the limit."""
    until = was["effective_until"]
    return Term(was["effective_from"], body["end_date"] or years_after(until, limits.renewal_years))


def restated_term(body: Body, was: Body, limits: Limits) -> Term:
    """The term after a change of a seizure in force: what the court states anew counts, the rest stays as it was.

    ``was`` is the last accepted record. The time of service alone moves no term that runs already.
    """
    begin, until = was["effective_from"], was["effective_until"]
    if body["start_date"] not in (None, was["start_date"]):
        begin = body["start_date"]
        if body["end_date"] is None and was["end_date"] is None:
            until = last_day(begin, limits.first_years)
    if body["end_date"] not in (None, was["end_date"]):
        until = body["end_date"]
    return Term(begin, until)


def waiting_period(text: str | None) -> Period | None:
    """The length that a court gives a waiting seizure: 3年, 三年, 36个月, 180天, 一年零六个月. None: it is none of these."""
    found = _WAITING_TERM.fullmatch("".join(normalize("NFKC", text or "").split()))
    if found is None or not any(found.groups()):
        return None
    years, months, days = (_number(part) for part in found.groups())
    period = Period(12 * years + months, days)
    return period if period > Period(0, 0) else None


def _number(text: str | None) -> int:
    """A number in digits, or in Chinese up to the thousands (一百八十); 0 for none."""
    if text is None or text.isascii():
        return int(text or 0)
    if not _UNITS.keys() & set(text):
        return int("".join(str(_DIGITS[character]) for character in text))
    total = digit = 0
    for character in text:
        if character in _UNITS:
            total += (digit or 1) * _UNITS[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit


def _plus_days(day: date, days: int) -> date:
    """A court may write the last day there is for a term without end; no later one can be given."""
    return day + min(timedelta(days=days), date.max - day)
