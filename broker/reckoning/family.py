"""Who belongs to a household on a day: 本人, 配偶, 未成年子女 (建房〔2010〕83号).

A household record is told from its head's side. It tells the family of a person who is its head or the head's spouse,
or a minor child of theirs; it does not tell the family of anyone else in it (an adult child, a parent). Of several
records of a person the last verified one that names a spouse (to a child: parents) says who that is; minor children are
taken from all records that name nobody else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.reckoning.records import Evidence, Household, Member, Party, newest

COUPLE = ("HEAD", "SPOUSE")
MINOR = "MINOR_CHILD"


class FamilyNote(StrEnum):
    """What a reader of the answer must know about how the family was found."""

    FAMILY_UNKNOWN = "FAMILY_UNKNOWN"
    """No household record tells this person's family: the person alone was taken."""
    BIRTH_UNKNOWN = "BIRTH_UNKNOWN"
    """A minor child's birth date is not known: the record was believed."""
    GROWN_UP = "GROWN_UP"
    """A child of the record has come of age and was left out."""
    RECORDS_DIFFER = "RECORDS_DIFFER"
    """Records name different spouses or parents: those verified last were taken, all of them if on one day."""


Person = frozenset[str]
"""One person: all references that he or she is known by."""


@dataclass(frozen=True, slots=True)
class Family:
    """The persons of a household, and the records that say who they are."""

    persons: frozenset[Person]
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[FamilyNote, ...] = ()

    @property
    def refs(self) -> frozenset[str]:
        """All references of all its persons."""
        return frozenset[str]().union(*self.persons)

    def among(self, parties: Iterable[Party]) -> frozenset[Person]:
        """The members that are among the parties, as persons: a company is nobody's member."""
        refs = {party.ref for party in parties if party.is_person}
        return frozenset(person for person in self.persons if person & refs)


class Aliases:
    """Which references are one person, from pairs of them. Links join: a–b and b–c make one person of three."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._same: Mapping[str, Person] = _joined(pairs)

    def of(self, ref: str) -> Person:
        """All references of the person who has this one, itself included."""
        return self._same.get(ref, frozenset({ref}))


def family_of(
    person: str,
    households: Iterable[Household],
    *,
    as_of: date,
    minor_under: int,
    aliases: Aliases | None = None,
) -> Family:
    """The family of a person on a day, minors being younger than ``minor_under`` years; with 0, the couple alone."""
    aliases = aliases or Aliases()
    own = aliases.of(person)
    telling = [h for h in newest(households) if _tells(h, own, as_of, minor_under)]
    if not telling:
        return Family(frozenset({own}), (), (FamilyNote.FAMILY_UNKNOWN,))
    notes: set[FamilyNote] = set()
    couple = _couple(telling, own, aliases, notes)
    fitting = [household for household in telling if _others(household, own, aliases) <= couple]
    minors = (_minors(household, as_of, minor_under, aliases, notes) for household in fitting)
    persons = couple.union({own}, *minors)
    return Family(persons, tuple(sorted(household.source for household in fitting)), tuple(sorted(notes)))


def age(born: date, on: date) -> int:
    """Whole years of age. Who was born on 29 February comes of age on 1 March of a common year."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _tells(household: Household, own: Person, as_of: date, minor_under: int) -> bool:
    if not household.is_active or household.as_of > as_of:
        return False
    mine = [member for member in household.members if member.ref in own]
    return any(m.relation in COUPLE or _is_minor(m, as_of, minor_under) for m in mine)


def _is_minor(member: Member, as_of: date, minor_under: int) -> bool:
    if member.relation != MINOR or minor_under == 0:
        return False
    return member.born is None or age(member.born, as_of) < minor_under


def _others(household: Household, own: Person, aliases: Aliases) -> frozenset[Person]:
    """Head and spouse, the person himself apart."""
    return frozenset(
        aliases.of(member.ref)
        for member in household.members
        if member.relation in COUPLE and member.ref not in own
    )


def _couple(
    telling: Iterable[Household], own: Person, aliases: Aliases, notes: set[FamilyNote]
) -> frozenset[Person]:
    """The spouse (to a child: the parents) of the records verified last among those that name any."""
    naming = [(h.as_of, others) for h in telling if (others := _others(h, own, aliases))]
    if len({others for _, others in naming}) > 1:
        notes.add(FamilyNote.RECORDS_DIFFER)
    last = max((as_of for as_of, _ in naming), default=None)
    return frozenset(person for as_of, others in naming if as_of == last for person in others)


def _minors(
    household: Household, as_of: date, minor_under: int, aliases: Aliases, notes: set[FamilyNote]
) -> frozenset[Person]:
    children = [member for member in household.members if member.relation == MINOR]
    minors = [child for child in children if _is_minor(child, as_of, minor_under)]
    if minor_under and len(minors) < len(children):
        notes.add(FamilyNote.GROWN_UP)
    if any(child.born is None for child in minors):
        notes.add(FamilyNote.BIRTH_UNKNOWN)
    return frozenset(aliases.of(child.ref) for child in minors)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, Person]:
    same: dict[str, Person] = {}
    for one, other in pairs:
        joined = same.get(one, frozenset({one})) | same.get(other, frozenset({other}))
        same.update(dict.fromkeys(joined, joined))
    return same
