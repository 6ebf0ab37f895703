"""Figures of ``broker.reckoning`` as an answer tells them: each with its basis, what it was reckoned from, and what it lacks."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from broker.reckoning.figures import Figure, Value


def explained(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """One item a figure, by the names that entitlements use."""
    return [_item(figure) for figure in figures]


def inputs_of(figure: Figure, *names: str) -> list[str]:
    """The inputs of these names, as texts."""
    return [as_text(value) for name, value in figure.inputs if name in names]


def as_text(value: Value) -> str:
    """A value that a figure rests on: decimals and whole fractions in digits, other fractions as 1/3."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return _digits(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else str(value)


def _item(figure: Figure) -> dict[str, Any]:
    by = figure.basis
    return {
        "name": figure.name,
        "value": figure.value,
        "clause": by.clause if by else None,
        "rule_version": by.rule_version if by else None,
        "legal_basis": by.legal_basis if by else None,
        "rests_on": [f"{name}={as_text(value)}" for name, value in figure.inputs],
        "missing": list(figure.missing),
    }


def _digits(value: Fraction) -> str:
    """Exactly, or as a fraction where digits would be rounded."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest > 1:
        return f"{value.numerator}/{value.denominator}"
    return format(Decimal(value.numerator) / Decimal(value.denominator), "f")
