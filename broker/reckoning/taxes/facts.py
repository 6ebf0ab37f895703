"""What the taxes of a sale need beside the filing, and what they come to."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Self

from broker.reckoning.family import FamilyNote
from broker.reckoning.figures import Figure
from broker.reckoning.homes_answer import HomeCount
from broker.reckoning.records import Evidence


@dataclass(frozen=True, slots=True)
class HouseholdFacts:
    """Buyers or sellers of one household by their references, and its homes beside the house of the sale.

    ``homes`` is the count of ``broker.reckoning.homes`` with that house set apart; None if it is not known.
    """

    refs: frozenset[str]
    homes: int | None

    @classmethod
    def counted(cls, count: HomeCount) -> Self:
        """A household as it was counted. If no record tells the family, the count is not that of a household: None."""
        is_known = FamilyNote.FAMILY_UNKNOWN not in count.family.notes
        return cls(count.family.refs, count.count if is_known else None)


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """The households on both sides; a person in none of them has a home count that is not known.

    ``invoiced_vat``: the VAT that the seller's invoice states, in yuan, if there is one.
    """

    buyers: tuple[HouseholdFacts, ...] = ()
    sellers: tuple[HouseholdFacts, ...] = ()
    invoiced_vat: Decimal | None = None


class TaxNote(StrEnum):
    """What the tax office should look at."""

    DECLARED_PRICE_DIFFERS = "DECLARED_PRICE_DIFFERS"
    """The price declared for taxes is not that of the contract, by which the figures go."""
    DEVELOPER_RATE_ASSUMED = "DEVELOPER_RATE_ASSUMED"
    """The price without VAT was reckoned by the developers' general rate, not taken from the invoice."""
    COSTS_NOT_DEDUCTED = "COSTS_NOT_DEDUCTED"
    """The gain is the highest: taxes, interest and works that may be deducted are not in a filing."""
    LINEAL_RELATIVES = "LINEAL_RELATIVES"
    """Between lineal relatives: taxed as a sale, but a low price may have its good reason."""


@dataclass(frozen=True, slots=True)
class Part:
    """What falls to the parties of one household, or to one company."""

    refs: frozenset[str]
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax: the figure, and its parts where the shares are known."""

    figure: Figure
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class TaxPrefill:
    """The taxes of one revision of a sale, as of the day of its filing."""

    sale: Evidence
    filed_on: date | None
    price_without_vat: Figure
    deed_tax: Tax
    vat: Tax
    income_tax: Tax
    notes: tuple[TaxNote, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        return (self.price_without_vat, self.deed_tax.figure, self.vat.figure, self.income_tax.figure)
