"""Civil affairs: the means of a household that asks for support: how many homes, where, and whether one is let.

Counts, addresses and a yes or no; never a contract. Who belongs to the household is for civil affairs to say: it has the
papers, and its own rules count who lives together, grown-up children and parents too.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from broker.query.asked import Asked, Person, Text
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.households import CITY, count, members
from broker.query.reading import Reading
from broker.query.records import Record
from broker.query.standing import let_on

MOST_MEMBERS = 20


class HouseholdMeans(Asked):
    """The household, and the number of the authority by which its members had their means checked."""

    authority_no: Annotated[Text, Field(description="授权书编号 the number of the members' authority")]
    members: Annotated[
        tuple[Person, ...],
        Field(min_length=1, max_length=MOST_MEMBERS, description="家庭成员 all members of the household"),
    ]


async def household_means(asked: HouseholdMeans, reading: Reading) -> Given:
    """The homes that any of them holds, each once, and whether one of them has let any on the day of the call."""
    refs = [reading.ref(person) for person in asked.members]
    household = await members(reading, refs)
    (counted,) = await count(reading, [household], apart=None, county=CITY, given=True)
    codes = [home.house_code for home in counted.count.homes]
    units, leases = await reading.found(
        reading.finding("unit", "house_code", *codes),
        reading.finding_parties("lease", household.refs, roles=["LESSOR"]),
    )
    return counted.figures() | {
        "units": _units(units, codes, counted.addresses),
        "has_lease_income": any(let_on(lease, reading.today) for lease in leases),
    }


def _units(
    records: Sequence[Record], codes: Sequence[str], addresses: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Where each home is and how large, by the building table; the contract's address for a house that it lacks."""
    known = {one["house_code"]: one for one in records}
    return [
        {
            "address": (known.get(code) or {}).get("address") or address,
            "gross_area": (known.get(code) or {}).get("gross_area"),
            "house_code": code,
        }
        for code, address in zip(codes, addresses, strict=True)
    ]


QUERIES = (Definition("civil", "household_means", HouseholdMeans, household_means),)
