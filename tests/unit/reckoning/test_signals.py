"""Comparisons for the anti-money-laundering desk: cases worked by hand (cases/signals.yaml)."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.reckoning import signals
from broker.reckoning.signals import Signal
from schemas.reckoning import SignalRule, load_reckoning
from tests.unit.reckoning import world

CASES = world.rows("signals")
MONEY = st.decimals("0.01", "99999999.99", places=2)


def rule(**changes: Any) -> SignalRule:
    held = load_reckoning().signals.on("411402", date(2021, 1, 1))
    assert held is not None
    return SignalRule.model_validate({**held.model_dump(by_alias=True), **changes})


def compare(row: dict[str, Any]) -> Signal | None:
    by = rule()
    match row:
        case {"price": [filed, appraisal]}:
            return signals.price_deviation(Decimal(filed), Decimal(appraisal), by)
        case {"funds": [filed, funds]}:
            return signals.funds_deviation(Decimal(filed), Decimal(funds), by)
        case {"resale": [acquired, resold]}:
            return signals.repeat_resale(acquired, resold, by)
        case {"cash": cash}:
            return signals.cash_payment(Decimal(cash), by)
        case {"filings": [until, *filed]}:
            return signals.many_filings(filed, until, by)
        case {"refile": [was, cancelled, now, filed]}:
            return signals.cancel_refile(Decimal(was), cancelled, Decimal(now), filed, by)
    raise AssertionError(row)


@pytest.mark.parametrize("row", CASES, ids=lambda row: row["case"])
def test_a_case_worked_by_hand(row: dict[str, Any]) -> None:
    found = compare(row)
    if "kind" not in row:
        assert found is None
        return
    assert found is not None
    assert (found.kind, found.level, found.rule_version) == (row["kind"], row["level"], "1")
    assert [str(measure.value) for measure in found.measures] == [row["value"]]


def test_thresholds_are_parameters() -> None:
    filed, appraisal = Decimal(470000), Decimal(500000)
    assert signals.price_deviation(filed, appraisal, rule()) is None
    assert signals.price_deviation(filed, appraisal, rule(price_warn="0.05")) is not None
    assert signals.funds_deviation(appraisal, filed, rule()) is not None
    assert signals.funds_deviation(appraisal, filed, rule(funds_short="0.10")) is None
    assert signals.cash_payment(filed, rule(cash_from="470000.01")) is None


def test_without_a_figure_to_compare_with_there_is_no_answer() -> None:
    with pytest.raises(ValueError, match="nothing to compare with"):
        signals.price_deviation(Decimal(1), Decimal(0), rule())


@given(filed=MONEY, appraisal=MONEY)
def test_whatever_raises_an_alert_would_warn(filed: Decimal, appraisal: Decimal) -> None:
    found = signals.price_deviation(filed, appraisal, rule())
    without_alert = signals.price_deviation(filed, appraisal, rule(price_alert="10"))
    assert (found is None) == (without_alert is None)
    assert signals.price_deviation(appraisal, appraisal, rule()) is None
