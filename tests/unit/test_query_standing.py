"""Since when and until when filed contracts give a home."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from broker.query.standing import filed_span, in_force_on, let_on, sold_on, unbroken
from broker.reckoning.months import Span


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T04:00:00+00:00")


def day(text: str) -> date:
    return date.fromisoformat(text)


def lease(**changes: Any) -> dict[str, Any]:
    return {
        "contract_status": "FILED",
        "filed_at": at("2020-01-10"),
        "occurred_at": at("2020-01-10"),
        "lease_start": day("2020-01-01"),
        "lease_end": day("2020-12-31"),
        "cancelled_at": None,
    } | changes


CANCELLED = {"contract_status": "CANCELLED", "cancelled_at": at("2020-06-01")}


@pytest.mark.parametrize(
    ("changes", "on", "stood"),
    [
        ({}, "2020-01-10", True),
        ({}, "2020-01-09", False),
        ({"contract_status": "AMENDED"}, "2020-07-01", True),
        ({"contract_status": "SIGNED", "filed_at": None}, "2020-07-01", False),
        ({"contract_status": "REVOKED"}, "2020-07-01", False),
        (CANCELLED, "2020-05-31", True),
        (CANCELLED, "2020-06-01", False),
        (CANCELLED | {"cancelled_at": None, "occurred_at": at("2020-06-01")}, "2020-05-31", True),
    ],
)
def test_a_contract_stands_from_filing_until_it_is_cancelled(
    changes: dict[str, Any], on: str, stood: bool
) -> None:
    assert in_force_on(lease(**changes), day(on)) is stood
    assert let_on(lease(**changes), day(on)) is stood


def test_a_lease_is_let_within_its_term_alone() -> None:
    assert let_on(lease(), day("2020-12-31"))
    assert not let_on(lease(), day("2021-01-01"))


def test_the_day_of_filing_is_that_of_china() -> None:
    late_in_china = lease(filed_at=datetime(2020, 1, 9, 17, tzinfo=UTC))
    assert in_force_on(late_in_china, day("2020-01-10"))
    assert not in_force_on(late_in_china, day("2020-01-09"))


@pytest.mark.parametrize(
    ("changes", "span"),
    [
        ({}, ("2020-01-01", "2020-12-31")),
        ({"filed_at": at("2020-01-31")}, ("2020-01-01", "2020-12-31")),
        ({"filed_at": at("2020-02-01")}, ("2020-02-01", "2020-12-31")),
        ({"filed_at": at("2019-12-01")}, ("2020-01-01", "2020-12-31")),
        (CANCELLED, ("2020-01-01", "2020-05-31")),
        ({"filed_at": at("2021-02-01")}, None),
        ({"contract_status": "VOIDED"}, None),
        ({"filed_at": None}, None),
    ],
)
def test_days_under_filing(changes: dict[str, Any], span: tuple[str, str] | None) -> None:
    assert filed_span(lease(**changes)) == (Span(day(span[0]), day(span[1])) if span else None)


@pytest.mark.parametrize(
    ("on", "run"),
    [
        ("2020-03-01", ("2020-01-01", "2020-08-31")),
        ("2020-08-31", ("2020-01-01", "2020-08-31")),
        ("2020-09-01", None),
        ("2020-09-02", ("2020-09-02", "2020-12-31")),
        ("2021-01-01", None),
    ],
)
def test_spans_that_follow_each_other_are_one_run(on: str, run: tuple[str, str] | None) -> None:
    spans = [
        Span(day("2020-09-02"), day("2020-12-31")),
        Span(day("2020-05-01"), day("2020-08-31")),
        Span(day("2020-01-01"), day("2020-04-30")),
        Span(day("2020-02-01"), day("2020-03-31")),
    ]
    assert unbroken(spans, day(on)) == (Span(day(run[0]), day(run[1])) if run else None)


def sale(status: str, filed: str, seller: str = "other") -> dict[str, Any]:
    parties = [{"role": "SELLER", "party_ref": seller}]
    return {
        "contract_status": status,
        "filed_at": at(filed),
        "occurred_at": at(filed),
        "parties": parties,
    }


@pytest.mark.parametrize(
    ("later", "sold"),
    [
        (sale("COMPLETED", "2021-01-01", "me"), True),
        (sale("FILED", "2021-01-01", "me"), False),
        (sale("COMPLETED", "2021-01-01"), False),
        (sale("COMPLETED", "2019-01-01", "me"), False),
        (sale("COMPLETED", "2021-02-01", "me"), False),
    ],
)
def test_a_purchase_ends_when_the_house_is_transferred_on(later: dict[str, Any], sold: bool) -> None:
    own = sale("COMPLETED", "2020-01-01")
    assert sold_on(own, [own, later], ["me", "me before"], day("2021-01-15")) is sold
