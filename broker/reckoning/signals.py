"""Comparisons that a lender's anti-money-laundering desk should know of (建房〔2020〕61号 二; docs/reckoning.md, 5).

Each function compares a few figures by a rule and gives a signal, or None. A signal is for the desk alone: to tell the
customer would be tipping off. Money is yuan and positive, days are dates in China. Ratios are compared exactly and
reported with six digits, as the signal's schema has room for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Literal

from schemas.dates import months_after
from schemas.reckoning import SignalRule

SIX_DIGITS = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that a signal rests on, as ``measures`` of the signal's schema has it. ``unit``: RATIO, CNY, COUNT."""

    name: str
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Signal:
    """What was found, by which edition of the rule."""

    kind: str
    level: Literal["WARN", "ALERT"]
    measures: tuple[Measure, ...]
    rule_version: str


def price_deviation(filed: Decimal, appraisal: Decimal, rule: SignalRule) -> Signal | None:
    """PRICE_DEVIATION if the filed price is far from the appraisal: a warning, or an alert."""
    ratio = _change(filed, appraisal)
    if abs(ratio) < Fraction(rule.price_warn):
        return None
    level: Literal["WARN", "ALERT"] = "ALERT" if abs(ratio) >= Fraction(rule.price_alert) else "WARN"
    return Signal("PRICE_DEVIATION", level, (_ratio(ratio),), rule.version)


def funds_deviation(filed: Decimal, funds: Decimal, rule: SignalRule) -> Signal | None:
    """FUNDS_DEVIATION if the money that moved falls short of the filed price, or exceeds it by much."""
    ratio = _change(funds, filed)
    if -Fraction(rule.funds_short) <= ratio <= Fraction(rule.funds_over):
        return None
    return Signal("FUNDS_DEVIATION", "WARN", (_ratio(ratio),), rule.version)


def repeat_resale(acquired: date, resold: date, rule: SignalRule) -> Signal | None:
    """REPEAT_RESALE if a house was filed for sale again soon after it had been acquired."""
    if not acquired <= resold < months_after(acquired, rule.resale_months):
        return None
    held = Measure("DAYS_HELD", Decimal((resold - acquired).days), "COUNT")
    return Signal("REPEAT_RESALE", "WARN", (held,), rule.version)


def cash_payment(cash: Decimal, rule: SignalRule) -> Signal | None:
    """CASH_PAYMENT if a large sum was paid in cash."""
    if cash < rule.cash_from:
        return None
    return Signal("CASH_PAYMENT", "WARN", (Measure("CASH", cash, "CNY"),), rule.version)


def many_filings(filed: Iterable[date], until: date, rule: SignalRule) -> Signal | None:
    """MANY_FILINGS if one party has filed often in the months up to a day; ``filed`` has the day of each filing."""
    count = sum(1 for day in filed if day <= until < months_after(day, rule.filings_months))
    if count < rule.filings:
        return None
    return Signal("MANY_FILINGS", "WARN", (Measure("FILINGS", Decimal(count), "COUNT"),), rule.version)


def cancel_refile(
    cancelled_price: Decimal, cancelled: date, filed_price: Decimal, filed: date, rule: SignalRule
) -> Signal | None:
    """CANCEL_REFILE if a house was filed again soon after a cancellation, at another price."""
    ratio = _change(filed_price, cancelled_price)
    soon = cancelled <= filed < months_after(cancelled, rule.refile_months)
    if not soon or abs(ratio) <= Fraction(rule.refile_change):
        return None
    return Signal("CANCEL_REFILE", "WARN", (_ratio(ratio),), rule.version)


def _change(to: Decimal, base: Decimal) -> Fraction:
    """How far a figure is from another, as a share of that. Raises ValueError if there is nothing to compare with."""
    if base <= 0:
        raise ValueError("there is nothing to compare with: the figure compared with must be greater than 0")
    return Fraction(to) / Fraction(base) - 1


def _ratio(ratio: Fraction) -> Measure:
    exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
    return Measure("DEVIATION_RATIO", exact.quantize(SIX_DIGITS, ROUND_HALF_UP), "RATIO")
