"""What the end of a term brings about, whoever comes first and however late: expiry, promotion, the end of a listing."""

from typing import Any

import pytest

from broker.admission.model import EntityKey, Outcome
from broker.admission.timers import expiry
from tests.support.drafts import Exchange, accepted, china, codes, day, deeds, timer_id


@pytest.fixture
def exchange() -> Exchange:
    """A house that is registered."""
    exchange = Exchange("2020-12-20")
    assert accepted(exchange.unit())
    return exchange


def three_waiting(exchange: Exchange) -> None:
    """A until 9 January 2021, then B for ten days, C for one year, D up to the limit."""
    exchange.seize("A", "2020-12-10", end="2021-01-09")
    exchange.seize("B", "2020-12-11", waiting_term="10天")
    exchange.seize("C", "2020-12-12", waiting_term="1年")
    exchange.seize("D", "2020-12-13")


def test_a_seizure_is_in_force_to_the_end_of_its_last_day(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10", end="2021-01-09")
    assert exchange.at("2021-01-09T23:59:59.999999").sweep() == []
    assert exchange.unit("CHANGED").fired == ()
    assert exchange.status("A") == "EFFECTIVE"
    (verdict,) = exchange.at("2021-01-10T00:00").sweep()
    assert deeds(verdict.emissions) == [("A", "EXPIRED")]
    ended = exchange.state("seizure", "A")
    assert (ended["status"], ended["queue_place"], ended["effective_kind"]) == ("EXPIRED", None, None)
    assert ended["effective_until"] == day("2021-01-09")
    assert (ended["occurred_at"], ended["event_id"]) == (
        china("2021-01-10T00:00"),
        timer_id("A", "2021-01-09"),
    )


def test_the_next_is_in_force_from_the_day_after(exchange: Exchange) -> None:
    three_waiting(exchange)
    (verdict,) = exchange.at("2021-01-10T08:00").sweep()
    assert deeds(verdict.emissions) == [
        ("A", "EXPIRED"),
        ("B", "PROMOTED"),
        ("C", "REQUEUED"),
        ("D", "REQUEUED"),
    ]
    assert exchange.term("B") == ("2021-01-10", "2021-01-19")
    assert {e.body["occurred_at"] for e in verdict.emissions if e.key.subject == "seizure"} == {
        china("2021-01-10T00:00")
    }


CHAIN = [
    ("A", "EXPIRED"),
    ("B", "PROMOTED"),
    ("C", "REQUEUED"),
    ("D", "REQUEUED"),
    ("B", "EXPIRED"),
    ("C", "PROMOTED"),
    ("D", "REQUEUED"),
    ("C", "EXPIRED"),
    ("D", "PROMOTED"),
]


@pytest.mark.parametrize(
    ("until", "length", "queue", "term"),
    [
        ("2021-01-10", 4, ["B", "C", "D"], ("2021-01-10", "2021-01-19")),
        ("2021-01-19", 4, ["B", "C", "D"], ("2021-01-10", "2021-01-19")),
        ("2021-01-20", 7, ["C", "D"], ("2021-01-20", "2022-01-19")),
        ("2022-01-20", 9, ["D"], ("2022-01-20", "2025-01-19")),
        ("2025-01-19", 9, ["D"], ("2022-01-20", "2025-01-19")),
    ],
)
def test_after_a_long_silence_the_chain_goes_on(
    exchange: Exchange, until: str, length: int, queue: list[str], term: tuple[str, str]
) -> None:
    three_waiting(exchange)
    verdict = exchange.at(until).send("unit", "CHANGED", exchange.state("seizure", "A")["house_code"])
    assert accepted(verdict)
    assert deeds(verdict.fired) == CHAIN[:length]
    assert [name for name, _ in exchange.queue()] == queue
    assert exchange.term(queue[0]) == term


def test_a_chain_may_end_the_queue(exchange: Exchange) -> None:
    three_waiting(exchange)
    exchange.at("2030-01-01").sweep()
    assert exchange.queue() == []
    assert [exchange.status(name) for name in "ABCD"] == ["EXPIRED"] * 4
    ids = [emission.body["event_id"] for emission in exchange.emissions]
    assert len(set(ids)) == len(ids)
    assert {timer_id("B", "2021-01-19"), timer_id("C", "2022-01-19"), timer_id("D", "2025-01-19")} <= set(ids)


@pytest.mark.parametrize(
    "steps", [["2021-01-10", "2021-01-20", "2022-01-20"], ["2021-06-01", "2022-06-01"], ["2023-01-01"]]
)
def test_how_often_somebody_looks_makes_no_difference(exchange: Exchange, steps: list[str]) -> None:
    three_waiting(exchange)
    before = len(exchange.emissions)
    for step in steps:
        exchange.at(step).sweep()
    exchange.at("2023-01-01").sweep()
    seizures = [e for e in exchange.emissions[before:] if e.key.subject == "seizure"]
    assert deeds(seizures) == CHAIN
    assert [e.body["occurred_at"] for e in seizures if e.body["event_type"] == "EXPIRED"] == [
        china("2021-01-10T00:00"),
        china("2021-01-20T00:00"),
        china("2022-01-20T00:00"),
    ]
    assert exchange.term("D") == ("2022-01-20", "2025-01-19")


def test_the_sweep_after_a_record_is_a_duplicate(exchange: Exchange) -> None:
    three_waiting(exchange)
    name = EntityKey("seizure", "A")
    call = exchange.call(name, expiry("A", exchange.state(*name)["effective_until"]))
    exchange.at("2021-01-10").unit("CHANGED")
    assert exchange.decide("internal", "seizure", call).outcome is Outcome.DUPLICATE
    assert exchange.decide("internal", "seizure", call).emissions == ()


def test_what_is_due_happens_even_if_the_record_is_refused(exchange: Exchange) -> None:
    three_waiting(exchange)
    verdict = exchange.at("2021-01-10").renew("A", "2022-01-01")
    assert codes(verdict) == ["ILLEGAL_TRANSITION"]
    assert deeds(verdict.fired) == CHAIN[:4]


def test_a_call_for_a_term_that_was_renewed_is_not_due(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10", end="2021-01-09")
    name = EntityKey("seizure", "A")
    call = exchange.call(name, expiry("A", exchange.state(*name)["effective_until"]))
    exchange.at("2021-01-09").renew("A", "2022-01-09")
    verdict = exchange.at("2021-01-10").decide("internal", "seizure", call)
    assert (codes(verdict), verdict.emissions) == (["NOT_DUE"], ())
    exchange.at("2022-01-10").sweep()
    assert exchange.status("A") == "EXPIRED"


def test_a_released_one_has_no_timer(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10", end="2021-01-09")
    exchange.release("A")
    assert exchange.at("2021-02-01").sweep() == []
    assert exchange.status("A") == "RELEASED"


def test_a_requeued_one_has_none_until_it_is_promoted(exchange: Exchange) -> None:
    exchange.seize("B", "2020-12-12", start="2020-12-12", end="2020-12-21")
    exchange.seize("A", "2020-12-11", end="2021-01-09")
    exchange.at("2021-01-01").sweep()
    assert exchange.status("B") == "WAITING"
    exchange.at("2021-01-10").sweep()
    assert exchange.term("B") == ("2021-01-10", "2021-01-19")


def test_an_early_notice_may_come_when_the_first_is_over(exchange: Exchange) -> None:
    exchange.seize("B", "2020-12-12", end="2021-01-09")
    verdict = exchange.at("2021-01-10").seize("A", "2020-12-11")
    assert deeds(verdict.fired) == [("B", "EXPIRED")]
    assert deeds(verdict.emissions) == [("A", "SEIZED")]
    assert exchange.conflicts() == []


def test_a_term_without_end_is_never_due(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-10", end="9999-12-31", baseline=True)
    assert exchange.at("2199-01-01").unit("CHANGED").fired == ()
    assert exchange.status("A") == "EFFECTIVE"


# -- listings -------------------------------------------------------------------------------------------------------


def listed(exchange: Exchange, expires: str | None) -> None:
    verdict = exchange.send("defaulter", "LISTED", "L", version=1, expires_on=day(expires))
    assert accepted(verdict)


def test_a_listing_ends_by_itself(exchange: Exchange) -> None:
    listed(exchange, "2021-01-09")
    assert exchange.at("2021-01-09T23:59").sweep() == []
    (verdict,) = exchange.at("2021-01-10T00:00").sweep()
    (ended,) = verdict.emissions
    assert (ended.status, ended.body["event_id"]) == ("EXPIRED", timer_id("L", "2021-01-09"))
    assert ended.body["occurred_at"] == china("2021-01-10T00:00")


@pytest.mark.parametrize("expires", [None, "2021-01-09", "9999-12-30"])
def test_a_court_may_still_take_somebody_off(exchange: Exchange, expires: str | None) -> None:
    listed(exchange, expires)
    verdict = exchange.at("2021-02-01").send("defaulter", "REMOVED", "L")
    assert accepted(verdict)
    assert deeds(verdict.fired, "defaulter") == ([("L", "EXPIRED")] if expires == "2021-01-09" else [])


@pytest.mark.parametrize("change", [{"expires_on": None}, {"expires_on": day("2022-01-09")}])
def test_a_listing_that_was_lengthened_is_not_due(exchange: Exchange, change: dict[str, Any]) -> None:
    listed(exchange, "2021-01-09")
    name = EntityKey("defaulter", "L")
    call = exchange.call(name, expiry("L", exchange.state(*name)["expires_on"]))
    exchange.send("defaulter", "CHANGED", "L", **change)
    verdict = exchange.at("2021-01-10").decide("internal", "defaulter", call)
    assert (codes(verdict), verdict.emissions) == (["NOT_DUE"], ())


def test_the_sweep_of_an_ended_listing_is_a_duplicate(exchange: Exchange) -> None:
    listed(exchange, "2021-01-09")
    name = EntityKey("defaulter", "L")
    call = exchange.call(name, expiry("L", exchange.state(*name)["expires_on"]))
    exchange.at("2021-01-10").send("defaulter", "CHANGED", "L")
    assert exchange.decide("internal", "defaulter", call).outcome is Outcome.DUPLICATE
