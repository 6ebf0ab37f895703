"""Terms in months: whole ones of the calendar, and days beyond them as parts of one."""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from schemas.dates import months_after

ONE_DAY = timedelta(days=1)
OF_PERIOD = {"MONTH": 1, "QUARTER": 3, "HALF_YEAR": 6, "YEAR": 12}
"""Months of a rent period, by the code list ``rent_period``."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From a first to a last day, both included."""

    first: date
    last: date

    def within(self, other: "Span") -> "Span | None":
        """What both have in common."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Span(first, last) if first <= last else None

    def months(self, days_of_month: int) -> Fraction:
        """Its length: 2021-01-15 to 2021-03-14 is 2 months; a rest of days is that many of ``days_of_month``, at most 1."""
        whole = 12 * (self.last.year - self.first.year) + self.last.month - self.first.month + 1
        while months_after(self.first, whole) > self.last + ONE_DAY:
            whole -= 1
        rest = (self.last + ONE_DAY - months_after(self.first, whole)).days
        return whole + min(Fraction(rest, days_of_month), Fraction(1))
