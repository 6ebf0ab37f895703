"""Deed tax (契税): the buyer's, on the price without VAT (docs/reckoning.md, T3 to T5)."""

from fractions import Fraction

from broker.reckoning.figures import Figure, Value, basis, needs
from broker.reckoning.records import Sale
from broker.reckoning.taxes.facts import Tax, TaxFacts
from broker.reckoning.taxes.groups import Group, Rated, groups_of, spread
from schemas.reckoning import DeedTaxRule


def deed_tax(sale: Sale, price: Figure, facts: TaxFacts, rule: DeedTaxRule) -> Tax:
    """The tax on all buyers; of different households each by its own rate, on its share."""
    groups = groups_of(sale.buyers, facts.buyers)
    by = basis("T3" if len(groups) == 1 else "T5", rule)
    if price.value is None:
        return Tax(needs("deed_tax", by, *price.missing))
    homes: list[tuple[str, Value]] = [
        (f"homes of household {n}", group.homes)
        for n, group in enumerate(groups, 1)
        if group.homes is not None
    ]
    inputs: tuple[tuple[str, Value], ...] = (
        ("price_without_vat", price.value),
        ("gross_area", sale.gross_area),
        ("use", sale.dwelling.use or ""),
        *homes,
    )
    return spread("deed_tax", price.value, groups, lambda group: _rate(sale, group, rule), by, inputs)


def _rate(sale: Sale, group: Group, rule: DeedTaxRule) -> Rated:
    if not group.is_person or sale.dwelling.use not in rule.dwelling_uses:
        return _statutory(rule)
    if group.homes is None:
        return Rated(None, ("home count of a buyer's household",))
    if group.homes > 1:
        return _statutory(rule)
    small, large = (rule.only, rule.second)[group.homes]
    return Rated(Fraction(small if sale.gross_area <= rule.area_line else large))


def _statutory(rule: DeedTaxRule) -> Rated:
    if rule.statutory_rate is None:
        return Rated(None, ("the statutory local rate",))
    return Rated(Fraction(rule.statutory_rate))
