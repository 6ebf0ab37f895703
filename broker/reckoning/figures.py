"""A figure and what it rests on, so that whoever gets it can check it by hand.

A figure that cannot be reckoned has no value and says what it needs: nothing is guessed. Money is yuan to the 分, rounded
half up unless a rule says otherwise.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

from schemas.reckoning import Edition

FEN = Decimal("0.01")
Value = Decimal | Fraction | date | int | str | bool


@dataclass(frozen=True, slots=True)
class Basis:
    """The clause of docs/reckoning.md, and the edition of the rule with the term that it is in force for."""

    clause: str
    rule_version: str
    legal_basis: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``value`` None: it cannot be reckoned, and ``missing`` names what it needs.

    ``basis`` None: no rule could be applied at all, so there is no value either.
    """

    name: str
    value: Decimal | None
    basis: Basis | None
    inputs: tuple[tuple[str, Value], ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """The figure in words, without any personal value."""
        if self.value is None or self.basis is None:
            return f"{self.name}: cannot be reckoned, needs {', '.join(self.missing)}"
        return f"{self.name}: {self.value} ({self.basis.clause}, {self.basis.legal_basis})"


def basis(clause: str, rule: Edition, legal_basis: str | None = None) -> Basis:
    """What a figure rests on, by an edition of a rule."""
    return Basis(clause, rule.version, legal_basis or rule.legal_basis, rule.start, rule.until)


def needs(name: str, by: Basis, *missing: str) -> Figure:
    """A figure that cannot be reckoned."""
    return Figure(name, None, by, (), missing)


def fen(amount: Decimal | Fraction) -> Decimal:
    """Rounded to the 分, half up."""
    return _decimal(amount).quantize(FEN, ROUND_HALF_UP)


def fen_down(amount: Decimal | Fraction) -> Decimal:
    """Rounded to the 分, toward zero: for what may not be exceeded."""
    return _decimal(amount).quantize(FEN, ROUND_DOWN)


def _decimal(amount: Decimal | Fraction) -> Decimal:
    if isinstance(amount, Decimal):
        return amount
    # Exact to far more than a 分: money has at most 16 digits, a context of 28 leaves 12 for the fraction.
    return Decimal(amount.numerator) / Decimal(amount.denominator)
