"""A tax that falls on parties of several households: each by its own rate, on its own share."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise

from broker.reckoning.figures import Basis, Figure, Value, fen, needs
from broker.reckoning.records import Party
from broker.reckoning.taxes.facts import HouseholdFacts, Part, Tax

_SIX_DIGITS = Fraction(1, 1_000_000)
"""Shares are written with six digits: three of 0.333333 are a whole."""


@dataclass(frozen=True, slots=True)
class Group:
    """The parties of one household on one side, or one company. ``share`` None: not said."""

    refs: frozenset[str]
    is_person: bool
    homes: int | None
    share: Fraction | None


@dataclass(frozen=True, slots=True)
class Rated:
    """What a group's share of the amount is multiplied by; or, without a factor, what is missing."""

    factor: Fraction | None
    missing: tuple[str, ...] = ()


def groups_of(parties: Sequence[Party], households: Iterable[HouseholdFacts]) -> list[Group]:
    """The groups, each party in one."""
    homes = {ref: household for household in households for ref in household.refs}
    found: dict[frozenset[str], list[Party]] = {}
    for party in parties:
        household = homes.get(party.ref) if party.is_person else None
        found.setdefault(household.refs if household else frozenset({party.ref}), []).append(party)
    return [
        Group(
            frozenset(party.ref for party in members),
            members[0].is_person,
            homes[members[0].ref].homes if members[0].is_person and members[0].ref in homes else None,
            Fraction(1) if len(found) == 1 else _share(members),
        )
        for members in found.values()
    ]


def spread(
    name: str,
    amount: Decimal,
    groups: Sequence[Group],
    rate: Callable[[Group], Rated],
    by: Basis,
    inputs: tuple[tuple[str, Value], ...],
    label: str = "rate",
) -> Tax:
    """The amount times each group's factor, on its share. With one factor for all the shares need not be known.

    ``label``: what the factors are called among the inputs of the figure.
    """
    if not groups:
        return Tax(needs(name, by, "a party that pays it"))
    rated = [rate(group) for group in groups]
    if missing := tuple(dict.fromkeys(what for one in rated for what in one.missing)):
        return Tax(needs(name, by, *missing))
    factors = [one.factor or Fraction() for one in rated]
    told = (*inputs, *((label, factor) for factor in sorted(set(factors))))
    shares = _whole([group.share for group in groups])
    if shares is None and len(set(factors)) > 1:
        return Tax(needs(name, by, "shares that add up to the whole"))
    if shares is None:
        return Tax(Figure(name, fen(Fraction(amount) * factors[0]), by, told))
    exact = [Fraction(amount) * share * factor for share, factor in zip(shares, factors, strict=True)]
    # Each part is what rounding the running sum adds, so that the parts are the whole to the 分.
    sums = [fen(total) for total in accumulate(exact, initial=Fraction())]
    amounts = (after - before for before, after in pairwise(sums))
    parts = (Part(group.refs, part) for group, part in zip(groups, amounts, strict=True))
    return Tax(Figure(name, sums[-1], by, told), tuple(parts))


def _share(parties: Iterable[Party]) -> Fraction | None:
    shares = [party.share for party in parties]
    known = [share for share in shares if share is not None]
    return sum(known, Fraction()) if len(known) == len(shares) else None


def _whole(shares: Sequence[Fraction | None]) -> list[Fraction] | None:
    """The shares, made to add up to 1 exactly; None if one is not said, or they do not add up."""
    known = [share for share in shares if share is not None]
    total = sum(known, Fraction())
    if len(known) < len(shares) or abs(total - 1) > 10 * _SIX_DIGITS:
        return None
    return [share / total for share in known]
