"""Education: does the parent live there, by a home of his own or by a lease that is filed. Yes or no, and since when."""

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from broker.query.asked import Address, Asked, Person
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.reading import Reading
from broker.query.records import Record

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_BOUGHT = frozenset({"FILED", "AMENDED", "COMPLETED"})
_LET = frozenset({"FILED", "AMENDED"})


class HomeForAdmission(Asked):
    """The parent, and the address that he gave."""

    parent: Annotated[Person, Field(description="家长 the parent")]
    address: Address


async def home_for_admission(asked: HomeForAdmission, reading: Reading) -> Given:
    """The first of: a title, a filed purchase, a filed lease that runs on this day, at this address."""
    refs = await reading.refs(asked.parent)
    today = reading.as_of.astimezone(_SHANGHAI).date()
    here = _same(asked.address)
    titles = await reading.of_parties("title", refs, roles=["HOLDER"])
    sales = await reading.of_parties("sale", refs, roles=["BUYER"])
    leases = await reading.of_parties("lease", refs, roles=["LESSEE"])
    found = [record for record in _homes(titles, sales, leases, today) if _same(record["address"]) == here]
    return _told(found[0]) if found else {"matched": False}


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
    filed_at = home.get("filed_at")
    return {
        "matched": True,
        "filed_on": filed_at.astimezone(_SHANGHAI).date() if filed_at else home.get("title_date"),
        "lease_start": home.get("lease_start"),
        "lease_end": home.get("lease_end"),
    }


def _same(address: str | None) -> str:
    """Written widths and blanks make no other address."""
    return "".join(unicodedata.normalize("NFKC", address or "").split())


QUERIES = (Definition("education", "home_for_admission", HomeForAdmission, home_for_admission),)
