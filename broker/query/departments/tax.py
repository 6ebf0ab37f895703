"""Tax: the filed sale, and its declaration filled in beforehand (建房〔2020〕61号 四): nobody brings paper or fills in a form.

The figures are those of ``broker.reckoning.taxes``, by the rules of the day of filing. The families of both sides, and their
homes beside this house, are taken as they stand at the call.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from broker.protected import present
from broker.query.asked import Asked, ContractNo
from broker.query.contracts import as_read, contract, names_of
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.explained import explained, inputs_of
from broker.query.households import Counted, count, families, in_force
from broker.query.reading import Reading
from broker.query.records import Record
from broker.reckoning.figures import Figure
from broker.reckoning.reading import read_sale
from broker.reckoning.records import Sale
from broker.reckoning.taxes import HouseholdFacts, Tax, TaxFacts, TaxPrefill, prefill, reverse
from broker.reckoning.taxes.reversal import ENDED
from schemas.dates import day_in_china, years_after
from schemas.reckoning import Reckoning

SIDES = ("BUYER", "SELLER")
BASES = ("price_without_vat", "gain", "assessed_on", "filed_price")
RATES = ("rate", "gain_rate", "assessed_rate", "VAT in the price")


class SaleAsked(Asked):
    """A sale by its contract number or its filing number."""

    contract_no: ContractNo


@dataclass(frozen=True, slots=True)
class Side:
    """The households on one side of a sale."""

    role: str
    counted: Sequence[Counted]

    @property
    def facts(self) -> tuple[HouseholdFacts, ...]:
        return tuple(HouseholdFacts(one.refs, one.homes) for one in self.counted)


async def sale(asked: SaleAsked, reading: Reading) -> Given:
    """The sale as it stands, or an empty list."""
    found = await contract(reading, "sale", asked.contract_no)
    return {"sales": [] if found is None else [found]}


async def sale_prefill(asked: SaleAsked, reading: Reading) -> Given:
    """The declaration of a filed sale; of one that has ended, what takes it back."""
    record = await contract(reading, "sale", asked.contract_no)
    if record is None:
        return {"state": "UNKNOWN", "sales": []}
    given = as_read(read_sale, record)
    sides = await _sides(reading, given)
    return declaration(record, given, sides, reading.reckoning) | {"counted_on": reading.today}


def declaration(record: Record, given: Sale, sides: Sequence[Side], rules: Reckoning) -> dict[str, Any]:
    """The form of a sale, from its record and the households of both sides."""
    buyers, sellers = sides
    facts = TaxFacts(buyers.facts, sellers.facts)
    known = {"sales": [record], "households": [_household(record, *one) for one in _each(sides)]}
    known |= _holding(given)
    if given.status in ENDED:
        return known | _reversed(record, given, facts, rules)
    return known | _filled(record, prefill(given, facts, rules))


async def _sides(reading: Reading, given: Sale) -> list[Side]:
    """The households of the persons on each side; companies have none."""
    persons = {role: [party.ref for party in given.by_role(role) if party.is_person] for role in SIDES}
    everybody = [ref for refs in persons.values() for ref in refs]
    if not everybody:
        return [Side(role, ()) for role in SIDES]
    rule = in_force(reading.reckoning.homes, given.county_code, reading.today)
    kin = await families(reading, everybody, minor_under=rule.minor_under)
    households = list(dict.fromkeys(kin.values()))
    found = await count(reading, households, apart=given.house_code, county=given.county_code)
    counted = dict(zip(households, found, strict=True))
    return [
        Side(role, [counted[one] for one in dict.fromkeys(kin[ref] for ref in refs)])
        for role, refs in persons.items()
    ]


def _filled(record: Record, found: TaxPrefill) -> dict[str, Any]:
    taxes = (found.deed_tax, found.vat, found.income_tax)
    return {
        "state": "PREFILLED" if found.price_without_vat.basis else "NONE",
        "filed_on": found.filed_on,
        "price_without_vat": found.price_without_vat.value,
        "notes": [str(note) for note in found.notes],
        "figures": _figures([found.price_without_vat, *(tax.figure for tax in taxes)]),
        **_taxes(record, taxes),
    }


def _reversed(record: Record, ended: Sale, facts: TaxFacts, rules: Reckoning) -> dict[str, Any]:
    """What takes the last prefill back: that of the contract as it stood before it ended.

    A contract that never was filed, or of the first revision, had none.
    """
    revision = ended.source.revision or 1
    before = replace(ended, status="FILED", source=replace(ended.source, revision=revision - 1))
    found = reverse(prefill(before, facts, rules), ended)
    return {
        "state": "REVERSED",
        "filed_on": None if ended.filed_at is None else day_in_china(ended.filed_at),
        "ended_on": found.ended_on,
        "figures": _figures([tax.figure for tax in found.taxes]),
        **_taxes(record, found.taxes),
    }


def _taxes(record: Record, taxes: Iterable[Tax]) -> dict[str, Any]:
    """Each tax by its name, and what falls to whom."""
    named: dict[str, Any] = {tax.figure.name: tax.figure.value for tax in taxes}
    roles: Mapping[str, str] = {"deed_tax": "BUYER", "vat": "SELLER", "income_tax": "SELLER"}
    parts = [
        {
            "tax": tax.figure.name,
            "parties": _names(record, part.refs, roles[tax.figure.name]),
            "amount": part.amount,
        }
        for tax in taxes
        for part in tax.parts
    ]
    return named | {"parts": parts}


def _figures(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """The figures, with base and rate apart, as a form has fields for them."""
    return [
        item | {"base": next(iter(inputs_of(figure, *BASES)), None), "rates": inputs_of(figure, *RATES)}
        for item, figure in zip(explained(figures), figures, strict=True)
    ]


def _each(sides: Iterable[Side]) -> Iterable[tuple[str, Counted]]:
    return ((side.role, one) for side in sides for one in side.counted)


def _household(record: Record, role: str, one: Counted) -> dict[str, Any]:
    return {
        "role": role,
        "parties": _names(record, one.refs, role),
        "homes": one.homes,
        "unread_records": one.unread,
        "family_source": str(one.source),
        "rule_version": one.count.rule_version,
        "count_basis": one.count.legal_basis,
    }


def _names(record: Record, refs: frozenset[str], role: str) -> list[str]:
    """Of the contract's own parties: who else belongs to a household is not told."""
    return [name for one in names_of(record, refs, role) if (name := present(one)) is not None]


def _holding(given: Sale) -> dict[str, Any]:
    """Since when the seller has had the house, as far as the filing says, and the whole years until it was filed."""
    days = [day for day in (given.title_date, given.prior_acquired_date) if day is not None]
    if not days or given.filed_at is None:
        return {"held_since": min(days, default=None)}
    return {"held_since": min(days), "holding_years": _years(min(days), day_in_china(given.filed_at))}


def _years(since: date, until: date) -> int:
    years = until.year - since.year
    return max(0, years if years_after(since, years) <= until else years - 1)


QUERIES = (
    Definition("tax", "sale", SaleAsked, sale),
    Definition("tax", "sale_prefill", SaleAsked, sale_prefill),
)
