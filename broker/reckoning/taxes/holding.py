"""How long the seller has had the house (docs/reckoning.md, T9).

The time of purchase is the earlier of the certificate's date and the day of acquisition (契税完税证明); for what was
inherited, given or divided it is the former owner's, which a filing does not have. So that it was long enough can often
be said for certain where the exact time cannot; that it was not, only if nothing earlier is possible.
"""

from dataclasses import dataclass
from datetime import date

from broker.reckoning.records import Sale
from schemas.dates import years_after


@dataclass(frozen=True, slots=True)
class Held:
    """Whether the house was held so long; None: not known for want of ``missing``."""

    long_enough: bool | None
    since: date | None
    missing: tuple[str, ...] = ()


def held(sale: Sale, filed_on: date, years: int, dated_back: frozenset[str]) -> Held:
    """Whether the seller has held the house for so many whole years on the day of filing."""
    dates = [day for day in (sale.title_date, sale.prior_acquired_date) if day is not None]
    since = min(dates, default=None)
    if since is not None and filed_on >= years_after(since, years):
        return Held(True, since)
    if missing := _missing(sale, dated_back):
        return Held(None, since, missing)
    return Held(False, since)


def _missing(sale: Sale, dated_back: frozenset[str]) -> tuple[str, ...]:
    """What could still show an earlier time."""
    missing = []
    if sale.prior_deal_kind is None:
        missing.append("prior deal kind")
    elif sale.prior_deal_kind in dated_back:
        missing.append("the former owner's time of purchase")
    if sale.title_date is None:
        missing.append("title date")
    if sale.prior_acquired_date is None:
        missing.append("prior acquired date")
    return tuple(missing)
