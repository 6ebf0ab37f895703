"""Education: does the parent live there, by a home of his own or by a lease that is filed; has he rented for a year.

Yes or no, and since when; never a contract.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from broker.query.asked import Address, Asked, County, Day, Person
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.houses import same_address
from broker.query.purchases import kept
from broker.query.reading import Reading
from broker.query.records import Record
from broker.query.standing import filed_on, filed_span, unbroken
from broker.reckoning.months import ONE_DAY
from schemas.dates import day_in_china, years_after

_BOUGHT = frozenset({"FILED", "AMENDED", "COMPLETED"})
_LET = frozenset({"FILED", "AMENDED"})
_TO_LIVE_IN = frozenset({None, "RESIDENCE"})
_YEARS = 1


class HomeForAdmission(Asked):
    """The parent, and the address that he gave."""

    parent: Annotated[Person, Field(description="家长 the parent")]
    address: Address


class RentForAdmission(Asked):
    """One parent or both, the district of the school, and the day that counts: today, unless another is given."""

    parent: Annotated[Person, Field(description="家长 the parent")]
    county_code: County
    other_parent: Annotated[Person | None, Field(description="另一家长 the other parent")] = None
    on: Annotated[Day | None, Field(description="截止日 the day that counts")] = None


async def home_for_admission(asked: HomeForAdmission, reading: Reading) -> Given:
    """The first of: a title, a filed purchase, a filed lease that runs on this day, at this address."""
    refs, found = await reading.of_person(
        asked.parent,
        lambda refs: [
            reading.finding_parties("title", refs, roles=["HOLDER"]),
            reading.finding_parties("sale", refs, roles=["BUYER"]),
            reading.finding_parties("lease", refs, roles=["LESSEE"]),
        ],
    )
    today, here = day_in_china(reading.as_of), same_address(asked.address)
    titles, sales, leases = ([one for one in some if same_address(one["address"]) == here] for some in found)
    home = next(_homes(titles, await kept(reading, sales, refs, today), leases, today), None)
    return _told(home) if home else {"matched": False}


async def rent_for_admission(asked: RentForAdmission, reading: Reading) -> Given:
    """Whether the parents' filed leases in the district have run without a gap for a year by that day, and on it."""
    day = asked.on or day_in_china(reading.as_of)
    of_each = [await _rented(reading, one) for one in (asked.parent, asked.other_parent) if one]
    leases = {lease["entity_id"]: lease for some in of_each for lease in some}.values()
    spans = [
        span
        for lease in leases
        if lease["county_code"] == asked.county_code and lease["use"] in _TO_LIVE_IN
        if (span := filed_span(lease))
    ]
    run = unbroken(spans, day)
    return {
        "continuous": run is not None and years_after(run.first, _YEARS) <= day + ONE_DAY,
        "since": run.first if run else None,
        "until": run.last if run else None,
    }


async def _rented(reading: Reading, person: Person) -> list[Record]:
    _, (leases,) = await reading.of_person(
        person, lambda refs: [reading.finding_parties("lease", refs, roles=["LESSEE"])]
    )
    return leases


def _homes(
    titles: Iterable[Record], sales: Iterable[Record], leases: Iterable[Record], today: date
) -> Iterator[Record]:
    yield from (one for one in titles if one["status"] == "ACTIVE" and one["title_kind"] == "TITLE")
    yield from (one for one in sales if one["contract_status"] in _BOUGHT)
    yield from (
        one
        for one in leases
        if one["contract_status"] in _LET and one["lease_start"] <= today <= one["lease_end"]
    )


def _told(home: Record) -> dict[str, Any]:
    return {
        "matched": True,
        "filed_on": filed_on(home) or home.get("title_date"),
        "lease_start": home.get("lease_start"),
        "lease_end": home.get("lease_end"),
    }


QUERIES = (
    Definition("education", "home_for_admission", HomeForAdmission, home_for_admission),
    Definition("education", "rent_for_admission", RentForAdmission, rent_for_admission),
)
