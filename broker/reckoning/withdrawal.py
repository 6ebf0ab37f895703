"""What rent a household can draw from the provident fund for a time (建金〔2015〕19号; docs/reckoning.md, 3).

For each lease the least of filed rent, invoices and market rent for the months that it covers; of public housing the rent
in full. The household is the claimant and the spouse, who must have no home of their own in the city. Whether their
deposits are in order is not in any filing: the fund must check that.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from broker.reckoning.family import Family
from broker.reckoning.figures import Figure, Value, basis, fen, needs
from broker.reckoning.market import MarketRent, is_residential, market_rent, monthly_rent
from broker.reckoning.months import Span
from broker.reckoning.records import Evidence, Invoice, Lease, newest
from schemas.dates import day_in_china
from schemas.reckoning import RentRule, WithoutMarket

COUNTING = ("FILED", "AMENDED", "CANCELLED")


class LeaseWhy(StrEnum):
    """Why a lease gives nothing."""

    NOT_FILED = "NOT_FILED"
    """It is not filed, or was revoked."""
    NOT_LESSEE = "NOT_LESSEE"
    """Neither the claimant nor the spouse rents by it."""
    LESSOR_OF_HOUSEHOLD = "LESSOR_OF_HOUSEHOLD"
    """One of them lets it."""
    NOT_RESIDENCE = "NOT_RESIDENCE"
    OUTSIDE_PERIOD = "OUTSIDE_PERIOD"
    """It covers no day of the time asked about."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim: claimant and spouse, the time that it is for, the day it is made, and their homes in the city."""

    couple: Family
    period: Span
    on: date
    homes: int | None


@dataclass(frozen=True, slots=True)
class LeasePart:
    """What one lease gives: the three figures that there are, the least of them, and the months it covers."""

    lease: Evidence
    covers: Span
    months: Fraction
    share: Fraction
    figures: tuple[Figure, ...]
    amount: Figure
    market: MarketRent | None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The most that can be drawn, with its parts. ``deposit_months``: deposits in a row that the fund must check."""

    amount: Figure
    parts: tuple[LeasePart, ...]
    left_out: tuple[tuple[Evidence, LeaseWhy], ...]
    deposit_months: int


def withdrawal(
    asked: Asked,
    leases: Iterable[Lease],
    invoices: Iterable[Invoice],
    comparable: Callable[[Lease], Iterable[Lease]],
    rule: RentRule,
) -> Withdrawal:
    """What can be drawn by the household's leases. ``comparable``: the leases to find the market rent of one from."""
    known, paid = newest(leases), newest(invoices)
    whys = [(lease, why_not(lease, asked, rule)) for lease in known]
    parts = tuple(
        _part(lease, asked, [one for one in paid if one.lease_id == lease.source.entity_id], comparable, rule)
        for lease, why in whys
        if why is None
    )
    left_out = tuple((lease.source, why) for lease, why in whys if why is not None)
    return Withdrawal(_amount(asked, parts, known, rule), parts, left_out, rule.deposit_months)


def _amount(asked: Asked, parts: Sequence[LeasePart], known: Sequence[Lease], rule: RentRule) -> Figure:
    if asked.homes is None:
        return needs("withdrawal", basis("W1", rule), "home count of claimant and spouse")
    if asked.homes:
        return Figure("withdrawal", Decimal(0), basis("W1", rule), (("homes", asked.homes),))
    by = basis("W7", rule)
    if missing := tuple(dict.fromkeys(what for part in parts for what in part.amount.missing)):
        return needs("withdrawal", by, *missing)
    spans = sorted(part.covers for part in parts)
    if any(one.last >= other.first for one, other in pairwise(spans)):
        return needs("withdrawal", by, "which lease counts: leases cover the same days")
    total = sum((part.amount.value or Decimal(0) for part in parts), Decimal(0))
    inputs: tuple[tuple[str, Value], ...] = tuple(
        (f"lease {n}", part.amount.value or Decimal(0)) for n, part in enumerate(parts, 1)
    )
    if rule.monthly_limit is None:
        return Figure("withdrawal", total, by, inputs)
    public = {lease.source for lease in known if lease.house_nature in rule.public_natures}
    return _limited(parts, public, rule.monthly_limit, rule, inputs)


def _limited(
    parts: Sequence[LeasePart],
    public: set[Evidence],
    monthly_limit: Decimal,
    rule: RentRule,
    inputs: tuple[tuple[str, Value], ...],
) -> Figure:
    """The city's limit is for what is not public housing."""
    in_full = sum((part.amount.value or Decimal(0) for part in parts if part.lease in public), Decimal(0))
    others = [part for part in parts if part.lease not in public]
    limit = fen(Fraction(monthly_limit) * sum((part.months for part in others), Fraction()))
    capped = min(limit, sum((part.amount.value or Decimal(0) for part in others), Decimal(0)))
    return Figure("withdrawal", in_full + capped, basis("W7", rule), (*inputs, ("limit", limit)))


def why_not(lease: Lease, asked: Asked, rule: RentRule) -> LeaseWhy | None:
    """Why a lease gives nothing; None if it gives something."""
    if lease.status not in COUNTING or lease.filed_at is None:
        return LeaseWhy.NOT_FILED
    if asked.couple.among(lease.by_role("LESSOR")):
        return LeaseWhy.LESSOR_OF_HOUSEHOLD
    if not asked.couple.among(lease.by_role("LESSEE")):
        return LeaseWhy.NOT_LESSEE
    if not is_residential(lease, rule):
        return LeaseWhy.NOT_RESIDENCE
    return None if _covers(lease, asked.period) else LeaseWhy.OUTSIDE_PERIOD


def _covers(lease: Lease, period: Span) -> Span | None:
    """The days of the time asked about that it covers; a cancelled lease ends on the day of its cancellation."""
    last = lease.last_day
    if lease.status == "CANCELLED" and lease.cancelled_at is not None:
        last = min(last, day_in_china(lease.cancelled_at))
    return Span(lease.first_day, last).within(period) if lease.first_day <= last else None


def _part(
    lease: Lease,
    asked: Asked,
    invoices: Sequence[Invoice],
    comparable: Callable[[Lease], Iterable[Lease]],
    rule: RentRule,
) -> LeasePart:
    covers = _covers(lease, asked.period)
    assert covers is not None
    months = covers.months(rule.days_of_month)
    share = _share(lease, asked.couple)
    filed = _filed(lease, months, share, rule)
    if lease.house_nature in rule.public_natures:
        return LeasePart(lease.source, covers, months, share, (filed,), filed, None)
    market = market_rent(comparable(lease), lease, rule, asked.on)
    figures = (
        filed,
        *_invoiced(invoices, covers, share, rule),
        *_market(market, months, share, rule),
    )
    return LeasePart(lease.source, covers, months, share, figures, _least(figures, rule), market)


def _filed(lease: Lease, months: Fraction, share: Fraction, rule: RentRule) -> Figure:
    clause = "W8" if lease.house_nature in rule.public_natures else "W3"
    if lease.status == "CANCELLED" and lease.cancelled_at is None:
        return needs("filed_rent", basis(clause, rule), "the day of the cancellation")
    monthly = monthly_rent(lease)
    if monthly is None:
        return needs("filed_rent", basis(clause, rule), "rent period")
    inputs = (("rent_a_month", monthly), ("months", months), ("share", share))
    return Figure("filed_rent", fen(monthly * months * share), basis(clause, rule), inputs)


def _invoiced(invoices: Sequence[Invoice], covers: Span, share: Fraction, rule: RentRule) -> list[Figure]:
    """What is invoiced for those days, if anything is."""
    parts = [(one, _part_of(one, covers, rule)) for one in invoices]
    found = [(one, part) for one, part in parts if part]
    if not found:
        return []
    total = sum((Fraction(one.amount) * part for one, part in found), Fraction())
    inputs: tuple[tuple[str, Value], ...] = (("invoices", len(found)), ("total", total), ("share", share))
    return [Figure("invoiced_rent", fen(total * share), basis("W5", rule), inputs)]


def _part_of(invoice: Invoice, covers: Span, rule: RentRule) -> Fraction:
    """How much of an invoice is for those days; one without days is for the whole term."""
    if invoice.first_day is None or invoice.last_day is None:
        return Fraction(1)
    whole = Span(invoice.first_day, invoice.last_day)
    common = whole.within(covers)
    days = rule.days_of_month
    return Fraction(0) if common is None else common.months(days) / whole.months(days)


def _market(market: MarketRent, months: Fraction, share: Fraction, rule: RentRule) -> list[Figure]:
    by = basis("W6", rule)
    if market.monthly is None:
        asks = rule.without_market is WithoutMarket.ASK
        return (
            [needs("market_rent", by, f"a market rent: {market.sample} leases are too few")] if asks else []
        )
    inputs = (
        ("median_a_month", market.monthly),
        ("sample", market.sample),
        ("level", str(market.level)),
        ("factor", rule.market_factor),
        ("months", months),
        ("share", share),
    )
    cap = Fraction(market.monthly) * Fraction(rule.market_factor) * months * share
    return [Figure("market_rent", fen(cap), by, inputs)]


def _least(figures: Sequence[Figure], rule: RentRule) -> Figure:
    by = basis("W2", rule)
    if missing := tuple(what for figure in figures for what in figure.missing):
        return needs("lease_amount", by, *missing)
    values = tuple((figure.name, figure.value) for figure in figures if figure.value is not None)
    return Figure("lease_amount", min(value for _, value in values), by, values)


def _share(lease: Lease, couple: Family) -> Fraction:
    """The couple's part of the rent: by the shares of the lessees if all are said, else by heads."""
    lessees = lease.by_role("LESSEE")
    own = [lessee for lessee in lessees if couple.among([lessee])]
    shares = [lessee.share for lessee in lessees if lessee.share is not None]
    if len(shares) == len(lessees) and sum(shares) > 0:
        return sum((lessee.share for lessee in own if lessee.share), Fraction()) / sum(shares, Fraction())
    return Fraction(len(own), len(lessees))
