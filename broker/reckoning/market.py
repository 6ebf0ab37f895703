"""Market rent: the median of comparable leases, with how many there were (docs/reckoning.md, W6)."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from broker.reckoning.figures import fen
from broker.reckoning.months import OF_PERIOD
from broker.reckoning.records import Lease, newest
from schemas.dates import day_in_china, months_after
from schemas.reckoning import MarketLevel, RentRule

SHARED = "SHARED"
STANDING = ("FILED", "AMENDED")


@dataclass(frozen=True, slots=True)
class MarketRent:
    """The median rent a month in yuan, of ``sample`` leases. ``monthly`` None: there were too few at every level.

    ``level`` and ``sample`` are then those of the last, widest comparison.
    """

    monthly: Decimal | None
    level: MarketLevel | None
    sample: int


def market_rent(leases: Iterable[Lease], like: Lease, rule: RentRule, on: date) -> MarketRent:
    """The market rent of what a lease lets, by others that were filed in the months up to a day.

    Compared are residential leases of whole homes in the same county that stand, public housing apart. A part of a home
    is compared by the square metre alone.
    """
    others = [lease for lease in newest(leases) if _is_comparable(lease, like, rule, on)]
    found = MarketRent(None, None, 0)
    for level in rule.market_levels:
        if like.mode == SHARED and level is not MarketLevel.PER_METRE:
            continue
        rents = _RENTS[level](others, like, rule)
        found = MarketRent(None, level, len(rents))
        if len(rents) >= rule.min_sample:
            return MarketRent(fen(_median(rents)), level, len(rents))
    return found


def _median(rents: Sequence[Fraction]) -> Fraction:
    """Exactly; fractions are compared themselves only where they are next to equal, as that is slow."""
    ordered = sorted(rents, key=lambda rent: (float(rent), rent))
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def monthly_rent(lease: Lease) -> Fraction | None:
    """The rent a month; None if the lease does not say what its rent is for."""
    return _monthly(lease.rent, lease.rent_period or "")


@lru_cache(maxsize=8_192)
def _monthly(rent: Decimal, period: str) -> Fraction | None:
    """Many are let for the same."""
    months = OF_PERIOD.get(period)
    return None if months is None else Fraction(rent) / months


def is_residential(lease: Lease, rule: RentRule) -> bool:
    """By what it says that it is for, or else by the use of the house."""
    return (
        lease.dwelling.use in rule.residential_uses if lease.purpose is None else lease.purpose == "RESIDENCE"
    )


def _is_comparable(lease: Lease, like: Lease, rule: RentRule, on: date) -> bool:
    if lease.source.entity_id == like.source.entity_id or lease.county_code != like.county_code:
        return False
    if lease.filed_at is None or lease.status not in STANDING or lease.mode == SHARED:
        return False
    return (
        _is_of_late(day_in_china(lease.filed_at), on, rule.market_months)
        and is_residential(lease, rule)
        and lease.house_nature not in rule.public_natures
        and monthly_rent(lease) is not None
    )


@lru_cache(maxsize=8_192)
def _is_of_late(filed: date, on: date, months: int) -> bool:
    return filed <= on < months_after(filed, months)


def _of_layout_and_band(others: Sequence[Lease], like: Lease, rule: RentRule) -> list[Fraction]:
    if like.layout is None:
        return []
    return _of_band([lease for lease in others if lease.layout == like.layout], like, rule)


def _of_band(others: Sequence[Lease], like: Lease, rule: RentRule) -> list[Fraction]:
    band = bisect_left(rule.area_bands, like.area)
    return [
        rent
        for lease in others
        if bisect_left(rule.area_bands, lease.area) == band and (rent := monthly_rent(lease)) is not None
    ]


def _by_the_metre(others: Sequence[Lease], like: Lease, _rule: RentRule) -> list[Fraction]:
    area = Fraction(like.area)
    return [
        rent / Fraction(lease.area) * area for lease in others if (rent := monthly_rent(lease)) is not None
    ]


_RENTS: dict[MarketLevel, Callable[[Sequence[Lease], Lease, RentRule], list[Fraction]]] = {
    MarketLevel.LAYOUT_BAND: _of_layout_and_band,
    MarketLevel.BAND: _of_band,
    MarketLevel.PER_METRE: _by_the_metre,
}
