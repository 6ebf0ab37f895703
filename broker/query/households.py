"""The families of people and the homes of those, read for one call: what ``broker.reckoning`` counts from.

A family is the one that the caller was shown papers of (*given*), or else that of the household records. It is read as of
the day of the call, and so are its homes: an answer is true of the instant that it names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from broker.api.problems import invalid
from broker.protected import normalise_id
from broker.query.asked import Asked, Person
from broker.query.reading import Reading
from broker.query.records import Record
from broker.reckoning.family import MINOR, Aliases, Family, FamilyNote, family_of
from broker.reckoning.homes import Holdings, HomeCount, count_homes
from broker.reckoning.reading import CITIZEN, read_household, read_sale, read_title, read_unit
from broker.reckoning.records import Evidence, Household, Member
from schemas.codelists import code_list
from schemas.identifiers import citizen_id
from schemas.jsonform import Problem
from schemas.reckoning import Dated, EditionT
from schemas.said import said

CITY = "411400"
"""Where a question that names no house is asked: the city as a whole."""

MOST_CHILDREN = 20


class FamilySource(StrEnum):
    """Who says who belongs to the family."""

    GIVEN = "GIVEN"
    """The caller, who was shown the papers."""
    RECORD = "RECORD"
    """A household record of the exchange."""
    NONE = "NONE"
    """Nobody: the person alone was taken."""


Spouse = Annotated[Person | None, Field(description="配偶 the spouse, as shown by papers")]
Unmarried = Annotated[bool, Field(description="无配偶 whether papers show that there is no spouse")]


class WithSpouse(Asked):
    """Who is married to whom, if the caller was shown it. Given neither, the exchange's household records decide."""

    spouse: Spouse = None
    unmarried: Unmarried = False


class WithFamily(WithSpouse):
    """Spouse and minor children, if the caller was shown them."""

    minor_children: Annotated[
        tuple[Person, ...] | None,
        Field(max_length=MOST_CHILDREN, description="未成年子女 minor children, as shown by papers"),
    ] = None


@dataclass(frozen=True, slots=True)
class Estate:
    """The records that say what some families hold, and the address of each house that they name."""

    holdings: Holdings
    addresses: dict[str, str]

    @classmethod
    def of(cls, sales: Sequence[Record], titles: Sequence[Record], units: Sequence[Record]) -> "Estate":
        named = {one["house_code"]: one["address"] for one in (*sales, *titles, *units) if one.get("address")}
        return cls(
            Holdings(
                tuple(map(read_sale, sales)), tuple(map(read_title, titles)), tuple(map(read_unit, units))
            ),
            named,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """The homes of one family, whose word its members are, and where the homes are."""

    count: HomeCount
    source: FamilySource
    addresses: tuple[str | None, ...]

    @property
    def homes(self) -> int | None:
        """The number; None where nobody says who belongs to the family, so that it is not a household's."""
        return None if self.source is FamilySource.NONE else self.count.count

    def figures(self) -> dict[str, Any]:
        """What an answer may say of it, by the names that entitlements use."""
        return {
            "unit_count": self.count.count,
            "family_source": str(self.source),
            "notes": [str(note) for note in self.count.family.notes],
            "counted_on": self.count.as_of,
            "rule_version": self.count.rule_version,
            "count_basis": self.count.legal_basis,
            "coverage": list(self.count.coverage),
            "homes": [
                {"address": address, "counts_by": str(home.basis)}
                for home, address in zip(self.count.homes, self.addresses, strict=True)
            ],
        }


async def count_given(
    reading: Reading, person: Person, asked: WithSpouse, *, minor_under: int | None = None, apart: str | None
) -> Counted:
    """The homes of a person's family in the city, the house ``apart`` not counted.

    ``minor_under`` 0: of the couple alone; by default the rule's age.
    """
    rule = in_force(reading.reckoning.homes, CITY, reading.today)
    own = reading.ref(person)
    given = _given(reading, own, asked)
    (family,) = await families(
        reading, [own], minor_under=rule.minor_under if minor_under is None else minor_under, given=given
    )
    (counted,) = await count(reading, [family], apart=apart, county=CITY, given=given is not None)
    return counted


async def members(reading: Reading, refs: Sequence[str]) -> Family:
    """These people as one family, each under all references, where the caller has said who belongs to it."""
    aliases = await reading.aliases(refs)
    return Family(frozenset(aliases.of(ref) for ref in refs))


async def families(
    reading: Reading, refs: Sequence[str], *, minor_under: int, given: Household | None = None
) -> list[Family]:
    """The families of these people on the day of the call, each once, in their order."""
    aliases = await reading.aliases(refs)
    every = sorted({ref for one in refs for ref in aliases.of(one)})
    if given is not None:
        households = [given]
    else:
        households = [read_household(one) for one in await reading.of_parties("household", every)]
    members = {member.ref for household in households for member in household.members}
    aliases = await reading.aliases(members | set(every)) if members - set(every) else aliases
    return _families(refs, households, aliases, reading.today, minor_under)


async def count(
    reading: Reading,
    found: Sequence[Family],
    *,
    apart: str | None,
    county: str,
    given: bool = False,
) -> list[Counted]:
    """The homes of each family in all counties of the exchange, by the rule of a county on the day of the call."""
    rule = in_force(reading.reckoning.homes, county, reading.today)
    estate = await _estate(reading, {ref for family in found for person in family.persons for ref in person})
    counts = [
        count_homes(
            family,
            estate.holdings,
            rule,
            as_of=reading.today,
            coverage=tuple(code_list("county").by_code),
            apart_from=() if apart is None else (apart,),
        )
        for family in found
    ]
    return [
        Counted(one, _source(one.family, given), tuple(estate.addresses.get(h.house_code) for h in one.homes))
        for one in counts
    ]


def in_force(group: Dated[EditionT], county: str, day: date) -> EditionT:
    """The edition of a rule. Raises ProblemError where there is none: nothing is reckoned by a rule that is not in force."""
    edition = group.on(county, day)
    if edition is None:
        raise invalid(
            [
                Problem(
                    "asked",
                    said("no edition of the rule is in force there"),
                    said("add one to the file of parameters"),
                )
            ]
        )
    return edition


async def _estate(reading: Reading, refs: Iterable[str]) -> Estate:
    """All that is known of the houses that these people hold, buy or sell: a later owner's records too."""
    every = sorted(refs)
    sales = await reading.of_parties("sale", every, roles=["BUYER", "SELLER"])
    titles = await reading.of_parties("title", every)
    codes = sorted({one["house_code"] for one in (*sales, *titles)})
    if not codes:
        return Estate.of([], [], [])
    return Estate.of(
        await reading.by("sale", "house_code", *codes),
        await reading.by("title", "house_code", *codes),
        await reading.by("unit", "house_code", *codes),
    )


def _families(
    refs: Iterable[str], households: Sequence[Household], aliases: Aliases, day: date, minor_under: int
) -> list[Family]:
    found: dict[frozenset[frozenset[str]], Family] = {}
    for ref in refs:
        family = family_of(ref, households, as_of=day, minor_under=minor_under, aliases=aliases)
        found.setdefault(family.persons, family)
    return list(found.values())


def _given(reading: Reading, own: str, asked: WithSpouse) -> Household | None:
    """The household that the caller was shown; None if none was. Raises ProblemError if what is said cannot be."""
    children = (asked.minor_children if isinstance(asked, WithFamily) else None) or ()
    if asked.spouse is not None and asked.unmarried:
        raise invalid(
            [Problem("asked.unmarried", said("a spouse is given too"), said("leave one of the two out"))]
        )
    if asked.spouse is None and not asked.unmarried:
        if children:
            raise invalid(
                [
                    Problem(
                        "asked.spouse",
                        said("children are given, and nothing of a spouse"),
                        said("add spouse, or unmarried"),
                    )
                ]
            )
        return None
    spouse = [Member(reading.ref(asked.spouse), "SPOUSE")] if asked.spouse else []
    minors = [Member(reading.ref(child), MINOR, _born(child)) for child in children]
    return Household(
        source=Evidence("household", "given", None),
        members=(Member(own, "HEAD"), *spouse, *minors),
        as_of=reading.today,
    )


def _born(child: Person) -> date | None:
    if child.id_type != CITIZEN:
        return None
    number = normalise_id(child.id_no)
    return None if citizen_id.check(number) else citizen_id.birth_date(number)


def _source(family: Family, given: bool) -> FamilySource:
    if given:
        return FamilySource.GIVEN
    is_known = FamilyNote.FAMILY_UNKNOWN not in family.notes
    return FamilySource.RECORD if is_known else FamilySource.NONE
