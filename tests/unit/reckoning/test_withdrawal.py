"""What rent can be drawn: cases worked by hand (cases/withdrawal.yaml), and what must hold of any."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.reckoning.family import Aliases, family_of
from broker.reckoning.months import Span
from broker.reckoning.withdrawal import Asked, Withdrawal, withdrawal
from tests.unit.reckoning import world

CASES = world.rows("withdrawal")
YEAR = Span(date(2021, 1, 1), date(2021, 12, 31))
ON = date(2022, 1, 10)
WORDS = {
    *("case", "clause", "because", "leases", "invoices", "market", "homes", "rule"),
    *("amount", "missing", "out", "level", "sample"),
}


def answer(row: world.Row) -> Withdrawal:
    held = world.parameters({"rents": {"min_sample": 3, **row.get("rule", {})}}).rents.on("411402", ON)
    assert held is not None
    household = world.household(1, {"HEAD": "me", "SPOUSE": "wife", "MINOR_CHILD": {"son": date(2015, 1, 1)}})
    couple = family_of("me", [household], as_of=ON, minor_under=0, aliases=Aliases())
    others = [
        world.lease(
            100 + 10 * n + m, {"rent": rent, "day": date(2021, 6, 1), "to": ["tenant"], **_apart(told)}
        )
        for n, told in enumerate(row.get("market", []))
        for m, rent in enumerate(told["rents"])
    ]
    return withdrawal(
        Asked(couple, YEAR, ON, row.get("homes", 0)),
        [world.lease(n, told) for n, told in enumerate(row["leases"], 1)],
        [world.invoice(n, told) for n, told in enumerate(row.get("invoices", []), 1)],
        lambda _: others,
        held,
    )


def _apart(told: dict[str, Any]) -> dict[str, Any]:
    return {word: value for word, value in told.items() if word != "rents"}


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_a_case_worked_by_hand(row: dict[str, Any]) -> None:
    assert set(row) <= WORDS
    found = answer(row)
    assert list(found.amount.missing) == row.get("missing", [])
    assert found.amount.value == (Decimal(row["amount"]) if "amount" in row else None)
    assert {source.entity_id: why for source, why in found.left_out} == row.get("out", {})
    for word in ("level", "sample"):
        if word in row:
            assert getattr(found.parts[0].market, word) == row[word]


def test_the_answer_says_what_the_fund_must_check_and_what_it_rests_on() -> None:
    found = answer({"leases": [{}], "invoices": [{"amount": 14400}]})
    assert found.deposit_months == 3
    (part,) = found.parts
    assert (part.lease.entity_id, part.months, part.share) == ("L1", 12, 1)
    assert [figure.name for figure in part.figures] == ["filed_rent", "invoiced_rent"]
    assert part.amount.inputs == (
        ("filed_rent", Decimal("18000.00")),
        ("invoiced_rent", Decimal("14400.00")),
    )
    for figure in (*part.figures, part.amount, found.amount):
        assert figure.basis is not None
        assert "建金〔2015〕19号" in figure.basis.legal_basis


def test_children_do_not_belong_to_the_couple() -> None:
    found = answer({"leases": [{"to": ["son"]}]})
    assert [why for _, why in found.left_out] == ["NOT_LESSEE"]


MONEY = st.decimals("1", "99999", places=2)


@given(rent=MONEY, invoiced=MONEY, market=st.lists(MONEY, max_size=5))
def test_the_amount_exceeds_none_of_the_three(
    rent: Decimal, invoiced: Decimal, market: list[Decimal]
) -> None:
    row: dict[str, Any] = {
        "leases": [{"rent": rent}],
        "invoices": [{"amount": invoiced}],
        "market": [{"rents": market}],
    }
    found = answer(row)
    amount = found.amount.value
    assert amount is not None
    values = [figure.value for figure in found.parts[0].figures]
    assert len(values) == (3 if len(market) >= 3 else 2)
    assert amount == min(value for value in values if value is not None)
    assert answer({**row, "market": [{"rents": market[::-1]}]}).amount == found.amount


@given(first=st.dates(date(2020, 1, 1), date(2024, 12, 31)), days=st.integers(0, 1200))
def test_a_longer_time_is_never_fewer_months(first: date, days: int) -> None:
    months = Span(first, first + timedelta(days=days)).months(30)
    longer = Span(first, first + timedelta(days=days + 1)).months(30)
    assert Fraction(1, 30) <= months <= longer
    assert abs(months - Fraction(days + 1, 1) * 12 / 365) < Fraction(1, 2)
