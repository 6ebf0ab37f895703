"""What some people hold, buy or sell, read for one call; and what of it could not be read.

A record of the stock may lack what calculations rest on, such as the document of a party, by which alone people are matched. It
is left out and counted: an answer says how many there were, and what would rest on them is not known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from broker.query.reading import MOST_RECORDS, Reading, require_few
from broker.query.records import Record
from broker.reckoning.homes import Holdings
from broker.reckoning.reading import RecordError, read_sale, read_title, read_unit

_HOUSES = b"""
WITH wanted(ref) AS (SELECT given COLLATE "C" FROM unnest(%(refs)s::text[]) AS given)
SELECT s.house_code FROM wanted
JOIN latest.sale_parties p ON p.party_ref = wanted.ref AND p.role IN ('BUYER', 'SELLER')
JOIN latest.sale s USING (entity_id)
UNION
SELECT t.house_code FROM wanted
JOIN latest.title_holders h ON h.party_ref = wanted.ref
JOIN latest.title t USING (entity_id)
LIMIT %(most)s
"""
"""The houses that these people hold, buy or sell."""

_LISTS = ("parties", "holders", "members")
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Estate:
    """The records that say what some families hold, and the address of each house that they name.

    ``unread``: what could not be read of them, such as a contract of the stock with a party that nobody can be matched with.
    """

    holdings: Holdings
    addresses: dict[str, str]
    houses: Mapping[str, frozenset[str]]
    """By house, who holds, buys or sells it."""
    unread: tuple[Record, ...]

    @classmethod
    def of(cls, sales: Sequence[Record], titles: Sequence[Record], units: Sequence[Record]) -> "Estate":
        addresses = {
            one["house_code"]: one["address"] for one in (*sales, *titles, *units) if one.get("address")
        }
        (sold, bad_sales), (held, bad_titles), (built, bad_units) = (
            readable(read_sale, sales),
            readable(read_title, titles),
            readable(read_unit, units),
        )
        houses: dict[str, frozenset[str]] = {}
        for one in (*sales, *titles):
            houses[one["house_code"]] = houses.get(one["house_code"], frozenset()) | named_in(one)
        return cls(Holdings(sold, held, built), addresses, houses, (*bad_sales, *bad_titles, *bad_units))

    def unread_of(self, refs: frozenset[str]) -> int:
        """How many records that could not be read lie on houses in which one of these people has a part."""
        return sum(bool(refs & self.houses.get(one["house_code"], frozenset())) for one in self.unread)


async def estate_of(reading: Reading, refs: Iterable[str]) -> Estate:
    """All that is known of the houses that these people hold, buy or sell: a later owner's records too."""
    rows = await reading.rows(_HOUSES, {"refs": sorted(refs), "most": MOST_RECORDS + 1})
    require_few(rows)
    codes = sorted(code for (code,) in rows if code)
    if not codes:
        return Estate.of([], [], [])
    subjects = ("sale", "title", "unit")
    return Estate.of(*await reading.found(*(reading.finding(one, "house_code", *codes) for one in subjects)))


def named_in(record: Record) -> frozenset[str]:
    """Who stands in a record."""
    items = (item for name in _LISTS for item in record.get(name) or ())
    return frozenset(item["party_ref"] for item in items if item["party_ref"])


def readable(
    read: Callable[[Record], Read], records: Iterable[Record]
) -> tuple[tuple[Read, ...], list[Record]]:
    """What can be read of these records, and those that cannot: they lack what calculations rest on."""
    found, unread = [], []
    for record in records:
        try:
            found.append(read(record))
        except RecordError:
            unread.append(record)
    return tuple(found), unread
