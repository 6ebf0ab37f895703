"""Leases to compare a rent with, read by an index and never more than so many.

The newest filings are taken first, so that a city with millions of leases is answered as fast as a small one; the sample
says how many there were.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from broker.query.reading import Reading
from broker.reckoning.market import STANDING, market_rent
from broker.reckoning.records import Dwelling, Evidence, Lease
from schemas.dates import months_after
from schemas.reckoning import MarketLevel, RentRule

MOST_COMPARED = 200
"""Of one comparison. The median of so many is within some three hundredths of that of all, and they are read in milliseconds."""

# A day and more of margin: which day in China a moment falls on is for the comparison itself.
_MARGIN = timedelta(days=2)

_COLUMNS = b"""
SELECT entity_id, revision, county_code, contract_status, rent_amount, rent_period, filed_at,
       coalesce(leased_area, gross_area), planned_use_code, house_nature_code, layout_code, lease_mode, use
FROM latest.lease
WHERE county_code = %(county)s AND filed_at >= %(since)s AND filed_at < %(until)s
  AND contract_status = ANY(%(standing)s)
"""
_NEWEST = b"ORDER BY filed_at DESC LIMIT %(most)s"
_OF_LAYOUT = _COLUMNS + b"AND layout_code = %(layout)s " + _NEWEST
_OF_COUNTY = _COLUMNS + _NEWEST


async def comparable(reading: Reading, like: Lease, rule: RentRule, on: date) -> list[Lease]:
    """The leases to find the market rent of ``like`` from: of the same layout if they suffice, else of the county."""
    if like.layout is not None and MarketLevel.LAYOUT_BAND in rule.market_levels:
        same = await _leases(reading, _OF_LAYOUT, like, rule, on)
        found = market_rent(same, like, rule, on)
        if found.monthly is not None and found.level is MarketLevel.LAYOUT_BAND:
            return same
    return await _leases(reading, _OF_COUNTY, like, rule, on)


async def _leases(reading: Reading, statement: bytes, like: Lease, rule: RentRule, on: date) -> list[Lease]:
    noon = datetime.combine(on, time(12), UTC)
    since = datetime.combine(months_after(on, -rule.market_months), time(12), UTC)
    given = {
        "county": like.county_code,
        "layout": like.layout,
        "since": since - _MARGIN,
        "until": noon + _MARGIN,
        "standing": list(STANDING),
        "most": MOST_COMPARED,
    }
    return [_lease(row) for row in await reading.rows(statement, given)]


def _lease(row: Sequence[Any]) -> Lease:
    """What a comparison looks at: parties and term are not read."""
    entity_id, revision, county, status, rent, period, filed_at, area, use, nature, layout, mode, purpose = (
        row
    )
    return Lease(
        source=Evidence("lease", entity_id, revision),
        county_code=county,
        status=status,
        parties=(),
        rent=rent,
        first_day=date.min,
        last_day=date.max,
        area=area,
        rent_period=period,
        filed_at=filed_at,
        dwelling=Dwelling(use),
        house_nature=nature,
        layout=layout,
        mode=mode,
        purpose=purpose,
    )
