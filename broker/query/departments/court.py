"""Court: everything on a person or on a house, for a case (建房〔2020〕61号 六). What there is not is answered as empty."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from broker.query.asked import Asked, HouseCode, Person
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.everything import ON_PAGE, After, PageSize, Section, page_of
from broker.query.houses import codes_of
from broker.query.reading import Find, Page, Reading
from broker.query.records import Record

_STANDING = frozenset({"HELD", "WAITING", "EFFECTIVE"})
_HOUSED = ("sales", "leases", "mortgages", "titles", "seizures")


class _Paged(Asked):
    page_size: PageSize = ON_PAGE
    after: After | None = None


class EverythingOnPerson(_Paged):
    """A person or an organisation."""

    person: Annotated[Person, Field(description="被查询人 whom it is about")]


class EverythingOnHouse(_Paged):
    """A house."""

    house_code: HouseCode


async def everything_on_person(asked: EverythingOnPerson, reading: Reading) -> Given:
    """His contracts, titles, seizures and listings, the court's own watches; and how the houses of this page stand."""
    refs = await reading.refs(asked.person)

    def of(subject: str, *roles: str) -> Callable[[Page], Find]:
        return lambda page: reading.finding_parties(subject, refs, roles=roles, page=page)

    sections = (
        Section("sales", of("sale", "SELLER", "BUYER")),
        Section("leases", of("lease", "LESSOR", "LESSEE")),
        Section("mortgages", of("mortgage", "MORTGAGOR", "MORTGAGEE", "DEBTOR")),
        Section("titles", of("title")),
        Section("seizures", of("seizure")),
        Section("listings", of("defaulter")),
        Section("watches", of("watch", "WATCHED")),
    )
    pages = await page_of(reading, sections, asked.after, asked.page_size)
    lists = _own(reading, pages.lists)
    houses = sorted({one["house_code"] for name in _HOUSED for one in lists[name] if one["house_code"]})
    units = await reading.by("unit", "house_code", *houses) if houses else []
    return lists | {"units": units, "next": pages.next}


async def everything_on_house(asked: EverythingOnHouse, reading: Reading) -> Given:
    """The unit with its restrictions, contracts, titles, the queue of seizures, open conflicts and the court's own watches."""
    codes = await codes_of(reading, asked.house_code)

    def at(subject: str, *columns: str) -> Callable[[Page], Find]:
        return lambda page: reading.finding(subject, ("house_code", *columns), *codes, page=page)

    sections = (
        Section("units", at("unit")),
        Section("sales", at("sale")),
        Section("leases", at("lease")),
        Section("mortgages", at("mortgage")),
        Section("titles", at("title")),
        # A seizure that named a contract alone has its house where the exchange put it.
        Section("seizures", at("seizure", "bound_house_code")),
        Section("conflicts", at("conflict")),
        Section("watches", at("watch")),
    )
    pages = await page_of(reading, sections, asked.after, asked.page_size)
    return _own(reading, pages.lists) | {"next": pages.next}


def _own(reading: Reading, lists: dict[str, list[Record]]) -> dict[str, list[Record]]:
    """The court's own watches alone; the queue of seizures in its order, those that have ended behind it."""
    own = [one for one in lists["watches"] if one["source"] == reading.caller.department]
    return lists | {"watches": own, "seizures": sorted(lists["seizures"], key=_in_queue)}


def _in_queue(seizure: Record) -> tuple[bool, int, str]:
    place = seizure["queue_place"]
    ended = seizure["status"] not in _STANDING
    return ended or place is None, place or 0, seizure["entity_id"]


QUERIES = (
    Definition("court", "everything_on_person", EverythingOnPerson, everything_on_person),
    Definition("court", "everything_on_house", EverythingOnHouse, everything_on_house),
)
