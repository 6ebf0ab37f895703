"""From records to a tax: household, homes and sale together, as a caller goes about it."""

from datetime import date
from decimal import Decimal
from typing import Any

from broker.reckoning.family import family_of
from broker.reckoning.homes import Holdings, HomeCount, count_homes
from broker.reckoning.loans import loan_base
from broker.reckoning.taxes import HouseholdFacts, TaxFacts, prefill
from schemas.reckoning import load_reckoning
from tests.unit.reckoning import world

DAY = date(2021, 3, 1)
SALE = world.sale(
    1,
    {
        "house": "A",
        "kind": 21,
        "from": ["seller"],
        "to": ["me", "wife"],
        "price": 1000000,
        "appraisal": 950000,
        "area": 120,
        "day": DAY,
        "prior": "1",
        "title_date": date(2012, 1, 1),
        "prior_date": date(2012, 1, 1),
    },
)


def counted(person: str, *households: dict[str, Any]) -> HomeCount:
    """The homes of a person's household beside house A; the wife has B, the seller nothing else."""
    rule = load_reckoning().homes.on(SALE.county_code, DAY)
    assert rule is not None
    records = [world.household(n, told) for n, told in enumerate(households, 1)]
    family = family_of(person, records, as_of=DAY, minor_under=rule.minor_under)
    titles = (
        world.title(1, {"house": "B", "by": ["wife"]}),
        world.title(2, {"house": "A", "by": ["seller"]}),
    )
    return count_homes(
        family,
        Holdings(sales=(SALE,), titles=titles),
        rule,
        as_of=DAY,
        coverage=(SALE.county_code,),
        apart_from=(SALE.house_code,),
    )


def test_a_second_home_of_a_couple_bought_of_a_seller_with_no_other() -> None:
    couple = {"HEAD": "me", "SPOUSE": "wife"}
    buyers, seller = counted("me", couple), counted("seller", {"HEAD": "seller"})
    facts = TaxFacts((HouseholdFacts.counted(buyers),), (HouseholdFacts.counted(seller),))
    found = prefill(SALE, facts, load_reckoning())
    # B beside A: second home, 120 m² > 90, 1000000 × 2 % = 20000; held nine years, the seller's only home: 0 and 0.
    assert (buyers.count, seller.count) == (1, 0)
    assert found.deed_tax.figure.value == Decimal(20000)
    assert found.deed_tax.parts[0].refs == {"me", "wife"}
    assert found.vat.figure.value == 0
    assert found.income_tax.figure.value == 0
    # min(1000000, 950000) = 950000; second home 30 %: 950000 × 0.70 = 665000.
    rule = load_reckoning().loans.on(SALE.county_code, DAY)
    assert rule is not None
    assert loan_base(SALE, buyers.count, rule).highest_loan.value == Decimal(665000)


def test_without_a_household_record_no_tax_that_rests_on_the_count_is_prefilled() -> None:
    buyers = HouseholdFacts.counted(counted("me"))
    assert buyers.homes is None
    found = prefill(SALE, TaxFacts((buyers,)), load_reckoning())
    assert found.deed_tax.figure.missing == ("home count of a buyer's household",)
