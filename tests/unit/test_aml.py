"""Signals for a lender's anti-money-laundering desk: what raises each, whom it is for, and that nobody else is told."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from broker.admission.model import Body
from tests.support.drafts import HOUSE, accepted
from tests.support.town import LI, ZHANG, ZHANG_BEFORE, Town

ICBC, CCB, FUND = "91411400MA4000012N", "914114027067800106", "12411400MB1000002A"
DESK = "bank.icbc.aml"
PRICE = Decimal("800000.00")
PLAIN: dict[str, Any] = {
    "total_price": PRICE,
    "appraisal_price": None,
    "down_payment": None,
    "loan_amount": None,
    "prior_acquired_date": None,
    "lender_uscc": ICBC,
}
"""A sale that raises nothing: a lender, and nothing to compare the price with."""


class Desks(Town):
    """A town whose banks have desks."""

    def deal(self, event_type: str = "SIGNED", name: str = "S1", **changes: Any) -> None:
        assert accepted(self.sale(event_type, name, **(PLAIN | {"signed_at": self.now} | changes)))

    def loan(self, event_type: str = "SIGNED", **changes: Any) -> None:
        """A mortgage of the first bank for the first sale."""
        own: dict[str, Any] = {"mortgagee_uscc": ICBC, "appraisal_price": None}
        assert accepted(self.mortgage(event_type, "M1", "S1", **(own | changes)))

    def raised(self) -> list[Body]:
        return [e.body for e in self.emissions if e.key.subject == "signal"]

    def told(self) -> list[tuple[str, str, list[str]]]:
        """Kind, level and whom it is for, in order."""
        return [(b["kind"], b["level"], b["interested"]) for b in self.raised()]


@pytest.fixture
def desks() -> Desks:
    desks = Desks("2021-06-01")
    assert accepted(desks.unit())
    return desks


def test_a_plain_sale_raises_nothing(desks: Desks) -> None:
    desks.deal()
    desks.deal("FILED")
    assert desks.raised() == []


@pytest.mark.parametrize(
    ("appraisal", "level"),
    [("999000", None), ("1000000", "WARN"), ("1140000", "WARN"), ("1143000", "ALERT"), ("600000", "ALERT")],
)
def test_a_price_far_from_the_appraisal(desks: Desks, appraisal: str, level: str | None) -> None:
    desks.deal(appraisal_price=Decimal(appraisal))
    wanted = [] if level is None else [("PRICE_DEVIATION", level, [DESK])]
    assert desks.told() == wanted


def test_a_signal_says_what_it_is_about_and_by_which_rule(desks: Desks) -> None:
    desks.deal(appraisal_price=Decimal(1000000))
    (signal,) = desks.raised()
    assert (signal["about_subject"], signal["about_entity_id"], signal["about_revision"]) == ("sale", "S1", 1)
    assert (signal["house_code"], signal["contract_no"], signal["rule_version"]) == (HOUSE, "S1", "1")
    assert signal["measures"] == [{"name": "DEVIATION_RATIO", "value": Decimal("-0.2"), "unit": "RATIO"}]


def test_funds_that_are_not_the_price(desks: Desks) -> None:
    desks.deal(down_payment=Decimal(200000), loan_amount=Decimal(500000))
    assert desks.told() == [("FUNDS_DEVIATION", "WARN", [DESK])]


def test_a_quick_resale(desks: Desks) -> None:
    desks.deal(prior_acquired_date=date(2020, 12, 2))
    assert desks.told() == [("REPEAT_RESALE", "WARN", [DESK])]
    slow = Desks("2021-06-01")
    slow.unit()
    slow.deal(prior_acquired_date=date(2020, 12, 1))
    assert slow.raised() == []


def test_the_same_buyer_files_again_at_another_price(desks: Desks) -> None:
    desks.link(ZHANG_BEFORE, ZHANG)
    desks.deal("SIGNED", "S0", buyers=(ZHANG_BEFORE,))
    desks.deal("FILED", "S0", buyers=(ZHANG_BEFORE,))
    desks.deal("CANCELLED", "S0", buyers=(ZHANG_BEFORE,), cancelled_at=desks.now)
    desks.at("2021-07-01").deal("SIGNED", "S1", total_price=PRICE)
    assert desks.raised() == []
    desks.deal("VOIDED", "S1")
    desks.deal("SIGNED", "S2", buyers=(LI,), total_price=PRICE * 2)
    assert desks.raised() == []
    desks.deal("VOIDED", "S2", buyers=(LI,), total_price=PRICE * 2)
    desks.deal("SIGNED", "S3", total_price=PRICE / 2)
    assert desks.told() == [("CANCEL_REFILE", "WARN", [DESK])]
    assert desks.raised()[0]["measures"][0]["value"] == Decimal("-0.5")


def test_many_filings_of_one_person_over_all_houses(desks: Desks) -> None:
    houses = ["41140200120200600001201016", "41140300238531241520900012", "4114020012020**00001200016"]
    desks.link(ZHANG_BEFORE, ZHANG)
    for number, house in enumerate(houses[:2]):
        desks.unit(house=house)
        desks.deal("SIGNED", f"E{number}", buyers=((ZHANG, ZHANG_BEFORE)[number],), house_code=house)
        assert desks.raised() == []
    desks.deal("SIGNED", "S1")
    assert desks.told() == [("MANY_FILINGS", "WARN", [DESK])]
    assert desks.raised()[0]["measures"] == [{"name": "FILINGS", "value": Decimal(3), "unit": "COUNT"}]


def test_it_is_raised_once_and_said_anew_only_if_it_says_something_else(desks: Desks) -> None:
    desks.deal(appraisal_price=Decimal(1000000))
    desks.deal("FILED", appraisal_price=Decimal(1000000))
    assert [b["revision"] for b in desks.raised()] == [1]
    desks.deal("AMENDED", appraisal_price=Decimal(1200000))
    assert [(b["entity_id"], b["revision"], b["level"]) for b in desks.raised()] == [
        (desks.raised()[0]["entity_id"], 1, "WARN"),
        (desks.raised()[0]["entity_id"], 2, "ALERT"),
    ]


def test_without_a_lender_or_without_its_desk_nobody_is_told(desks: Desks) -> None:
    desks.deal(appraisal_price=Decimal(400000), lender_uscc=None)
    desks.deal("FILED", appraisal_price=Decimal(400000), lender_uscc=FUND)
    assert desks.raised() == []


def test_a_lender_that_joins_is_told_and_one_that_leaves_is_told_no_more(desks: Desks) -> None:
    desks.deal(appraisal_price=Decimal(400000), lender_uscc=None)
    desks.deal("FILED", appraisal_price=Decimal(400000), lender_uscc=None)
    desks.loan()
    assert desks.told() == [("PRICE_DEVIATION", "ALERT", [DESK])]
    desks.loan("VOIDED")
    assert desks.told()[1:] == [("PRICE_DEVIATION", "ALERT", [])]
    assert desks.raised()[1]["interested_before"] == [DESK]


def test_the_appraisal_of_a_mortgagee_is_for_its_own_desk(desks: Desks) -> None:
    desks.deal(lender_uscc=CCB)
    desks.deal("FILED", lender_uscc=CCB)
    desks.loan(appraisal_price=Decimal(500000))
    (signal,) = desks.raised()
    assert signal["interested"] == [DESK]
    assert (signal["about_subject"], signal["about_entity_id"]) == ("mortgage", "M1")


def test_a_figure_beyond_all_measure_is_said_as_the_largest_there_is(desks: Desks) -> None:
    desks.deal(total_price=Decimal("99999999999999.99"), appraisal_price=Decimal("0.01"))
    (signal,) = desks.raised()
    assert signal["measures"][0]["value"] == Decimal("999999999999.999999")


def test_stock_data_raise_nothing(desks: Desks) -> None:
    desks.deal("FILED", appraisal_price=Decimal(400000), baseline=True)
    assert desks.raised() == []


def test_only_desks_are_ever_addressed(desks: Desks) -> None:
    desks.deal(appraisal_price=Decimal(400000), prior_acquired_date=date(2021, 5, 1))
    desks.loan(appraisal_price=Decimal(300000))
    names = {name for body in desks.raised() for name in (*body["interested"], *body["addressed_to"])}
    assert names == {DESK}
    assert len(desks.raised()) == 3
