"""Value-added tax (增值税): the seller's, and the price without it (docs/reckoning.md, T2, T6 to T8)."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from broker.reckoning.figures import Figure, Value, basis, fen, needs
from broker.reckoning.records import Sale
from broker.reckoning.taxes.facts import Tax, TaxFacts
from broker.reckoning.taxes.groups import Rated, groups_of, spread
from broker.reckoning.taxes.holding import held
from schemas.reckoning import VatRule

OWN_BUILDING = "4"
OWN_RETURN = "the seller's own VAT return"


def vat(sale: Sale, filed_on: date, facts: TaxFacts, rule: VatRule) -> Tax:
    """The tax on sellers who are persons; a company files its own return."""
    if not all(seller.is_person for seller in sale.sellers):
        return Tax(needs("vat", basis("T8", rule), OWN_RETURN))
    if sale.dwelling.use not in rule.dwelling_uses:
        return _of_other(sale, facts, rule)
    by = basis("T6", rule)
    if sale.prior_deal_kind in rule.exempt_kinds:
        return _levied(
            sale, facts, rule, "T6", Decimal(0), (("prior_deal_kind", sale.prior_deal_kind or ""),)
        )
    found = held(sale, filed_on, rule.exempt_after_years, rule.dated_back_kinds)
    if found.long_enough is None:
        return Tax(needs("vat", by, *found.missing))
    inputs: tuple[tuple[str, Value], ...] = (
        ("held_since", found.since or filed_on),
        ("filed_on", filed_on),
        ("filed_price", sale.total_price),
    )
    taxed = Decimal(0) if found.long_enough else sale.total_price
    return _levied(sale, facts, rule, "T6", taxed, inputs)


def price_without_vat(sale: Sale, tax: Tax, facts: TaxFacts, rule: VatRule) -> Figure:
    """The base of the other taxes: the invoice's VAT is taken if there is one; an exempt price is not cut."""
    by = basis("T2", rule)
    inputs: tuple[tuple[str, Value], ...] = (("filed_price", sale.total_price),)
    if facts.invoiced_vat is not None:
        told = (*inputs, ("invoiced_vat", facts.invoiced_vat))
        return Figure("price_without_vat", sale.total_price - facts.invoiced_vat, by, told)
    if tax.figure.value is not None:
        told = (*inputs, ("vat", tax.figure.value))
        return Figure("price_without_vat", sale.total_price - tax.figure.value, by, told)
    if is_developers(sale) and rule.developer_rate is not None:
        price = fen(Fraction(sale.total_price) / (1 + Fraction(rule.developer_rate)))
        return Figure("price_without_vat", price, by, (*inputs, ("assumed_vat_rate", rule.developer_rate)))
    missing = ("VAT of the seller's invoice",) if OWN_RETURN in tax.figure.missing else tax.figure.missing
    return needs("price_without_vat", by, *missing)


def is_developers(sale: Sale) -> bool:
    """Whether it is a new home, sold by companies alone."""
    return sale.contract_kind in {"11", "12"} and not any(seller.is_person for seller in sale.sellers)


def _of_other(sale: Sale, facts: TaxFacts, rule: VatRule) -> Tax:
    """What is no dwelling: on the gain, or on the whole price of what one built oneself."""
    if sale.prior_deal_kind == OWN_BUILDING:
        return _levied(
            sale, facts, rule, "T7", sale.total_price, (("filed_price", sale.total_price),), rule.other_rate
        )
    if not sale.prior_price:
        return Tax(needs("vat", basis("T7", rule), "prior price"))
    gain = max(Decimal(0), sale.total_price - sale.prior_price)
    inputs = (("filed_price", sale.total_price), ("prior_price", sale.prior_price))
    return _levied(sale, facts, rule, "T7", gain, inputs, rule.other_rate)


def _levied(
    sale: Sale,
    facts: TaxFacts,
    rule: VatRule,
    clause: str,
    taxed: Decimal,
    inputs: tuple[tuple[str, Value], ...],
    at: Decimal | None = None,
) -> Tax:
    """The VAT that is in an amount: amount / (1 + rate) × rate."""
    rate = Fraction(rule.rate if at is None else at)
    inside = rate / (1 + rate)
    groups = groups_of(sale.sellers, facts.sellers)
    return spread(
        "vat", taxed, groups, lambda _: Rated(inside), basis(clause, rule), inputs, "VAT in the price"
    )
