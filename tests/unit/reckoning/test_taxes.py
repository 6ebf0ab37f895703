"""The taxes of a filed sale: cases worked by hand (cases/taxes.yaml), and what must hold of any."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.reckoning.records import Evidence, Sale
from broker.reckoning.taxes import HouseholdFacts, Tax, TaxFacts, TaxPrefill, prefill, reverse
from schemas.reckoning import Reckoning, load_reckoning
from tests.unit.reckoning import world

CASES = world.rows("taxes")
DAY = date(2021, 3, 1)
WORDS = {
    *("case", "clause", "because", "sale", "buyers", "sellers", "rule", "invoiced_vat"),
    *("expect", "missing", "parts", "notes"),
}
SALE = {
    "house": "A",
    "kind": 21,
    "from": ["seller"],
    "to": ["me"],
    "price": 1000000,
    "day": DAY,
    "prior": "1",
    "title_date": date(2012, 1, 1),
    "prior_date": date(2012, 1, 1),
    "prior_price": 600000,
}


def households(told: dict[str, int]) -> tuple[HouseholdFacts, ...]:
    return tuple(HouseholdFacts(frozenset(refs.split()), homes) for refs, homes in told.items())


def sale_of(row: world.Row) -> Sale:
    return world.sale(1, {**SALE, **row.get("sale", {})})


def answer(row: world.Row) -> TaxPrefill:
    vat = row.get("invoiced_vat")
    facts = TaxFacts(
        households(row.get("buyers", {"me": 0})),
        households(row.get("sellers", {"seller": 1})),
        None if vat is None else Decimal(vat),
    )
    return prefill(sale_of(row), facts, world.parameters(row["rule"]) if "rule" in row else load_reckoning())


def taxes(found: TaxPrefill) -> dict[str, Tax]:
    return {
        "price": Tax(found.price_without_vat),
        "deed": found.deed_tax,
        "vat": found.vat,
        "income": found.income_tax,
    }


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_a_case_worked_by_hand(row: dict[str, Any]) -> None:
    assert set(row) <= WORDS
    found = answer(row)
    by_name = taxes(found)
    for name, expected in row["expect"].items():
        value = by_name[name].figure.value
        assert value == (None if expected is None else Decimal(expected)), name
    for name, missing in row.get("missing", {}).items():
        assert list(by_name[name].figure.missing) == missing
    for name, parts in row.get("parts", {}).items():
        said = {" ".join(sorted(part.refs)): str(part.amount) for part in by_name[name].parts}
        assert said == parts
    if "notes" in row:
        assert list(found.notes) == row["notes"]


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_every_figure_says_what_it_rests_on_or_what_it_needs(row: dict[str, Any]) -> None:
    for figure in answer(row).figures:
        if figure.value is None:
            assert figure.missing
            assert figure.said.startswith(f"{figure.name}: cannot be reckoned, needs ")
            continue
        assert not figure.missing
        assert figure.inputs
        assert figure.basis is not None
        assert figure.basis.clause.startswith("T")
        assert figure.basis.legal_basis
        assert figure.basis.since <= DAY + timedelta(days=5000)


def test_the_basis_names_the_edition_in_force() -> None:
    old, new = (answer({"sale": {"day": day}}).deed_tax.figure.basis for day in (DAY, date(2025, 1, 1)))
    assert old is not None
    assert new is not None
    assert (old.rule_version, old.since) == ("2016", date(2016, 2, 22))
    assert (new.rule_version, new.since) == ("2024", date(2024, 12, 1))
    assert dict(answer({}).deed_tax.figure.inputs) == {
        "price_without_vat": Decimal(1000000),
        "gross_area": Decimal(90),
        "use": "11",
        "homes of household 1": 0,
        "rate": Decimal("0.01"),
    }


def test_a_county_has_rates_of_its_own() -> None:
    held = world.raw_parameters()
    theirs = {**held["deed_tax"]["editions"][0], "version": "c", "statutory_rate": "0.05"}
    held["deed_tax"]["counties"] = {"411481": [theirs]}
    sale = world.sale(1, {**SALE, "county": "411481"})
    found = prefill(sale, TaxFacts(households({"me": 2})), Reckoning.model_validate(held))
    assert found.deed_tax.figure.value == Decimal(50000)


# --- taking back (T13) ---


def ended(row: world.Row, **changes: Any) -> Sale:
    sale = replace(sale_of(row), status="CANCELLED", cancelled_at=world.noon(date(2021, 4, 1)))
    return replace(sale, **{"source": replace(sale.source, revision=2), **changes})


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_a_cancellation_takes_back_what_was_prefilled_and_no_more(row: dict[str, Any]) -> None:
    earlier = answer(row)
    taken = reverse(earlier, ended(row))
    before = [earlier.deed_tax, earlier.vat, earlier.income_tax]
    amounts = {tax.figure.name: tax.figure.value for tax in before if tax.figure.value is not None}
    assert {tax.figure.name for tax in taken.taxes} == set(amounts)
    for tax in taken.taxes:
        assert tax.figure.value is not None
        assert tax.figure.value + amounts[tax.figure.name] == 0
        assert not str(tax.figure.value).startswith("-0.00")
        assert not tax.parts or sum(part.amount for part in tax.parts) == tax.figure.value
    assert (taken.reverses, taken.sale.revision) == (earlier.sale, 2)
    assert taken.ended_on == date(2021, 4, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": Evidence("sale", "S2", 2)}, "of another contract"),
        ({"source": Evidence("sale", "S1", 1)}, "not newer"),
        ({"status": "FILED"}, "the contract is FILED"),
        ({"status": "COMPLETED"}, "the contract is COMPLETED"),
    ],
)
def test_only_the_end_of_the_same_contract_takes_back(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reverse(answer({}), ended({}, **changes))


# --- what must hold of any ---

PRICE = st.decimals("1", "99999999.99", places=2)
SHARES = st.lists(st.integers(1, 999), min_size=1, max_size=5)


@given(price=PRICE, weights=SHARES, homes=st.integers(0, 1))
def test_parts_are_the_whole_to_the_fen(price: Decimal, weights: list[int], homes: int) -> None:
    buyers = [{f"b{n}": f"{weight}/{sum(weights)}"} for n, weight in enumerate(weights)]
    row = {
        "sale": {"price": price, "to": buyers, "area": 120},
        "buyers": {f"b{n}": (homes + n) % 2 for n in range(len(weights))},
    }
    deed = answer(row).deed_tax
    assert deed.figure.value == sum(part.amount for part in deed.parts)
    assert all(part.amount >= 0 for part in deed.parts)


@given(price=PRICE, days=st.integers(0, 4000))
def test_what_is_left_and_the_vat_are_the_price(price: Decimal, days: int) -> None:
    since = DAY - timedelta(days=days)
    found = answer({"sale": {"price": price, "title_date": since, "prior_date": since}})
    left, vat = found.price_without_vat.value, found.vat.figure.value
    assert left is not None
    assert vat is not None
    assert left + vat == price
    assert (vat == 0) == (days >= 731)


@given(price=PRICE, area=st.decimals("1", "500", places=2), homes=st.integers(0, 1))
def test_a_second_home_is_never_taxed_less(price: Decimal, area: Decimal, homes: int) -> None:
    def deed(homes: int) -> Decimal:
        value = answer(
            {"sale": {"price": price, "area": area}, "buyers": {"me": homes}}
        ).deed_tax.figure.value
        assert value is not None
        return value

    assert deed(0) <= deed(homes) <= deed(1)
