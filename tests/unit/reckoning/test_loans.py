"""What a loan may rest on: cases worked by hand (cases/loans.yaml), and what must hold of any."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.reckoning.loans import LoanBase, loan_base
from schemas.reckoning import LoanRule, load_reckoning
from tests.unit.reckoning import world

CASES = world.rows("loans")
MONEY = st.decimals("0.01", "99999999.99", places=2)


def rule(day: date = date(2021, 1, 1)) -> LoanRule:
    held = load_reckoning().loans.on("411402", day)
    assert held is not None
    return held


def answer(row: world.Row) -> LoanBase:
    told = {"house": "A", "kind": 21, "from": ["stranger"], "to": ["me"], **row["sale"]}
    return loan_base(
        world.sale(1, told),
        row["homes"],
        rule(row.get("day", date(2021, 1, 1))),
        row.get("loan_kind", "COMMERCIAL"),
    )


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_a_case_worked_by_hand(row: dict[str, Any]) -> None:
    found = answer(row)
    figures = {
        "base": found.base,
        "share": found.share,
        "loan": found.highest_loan,
        "paid": found.least_down_payment,
    }
    values = {name: str(one.value) for name, one in figures.items() if one.value is not None}
    assert values == row["figures"]
    for one in figures.values():
        assert one.basis.legal_basis
        assert one.inputs if one.value is not None else one.missing
    assert list(found.highest_loan.missing) == row.get("missing", [])
    assert list(found.notes) == row.get("notes", [])


def test_a_figure_says_what_it_rests_on_and_what_it_needs() -> None:
    found = answer({"sale": {"price": 800000, "appraisal": 760000}, "homes": None})
    assert found.base.said.startswith("loan_base: 760000 (L1, 建房〔2020〕61号 二")
    assert found.highest_loan.said == "highest_loan: cannot be reckoned, needs home count"
    assert found.base.inputs == (("filed_price", Decimal(800000)), ("appraisal", Decimal(760000)))


@given(price=MONEY, appraisal=MONEY, homes=st.integers(0, 1))
def test_the_base_exceeds_neither_and_all_is_paid(price: Decimal, appraisal: Decimal, homes: int) -> None:
    found = answer({"sale": {"price": price, "appraisal": appraisal}, "homes": homes})
    base, loan, paid = found.base.value, found.highest_loan.value, found.least_down_payment.value
    assert base is not None
    assert loan is not None
    assert paid is not None
    assert base in {price, appraisal}
    assert base <= min(price, appraisal)
    assert loan + paid == price
    assert loan <= base
    more = answer({"sale": {"price": price, "appraisal": appraisal}, "homes": homes + 1}).highest_loan.value
    assert more is None or more <= loan
