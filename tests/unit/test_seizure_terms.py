"""Terms of seizures: limits by the day, stated lengths, leap days."""

from datetime import date, datetime
from typing import Any

import pytest

from broker.admission.seizures.terms import (
    Period,
    Term,
    last_day,
    limits_of,
    own_term,
    promoted_term,
    renewed_term,
    restated_term,
    served_on,
    waiting_period,
    years_after,
)
from broker.admission.timers import due_after
from schemas.policies import load_policy
from tests.support.drafts import china, day

POLICY = load_policy()
NOW, BEFORE_2015 = POLICY.seizure_limits(date(2021, 1, 1)), POLICY.seizure_limits(date(2010, 1, 1))


def notice(served: str = "2020-12-10", **stated: Any) -> dict[str, Any]:
    days = {name: day(stated.pop(name, None)) for name in ("start_date", "end_date")}
    return (
        {
            "event_type": "SEIZED",
            "served_at": china(served),
            "occurred_at": china(served),
            "waiting_term": None,
        }
        | days
        | stated
    )


def in_force(begin: str, until: str, **stated: Any) -> dict[str, Any]:
    return notice(**stated) | {"effective_from": day(begin), "effective_until": day(until)}


def as_text(term: Term) -> tuple[str, str]:
    return term.begin.isoformat(), term.until.isoformat()


@pytest.mark.parametrize(
    ("begin", "years", "last"),
    [
        ("2020-12-10", 3, "2023-12-09"),
        ("2021-03-01", 3, "2024-02-29"),
        ("2020-02-29", 3, "2023-02-27"),
        ("2020-02-29", 4, "2024-02-28"),
        ("2021-01-01", 1, "2021-12-31"),
        ("9998-01-01", 3, "9999-12-30"),
    ],
)
def test_years_end_on_the_day_before(begin: str, years: int, last: str) -> None:
    assert last_day(date.fromisoformat(begin), years).isoformat() == last


def test_the_corresponding_day_may_be_missing() -> None:
    assert years_after(date(2020, 2, 29), 1) == date(2021, 2, 28)
    assert Period(1, 0).last_day(date(2021, 1, 31)) == date(2021, 2, 27)


@pytest.mark.parametrize(
    ("moment", "on"),
    [("2020-12-10T00:00", "2020-12-10"), ("2020-12-10T23:59:59.999999", "2020-12-10")],
)
def test_days_are_those_of_china(moment: str, on: str) -> None:
    assert served_on(notice(moment)).isoformat() == on


def test_a_term_is_over_at_midnight_in_china() -> None:
    assert due_after(date(2020, 12, 10)) == china("2020-12-11T00:00")
    assert due_after(date(2020, 12, 10)) == datetime.fromisoformat("2020-12-10T16:00:00+00:00")


@pytest.mark.parametrize(
    ("event_type", "served", "occurred", "years"),
    [
        ("SEIZED", "2004-03-01", "2004-03-01", (2, 1)),
        ("SEIZED", "2015-02-03", "2015-02-05", (2, 1)),
        ("SEIZED", "2015-02-04T00:00", "2015-02-05", (3, 3)),
        ("CHANGED", "2014-05-05", "2021-05-05", (2, 1)),
        ("RENEWED", "2014-05-05", "2015-05-05", (3, 3)),
        ("RENEWED", "2013-05-05", "2014-05-05", (2, 1)),
        ("SEIZED", "2003-05-05", "2003-05-05", (2, 1)),
    ],
)
def test_limits_by_the_day(event_type: str, served: str, occurred: str, years: tuple[int, int]) -> None:
    record = notice(served, event_type=event_type, occurred_at=china(occurred))
    limits = limits_of(record, POLICY)
    assert (limits.first_years, limits.renewal_years) == years


@pytest.mark.parametrize(
    ("stated", "term"),
    [
        ({}, ("2020-12-10", "2023-12-09")),
        ({"end_date": "2021-12-31"}, ("2020-12-10", "2021-12-31")),
        ({"start_date": "2020-12-12"}, ("2020-12-12", "2023-12-11")),
        ({"start_date": "2020-12-12", "end_date": "2021-12-31"}, ("2020-12-12", "2021-12-31")),
        ({"waiting_term": "1年"}, ("2020-12-10", "2023-12-09")),
    ],
)
def test_the_term_of_its_own_notice(stated: dict[str, str], term: tuple[str, str]) -> None:
    assert as_text(own_term(notice(**stated), NOW)) == term


def test_the_older_limit() -> None:
    assert as_text(own_term(notice("2010-05-05"), BEFORE_2015)) == ("2010-05-05", "2012-05-04")


@pytest.mark.parametrize(
    ("stated", "until"),
    [
        ({}, "2025-01-31"),
        ({"waiting_term": "3年"}, "2025-01-31"),
        ({"waiting_term": "三年"}, "2025-01-31"),
        ({"waiting_term": "36个月"}, "2025-01-31"),
        ({"waiting_term": "1年"}, "2023-01-31"),
        ({"waiting_term": "180天"}, "2022-07-30"),
        ({"waiting_term": "5年"}, "2025-01-31"),
        ({"waiting_term": "99999年"}, "2025-01-31"),
        ({"waiting_term": "99999天"}, "2025-01-31"),
        ({"waiting_term": "酌定"}, "2025-01-31"),
        ({"end_date": "2021-12-31"}, "2025-01-31"),
        ({"start_date": "2020-12-10", "end_date": "2020-12-10"}, "2022-02-01"),
        ({"start_date": "2020-12-10", "end_date": "2020-12-20"}, "2022-02-11"),
        ({"start_date": "2020-12-10", "end_date": "2020-12-20", "waiting_term": "3年"}, "2022-02-11"),
        ({"start_date": "2020-12-10", "end_date": "2023-12-09"}, "2025-01-30"),
        ({"start_date": "2020-12-10", "end_date": "9999-12-31"}, "2025-01-31"),
    ],
)
def test_the_term_of_one_that_waited(stated: dict[str, str], until: str) -> None:
    term = promoted_term(notice(**stated), date(2022, 2, 1), NOW)
    assert as_text(term) == ("2022-02-01", until)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("3年", (36, 0)),
        ("３ 年", (36, 0)),
        ("两年", (24, 0)),
        ("十二个月", (12, 0)),
        ("三十六个月", (36, 0)),
        ("一百八十日", (0, 180)),
        ("一百零五天", (0, 105)),
        ("一八〇天", (0, 180)),
        ("一年零六个月", (18, 0)),
        ("1年6个月15日", (18, 15)),
        ("一千零九十五天", (0, 1095)),
        ("0天", None),
        ("年", None),
        ("", None),
        (None, None),
        ("三年又", None),
        ("自生效之日起三年", None),
        ("6", None),
    ],
)
def test_lengths_as_courts_write_them(text: str | None, period: tuple[int, int] | None) -> None:
    found = waiting_period(text)
    assert (None if found is None else tuple(found)) == period


def test_a_renewal_begins_where_the_term_ends() -> None:
    was = in_force("2020-12-10", "2023-12-09")
    assert as_text(renewed_term(notice(end_date="2026-12-09"), was, NOW)) == ("2020-12-10", "2026-12-09")
    assert as_text(renewed_term(notice(), was, NOW)) == ("2020-12-10", "2026-12-09")
    assert as_text(renewed_term(notice(), was, BEFORE_2015)) == ("2020-12-10", "2024-12-09")


@pytest.mark.parametrize(
    ("was", "now", "term"),
    [
        ({}, {}, ("2020-12-10", "2023-12-09")),
        ({}, {"served": "2020-12-01"}, ("2020-12-10", "2023-12-09")),
        ({}, {"end_date": "2022-01-01"}, ("2020-12-10", "2022-01-01")),
        ({}, {"start_date": "2020-12-08"}, ("2020-12-08", "2023-12-07")),
        ({}, {"start_date": "2020-12-08", "end_date": "2022-01-01"}, ("2020-12-08", "2022-01-01")),
        ({"end_date": "2022-01-01"}, {}, ("2020-12-10", "2023-12-09")),
    ],
)
def test_what_a_change_states_anew_counts(
    was: dict[str, str], now: dict[str, str], term: tuple[str, str]
) -> None:
    before = in_force("2020-12-10", "2023-12-09", **was)
    assert as_text(restated_term(notice(**now), before, NOW)) == term
