"""The families of people and the homes of those, read for one call: what ``broker.reckoning`` counts from.

A family is the one that the caller was shown papers of (*given*), or else that of the household records. It is read as of
the day of the call, and so are its homes: an answer is true of the instant that it names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from broker.api.problems import invalid
from broker.protected import normalise_id
from broker.query.asked import Asked, Person
from broker.query.estate import estate_of, named_in, readable
from broker.query.reading import Reading
from broker.query.records import Record
from broker.reckoning.family import MINOR, Aliases, Family, FamilyNote, family_of
from broker.reckoning.homes import HomeCount, count_homes
from broker.reckoning.reading import CITIZEN, read_household
from broker.reckoning.records import Evidence, Household, Member
from schemas.codelists import code_list
from schemas.identifiers import citizen_id
from schemas.jsonform import Problem
from schemas.reckoning import Dated, EditionT
from schemas.said import said

CITY = "411400"
"""Where a question that names no house is asked: the city as a whole."""

MOST_CHILDREN = 20

RECORDS_UNREAD = "RECORDS_UNREAD"
"""Note of an answer: records that name the family, or lie on its houses, lack what is counted from."""


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
class Kin:
    """A family as it was found, and how many household records that name one of it could not be read."""

    family: Family
    unread: int = 0

    @property
    def refs(self) -> frozenset[str]:
        return self.family.refs


@dataclass(frozen=True, slots=True)
class Counted:
    """The homes of one family, whose word its members are, and where the homes are."""

    count: HomeCount
    source: FamilySource
    addresses: tuple[str | None, ...]
    unread: int = 0
    """Records that would say more of it, if they could be read."""

    @property
    def refs(self) -> frozenset[str]:
        return self.count.family.refs

    @property
    def homes(self) -> int | None:
        """The number; None where it is not sure to be the household's: nobody says who belongs to it, or records are unread."""
        return None if self.source is FamilySource.NONE or self.unread else self.count.count

    def figures(self) -> dict[str, Any]:
        """What an answer may say of it, by the names that entitlements use."""
        return {
            "unit_count": self.count.count,
            "family_source": str(self.source),
            "notes": [*map(str, self.count.family.notes), *([RECORDS_UNREAD] if self.unread else [])],
            "unread_records": self.unread,
            "counted_on": self.count.as_of,
            "rule_version": self.count.rule_version,
            "count_basis": self.count.legal_basis,
            "coverage": list(self.count.coverage),
            "homes": [
                {"address": address, "counts_by": str(home.basis), "house_code": home.house_code}
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
    minor_under = rule.minor_under if minor_under is None else minor_under
    kin = (await families(reading, [own], minor_under=minor_under, given=given))[own]
    (counted,) = await count(reading, [kin], apart=apart, county=CITY, given=given is not None)
    return counted


async def members(reading: Reading, refs: Sequence[str]) -> Kin:
    """These people as one family, each under all references, where the caller has said who belongs to it."""
    aliases = await reading.aliases(refs)
    return Kin(Family(frozenset(aliases.of(ref) for ref in refs)))


async def families(
    reading: Reading, refs: Sequence[str], *, minor_under: int, given: Household | None = None
) -> dict[str, Kin]:
    """The family of each of these people on the day of the call; of those who are one family, the same."""
    aliases, records = await _recorded(reading, refs, is_given=given is not None)
    read, unread = readable(read_household, records)
    households = read if given is None else (given,)
    known = {ref for one in refs for ref in aliases.of(one)}
    members = {member.ref for household in households for member in household.members}
    aliases = await reading.aliases(members | known) if members - known else aliases
    kin: dict[frozenset[frozenset[str]], Kin] = {}
    found = {}
    for ref in refs:
        family = family_of(ref, households, as_of=reading.today, minor_under=minor_under, aliases=aliases)
        own = aliases.of(ref)
        one = Kin(family, sum(bool(own & named_in(record)) for record in unread))
        found[ref] = kin.setdefault(family.persons, one)
    return found


async def _recorded(reading: Reading, refs: Sequence[str], *, is_given: bool) -> tuple[Aliases, list[Record]]:
    """The aliases of these people, and their household records unless the caller has given a family."""
    if is_given:
        return await reading.aliases(refs), []
    aliases, (records,) = await reading.of_people(
        refs, lambda every: [reading.finding_parties("household", every)]
    )
    return aliases, records


async def count(
    reading: Reading,
    found: Sequence[Kin],
    *,
    apart: str | None,
    county: str,
    given: bool = False,
) -> list[Counted]:
    """The homes of each family in all counties of the exchange, by the rule of a county on the day of the call."""
    rule = in_force(reading.reckoning.homes, county, reading.today)
    refs = frozenset[str]().union(*(kin.refs for kin in found))
    reading.concerned |= refs
    estate = await estate_of(reading, refs)

    def counted(kin: Kin) -> Counted:
        one = count_homes(
            kin.family,
            estate.holdings,
            rule,
            as_of=reading.today,
            coverage=tuple(code_list("county").by_code),
            apart_from=() if apart is None else (apart,),
        )
        addresses = tuple(estate.addresses.get(home.house_code) for home in one.homes)
        return Counted(one, _source(kin.family, given), addresses, kin.unread + estate.unread_of(kin.refs))

    return [counted(kin) for kin in found]


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
