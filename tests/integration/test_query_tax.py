"""What the tax office asks, on a real Postgres. The taxes are worked out by hand beside them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.homes import (
    HUSBAND,
    SELLER,
    SON,
    TENANT,
    WIFE,
    answered,
    household_of,
    sale_of,
    title_of,
)
from tests.support.latest import Latest, latest_on


@pytest.fixture(scope="module")
def latest(dsn: str) -> Iterator[Latest]:
    """The husband buys house 1 of the seller, who has no other; house 2 is the wife's."""
    with latest_on(dsn) as one:
        one.put("household", household_of("J-1", HUSBAND, spouse=WIFE, minor_child=SON))
        one.put("household", household_of("J-2", SELLER))
        one.put("sale", sale_of(1, SELLER, HUSBAND))
        one.put("title", title_of(1, SELLER))
        one.put("title", title_of(2, WIFE))
        yield one


def ask(latest: Latest, name: str, number: str = "S-1") -> dict[str, Any]:
    return answered(latest, "tax", name, {"contract_no": number})


def test_the_filed_sale_itself_with_what_taxes_need(latest: Latest) -> None:
    (sale,) = ask(latest, "sale")["sales"]
    assert (sale["filing_no"], sale["total_price"], sale["prior_price"]) == ("BA-1", "560000.00", "98000.00")
    assert [(one["role"], one["id_no"]) for one in sale["parties"]] == [
        ("SELLER", SELLER["id_no"]),
        ("BUYER", HUSBAND["id_no"]),
    ]
    assert ask(latest, "sale", "BA-1") == {"sales": [sale]}
    assert ask(latest, "sale", "S-none") == {"sales": []}


def test_a_filed_sale_is_declared_without_a_form(latest: Latest) -> None:
    told = ask(latest, "sale_prefill", "BA-1")
    assert (told["state"], told["filed_on"]) == ("PREFILLED", "2020-12-02")
    # Acquired on 2003-06-18: seventeen whole years on the day of filing.
    assert (told["held_since"], told["holding_years"]) == ("2003-06-18", 17)
    # Held over two years: no VAT, so the price is not cut. Second home of 89.50 m²: 560000 × 1 % = 5600.
    # Held over five years and the seller's only home: no income tax.
    assert (told["price_without_vat"], told["deed_tax"]) == ("560000.00", "5600.00")
    assert (float(told["vat"]), float(told["income_tax"])) == (0, 0)
    households = [(one["role"], one["parties"], one["homes"]) for one in told["households"]]
    assert households == [("BUYER", ["孙样本"], 1), ("SELLER", ["王示例"], 0)]
    deed = next(one for one in told["figures"] if one["name"] == "deed_tax")
    assert (deed["base"], deed["rates"], deed["clause"]) == ("560000.00", ["0.01"], "T3")
    assert deed["legal_basis"] == "财税〔2016〕23号 一"
    assert "homes of household 1=1" in deed["rests_on"]
    assert told["parts"][0] == {"tax": "deed_tax", "parties": ["孙样本"], "amount": "5600.00"}


def test_the_rest_of_a_household_is_not_told(latest: Latest) -> None:
    told = str(ask(latest, "sale_prefill"))
    assert WIFE["id_no"] not in told
    assert "样本路2号" not in told


def test_without_a_household_record_the_form_says_what_it_lacks(latest: Latest) -> None:
    latest.put("sale", sale_of(3, SELLER, TENANT))
    told = ask(latest, "sale_prefill", "S-3")
    assert (told["state"], told["deed_tax"]) == ("PREFILLED", None)
    deed = next(one for one in told["figures"] if one["name"] == "deed_tax")
    assert deed["missing"] == ["home count of a buyer's household"]
    assert [one["homes"] for one in told["households"] if one["role"] == "BUYER"] == [None]


def test_buyers_of_two_households_each_pay_by_their_own(latest: Latest) -> None:
    latest.put("household", household_of("J-3", TENANT))
    sale = sale_of(4, SELLER, WIFE, TENANT)
    shares = [{}, {"share_text": "1/4", "name": "甲"}, {"share_text": "3/4", "name": "乙"}]
    latest.put(
        "sale",
        sale | {"parties": [party | share for party, share in zip(sale["parties"], shares, strict=True)]},
        gross_area="100.00",
    )
    told = ask(latest, "sale_prefill", "S-4")
    # Over 90 m²: house 1, which her husband buys, and house 2 make it the wife's third: the statutory rate, which is not set.
    assert told["deed_tax"] is None
    latest.put("sale", sale_of(1, SELLER, HUSBAND), revision=3, contract_status="VOIDED")
    told = ask(latest, "sale_prefill", "S-4")
    # Her second home: 140000 × 2 % = 2800. The other's second too (house 3): 420000 × 2 % = 8400.
    parts = {tuple(one["parties"]): one["amount"] for one in told["parts"] if one["tax"] == "deed_tax"}
    assert parts == {("甲",): "2800.00", ("乙",): "8400.00"}
    assert told["deed_tax"] == "11200.00"


def test_a_cancelled_sale_is_answered_by_what_takes_it_back(latest: Latest) -> None:
    latest.put("household", household_of("J-4", {"id_type": "3", "id_no": "E12345678"}))
    buyer = {"id_type": "3", "id_no": "E12345678"}
    latest.put("sale", sale_of(5, SELLER, buyer))
    # An only home of 89.50 m²: 1 %.
    assert ask(latest, "sale_prefill", "S-5")["deed_tax"] == "5600.00"
    ended = {"contract_status": "CANCELLED", "cancelled_at": "2020-12-20T02:00:00Z", "revision": 3}
    latest.put("sale", sale_of(5, SELLER, buyer) | ended)
    told = ask(latest, "sale_prefill", "S-5")
    assert (told["state"], told["ended_on"], told["deed_tax"]) == ("REVERSED", "2020-12-20", "-5600.00")
    assert told["figures"][0]["rests_on"] == ["reverses=5600.00"]
    assert told["figures"][0]["clause"] == "T13"


def test_what_is_not_filed_or_not_there_has_no_form(latest: Latest) -> None:
    latest.put("sale", sale_of(6, SELLER, TENANT), contract_status="SIGNED", filed_at=None, filing_no=None)
    told = ask(latest, "sale_prefill", "S-6")
    assert (told["state"], told["deed_tax"]) == ("NONE", None)
    assert told["figures"][0]["missing"] == ["a contract that is filed"]
    assert ask(latest, "sale_prefill", "S-none")["state"] == "UNKNOWN"
