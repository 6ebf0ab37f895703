"""The answer to how many homes a household has, and the words in which it is given: see ``homes``."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.reckoning.family import Family
from broker.reckoning.records import Evidence, Sale, Title, Unit


class Basis(StrEnum):
    """What makes a home count."""

    TITLE = "TITLE"
    """A current title."""
    CONTRACT = "CONTRACT"
    """A filed purchase whose title is not registered yet."""
    COMPLETED = "COMPLETED"
    """A transfer that was completed, of which the title record has not come."""
    PRE_NOTICE = "PRE_NOTICE"
    """A pre-notice whose contract is not known here."""


class Note(StrEnum):
    """What was assumed of a home that counts."""

    DWELLING_UNKNOWN = "DWELLING_UNKNOWN"
    """Its use, or whether it is a complete dwelling, is not known."""
    SHARE_UNKNOWN = "SHARE_UNKNOWN"
    """It is inherited in shares that are not said."""
    BEING_SOLD = "BEING_SOLD"
    """Its sale is filed, the title has not passed yet."""
    UNIT_WITHDRAWN = "UNIT_WITHDRAWN"
    """The building table has it no more."""


class Why(StrEnum):
    """Why a house does not count."""

    OUTSIDE_COVERAGE = "OUTSIDE_COVERAGE"
    """It lies in a county that was not asked about."""
    SET_APART = "SET_APART"
    """The asker set it apart, as the home that is being bought."""
    NOT_OF_HOUSEHOLD = "NOT_OF_HOUSEHOLD"
    """No member holds it or buys it."""
    CORPORATE_OWNER = "CORPORATE_OWNER"
    """A company or other body holds it or buys it."""
    NOT_DWELLING = "NOT_DWELLING"
    NOT_COMPLETE = "NOT_COMPLETE"
    DWELLING_UNKNOWN = "DWELLING_UNKNOWN"
    NOT_YET = "NOT_YET"
    """It began after the day that was asked about."""
    NOT_FILED = "NOT_FILED"
    """The contract is drafted or signed, which does not count."""
    CONTRACT_ENDED = "CONTRACT_ENDED"
    """The contract was cancelled, revoked or voided."""
    TITLE_ENDED = "TITLE_ENDED"
    """The title is not current any more."""
    SOLD = "SOLD"
    """Its transfer to others is completed, or the title is with others."""
    BEING_SOLD = "BEING_SOLD"
    """Its sale to others is filed."""
    TITLE_NOT_KNOWN = "TITLE_NOT_KNOWN"
    """A member sells it, but the exchange has no title of theirs."""
    INHERITED_SHARE = "INHERITED_SHARE"
    """The household's inherited share is too small."""
    PRE_NOTICE = "PRE_NOTICE"
    """A pre-notice alone."""


@dataclass(frozen=True, slots=True)
class Home:
    """One home that counts, with the records that make it count."""

    house_code: str
    county_code: str
    basis: Basis
    evidence: tuple[Evidence, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One house that does not count, with the records that were looked at."""

    house_code: str
    why: Why
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class HomeCount:
    """The answer. It holds at ``as_of`` and within ``coverage`` (county codes), by the rule's edition."""

    count: int
    homes: tuple[Home, ...]
    left_out: tuple[LeftOut, ...]
    family: Family
    as_of: date
    rule_version: str
    legal_basis: str
    coverage: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holdings:
    """The records to count from: all that name a member, and the units of their houses."""

    sales: tuple[Sale, ...] = ()
    titles: tuple[Title, ...] = ()
    units: tuple[Unit, ...] = ()
