"""Personal income tax (个人所得税) of those who sell (docs/reckoning.md, T10 and T11)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from broker.reckoning.figures import Figure, Value, basis, fen, needs
from broker.reckoning.records import Sale
from broker.reckoning.taxes.facts import Tax, TaxFacts
from broker.reckoning.taxes.groups import Group, Rated, groups_of, spread
from broker.reckoning.taxes.holding import Held, held
from schemas.reckoning import IncomeMethod, IncomeTaxRule


def income_tax(sale: Sale, filed_on: date, price: Figure, facts: TaxFacts, rule: IncomeTaxRule) -> Tax:
    """The tax on all sellers; of different households each by whether it is its only home, on its share."""
    found = held(sale, filed_on, rule.exempt_after_years, rule.dated_back_kinds)
    groups = groups_of(sale.sellers, facts.sellers)
    rated = {group: _exempt(sale, group, found, rule) for group in groups}
    is_owed = any(one.missing or one.factor for one in rated.values())
    owed = _owed(sale, price, rule) if is_owed else _Owed(Decimal(0))
    by = basis("T11" if is_owed else "T10", rule)
    if owed.missing:
        unknown = (what for one in rated.values() for what in one.missing)
        return Tax(needs("income_tax", by, *dict.fromkeys((*unknown, *owed.missing))))
    homes = [
        (f"homes of household {n}", group.homes)
        for n, group in enumerate(groups, 1)
        if group.homes is not None
    ]
    since = [("held_since", found.since)] if found.since else []
    inputs: tuple[tuple[str, Value], ...] = (*since, ("filed_on", filed_on), *homes, *owed.inputs)
    return spread("income_tax", owed.amount, groups, rated.__getitem__, by, inputs, "part owed")


@dataclass(frozen=True, slots=True)
class _Owed:
    """What would be owed on the whole, by which figures."""

    amount: Decimal
    inputs: tuple[tuple[str, Value], ...] = ()
    missing: tuple[str, ...] = ()


def _exempt(sale: Sale, group: Group, found: Held, rule: IncomeTaxRule) -> Rated:
    """0 for a company or 满五唯一, 1 where the tax is owed, or what is missing to say which."""
    if not group.is_person:
        return Rated(Fraction(0))
    if sale.dwelling.use not in rule.dwelling_uses or group.homes or found.long_enough is False:
        return Rated(Fraction(1))
    homes = ("home count of a seller's household",) if group.homes is None else ()
    missing = (*found.missing, *homes)
    return Rated(None, missing) if missing else Rated(Fraction(0))


def _owed(sale: Sale, price: Figure, rule: IncomeTaxRule) -> _Owed:
    if price.value is None:
        return _lacking(*price.missing)
    if sale.prior_deal_kind is None:
        return _lacking("prior deal kind")
    if sale.prior_deal_kind in rule.donor_cost_kinds:
        return _lacking("what the donor had paid")
    assessed = _assessed(sale, price.value, rule)
    if (
        rule.method is IncomeMethod.ASSESSED
        or not sale.prior_price
        or sale.prior_deal_kind in rule.no_price_kinds
    ):
        return assessed
    gain = max(Decimal(0), price.value - sale.prior_price)
    by_gain = _Owed(fen(gain * rule.gain_rate), (("gain", gain), ("gain_rate", rule.gain_rate)))
    if rule.method is IncomeMethod.LESSER and not assessed.missing:
        return min(by_gain, assessed, key=lambda owed: owed.amount)
    return by_gain


def _assessed(sale: Sale, price: Decimal, rule: IncomeTaxRule) -> _Owed:
    is_dwelling = sale.dwelling.use in rule.dwelling_uses
    rate = rule.assessed_rate if is_dwelling else rule.other_assessed_rate
    if rate is None:
        return _lacking("prior price")
    return _Owed(fen(price * rate), (("assessed_on", price), ("assessed_rate", rate)))


def _lacking(*missing: str) -> _Owed:
    return _Owed(Decimal(0), (), missing)
