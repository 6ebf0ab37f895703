"""All taxes of a filed sale together."""

from broker.reckoning.figures import Figure
from broker.reckoning.records import Sale
from broker.reckoning.taxes.deed import deed_tax
from broker.reckoning.taxes.facts import Tax, TaxFacts, TaxNote, TaxPrefill
from broker.reckoning.taxes.income import income_tax
from broker.reckoning.taxes.vat import price_without_vat, vat
from schemas.dates import day_in_china
from schemas.reckoning import Reckoning

FILED = ("FILED", "AMENDED")


def prefill(sale: Sale, facts: TaxFacts, parameters: Reckoning) -> TaxPrefill:
    """The taxes of a sale by the rules in force where the house lies, on the day of its filing."""
    if sale.status not in FILED or sale.filed_at is None:
        return _nothing(sale, "a contract that is filed")
    day, county = day_in_china(sale.filed_at), sale.county_code
    on_deed = parameters.deed_tax.on(county, day)
    on_vat = parameters.vat.on(county, day)
    on_income = parameters.income_tax.on(county, day)
    if on_deed is None or on_vat is None or on_income is None:
        return _nothing(sale, "rules for the day of filing")
    added = vat(sale, day, facts, on_vat)
    price = price_without_vat(sale, added, facts, on_vat)
    deed = deed_tax(sale, price, facts, on_deed)
    income = income_tax(sale, day, price, facts, on_income)
    return TaxPrefill(sale.source, day, price, deed, added, income, _notes(sale, price, income.figure))


def _nothing(sale: Sale, missing: str) -> TaxPrefill:
    def lacking(name: str) -> Figure:
        return Figure(name, None, None, (), (missing,))

    day = None if sale.filed_at is None else day_in_china(sale.filed_at)
    deed, added, income = (Tax(lacking(name)) for name in ("deed_tax", "vat", "income_tax"))
    return TaxPrefill(sale.source, day, lacking("price_without_vat"), deed, added, income, ())


def _notes(sale: Sale, price: Figure, income: Figure) -> tuple[TaxNote, ...]:
    found = {
        TaxNote.DECLARED_PRICE_DIFFERS: sale.declared_price not in {None, sale.total_price},
        TaxNote.DEVELOPER_RATE_ASSUMED: "assumed_vat_rate" in dict(price.inputs),
        TaxNote.COSTS_NOT_DEDUCTED: bool(income.value) and "gain" in dict(income.inputs),
        TaxNote.LINEAL_RELATIVES: bool(sale.is_lineal_relative),
    }
    return tuple(note for note, holds in found.items() if holds)
