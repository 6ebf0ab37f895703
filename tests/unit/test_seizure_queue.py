"""The queue of a house: places, promotion, notices that come late, disposal, conversion, renewal."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from broker.admission.seizures.queue import Placement, Standing, arrange, is_formal
from tests.support.drafts import Exchange, accepted, china, codes, day, deeds


@pytest.fixture
def exchange() -> Exchange:
    """A house that is registered."""
    exchange = Exchange()
    assert accepted(exchange.unit())
    return exchange


# -- pure ----------------------------------------------------------------------------------------------------------


def at(microsecond: int) -> datetime:
    return datetime(2021, 1, 1, microsecond=microsecond, tzinfo=UTC)


def test_places_go_by_service_then_by_id() -> None:
    line = [
        Standing("c", at(5), formal=True),
        Standing("b", at(5), formal=False),
        Standing("a", at(6), formal=False),
        Standing("z", at(4), formal=False),
    ]
    expected = {
        "z": Placement(1, formal=False),
        "b": Placement(2, formal=False),
        "c": Placement(3, formal=True),
        "a": Placement(4, formal=False),
    }
    for order in permutations(line):
        assert list(arrange(order).items()) == list(expected.items())
    assert arrange([]) == {}


@pytest.mark.parametrize(
    ("place", "formal", "kind", "status"),
    [
        (1, True, "1", "EFFECTIVE"),
        (2, True, "2", "WAITING"),
        (9, True, "2", "WAITING"),
        (1, False, "3", "EFFECTIVE"),
        (2, False, "4", "WAITING"),
    ],
)
def test_what_a_place_makes_of_it(place: int, formal: bool, kind: str, status: str) -> None:
    placement = Placement(place, formal)
    assert (placement.kind, placement.status) == (kind, status)


@pytest.mark.parametrize(
    ("kind", "was", "formal"),
    [
        ("1", None, True),
        ("2", None, True),
        ("3", None, False),
        ("4", None, False),
        ("5", None, True),
        ("1", ("3", "3"), True),
        ("3", ("1", "1"), False),
        ("3", ("3", "3"), False),
        ("3", ("3", "1"), True),
        ("4", ("3", "2"), True),
        ("5", ("3", "3"), False),
        ("5", ("3", "1"), True),
        ("3", ("5", "3"), False),
        ("3", ("3", None), False),
    ],
)
def test_what_is_formal(kind: str, was: tuple[str, str | None] | None, formal: bool) -> None:
    before = {"kind": was[0], "effective_kind": was[1]} if was else None
    assert is_formal({"kind": kind}, before) is formal


# -- places ---------------------------------------------------------------------------------------------------------


def test_the_first_is_in_force_and_the_others_wait(exchange: Exchange) -> None:
    for name, kind in (("A", "1"), ("B", "2"), ("C", "4"), ("D", "3")):
        exchange.seize(name, f"2020-12-0{ord(name) - 64}", kind=kind)
    assert exchange.queue() == [("A", "1"), ("B", "2"), ("C", "4"), ("D", "4")]
    assert [exchange.status(name) for name in "ABCD"] == ["EFFECTIVE", "WAITING", "WAITING", "WAITING"]
    assert exchange.term("A") == ("2020-12-01", "2023-11-30")
    assert [exchange.term(name) for name in "BCD"] == [None] * 3
    assert deeds(exchange.emissions) == [(name, "SEIZED") for name in "ABCD"]
    assert exchange.state("seizure", "B")["bound_house_code"] == exchange.state("seizure", "B")["house_code"]


def test_a_waiting_kind_alone_is_in_force(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", kind="4")
    assert exchange.queue() == [("A", "3")]
    assert exchange.status("A") == "EFFECTIVE"


@pytest.mark.parametrize("order", list(permutations("ABC")))
def test_the_queue_is_that_of_service_whatever_comes_first(
    exchange: Exchange, order: tuple[str, ...]
) -> None:
    served = {"A": "2020-12-01T09:00:00.001", "B": "2020-12-01T09:00:00.001", "C": "2020-12-01T09:00:00.002"}
    for name in order:
        exchange.seize(name, served[name])
    assert exchange.queue() == [("A", "1"), ("B", "2"), ("C", "2")]
    assert [exchange.status(name) for name in "ABC"] == ["EFFECTIVE", "WAITING", "WAITING"]
    assert [exchange.term(name) is not None for name in "ABC"] == [True, False, False]


def test_a_notice_served_earlier_that_comes_later_goes_first(exchange: Exchange) -> None:
    exchange.seize("B", "2020-12-05", end="2021-12-04")
    exchange.seize("C", "2020-12-06")
    verdict = exchange.seize("A", "2020-12-01", start="2020-12-02", end="2022-12-01")
    assert deeds(verdict.emissions) == [("A", "SEIZED"), ("B", "REQUEUED"), ("C", "REQUEUED")]
    assert exchange.queue() == [("A", "1"), ("B", "2"), ("C", "2")]
    assert exchange.term("A") == ("2020-12-02", "2022-12-01")
    assert exchange.term("B") is None
    assert exchange.conflicts() == [("SEIZURE_ORDER", ["A", "B"])]


def test_a_notice_that_comes_between_moves_only_those_behind(exchange: Exchange) -> None:
    for name, served in (("A", "2020-12-01"), ("C", "2020-12-03"), ("D", "2020-12-04")):
        exchange.seize(name, served)
    verdict = exchange.seize("B", "2020-12-02")
    assert deeds(verdict.emissions) == [("B", "SEIZED"), ("C", "REQUEUED"), ("D", "REQUEUED")]
    assert exchange.queue() == [("A", "1"), ("B", "2"), ("C", "2"), ("D", "2")]
    assert exchange.conflicts() == []


def test_the_conflict_of_order_ends_with_one_of_its_sides(exchange: Exchange) -> None:
    exchange.seize("B", "2020-12-05")
    exchange.seize("A", "2020-12-01")
    exchange.release("A")
    assert exchange.conflicts() == []
    assert exchange.queue() == [("B", "1")]


def test_events_that_follow_have_ids_of_their_cause_and_its_time(exchange: Exchange) -> None:
    exchange.seize("B", "2020-12-05")
    verdict = exchange.at("2021-02-02").seize("A", "2020-12-01")
    own, follower, *_ = verdict.emissions
    assert follower.body["event_id"] != own.body["event_id"]
    assert follower.body["occurred_at"] == china("2021-02-02")
    assert (follower.body["version"], follower.revision) == (1, 2)
    assert len({emission.body["event_id"] for emission in exchange.emissions}) == len(exchange.emissions)


# -- change ---------------------------------------------------------------------------------------------------------


def test_a_corrected_time_of_service_arranges_the_queue_anew(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", end="2021-11-30")
    exchange.seize("B", "2020-12-02")
    verdict = exchange.at("2021-01-05").change("A", served_at=china("2020-12-03"))
    assert deeds(verdict.emissions) == [("A", "CHANGED"), ("B", "PROMOTED")]
    assert (exchange.status("A"), exchange.term("A")) == ("WAITING", None)
    assert exchange.term("B") == ("2021-01-05", "2024-01-04")
    verdict = exchange.change("A", served_at=china("2020-11-03"))
    assert deeds(verdict.emissions) == [("A", "CHANGED"), ("B", "REQUEUED")]
    assert exchange.term("A") == ("2020-11-03", "2021-11-30")


def test_a_changed_kind_counts(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", kind="1")
    exchange.change("A", kind="3")
    assert exchange.queue() == [("A", "3")]
    exchange.change("A", kind="2")
    assert exchange.queue() == [("A", "1")]


def test_a_change_of_something_else_leaves_place_and_term(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01")
    exchange.seize("B", "2020-12-02")
    exchange.at("2021-03-01").release("A")
    term = exchange.term("B")
    verdict = exchange.at("2021-04-01").change("B", scope="房屋全部及附属设施")
    assert deeds(verdict.emissions) == [("B", "CHANGED")]
    assert exchange.term("B") == term == ("2021-03-01", "2024-02-29")


def test_a_corrected_end_counts_at_once(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01")
    exchange.change("A", end_date=day("2021-06-30"))
    assert exchange.term("A") == ("2020-12-01", "2021-06-30")
    exchange.at("2021-07-01").sweep()
    assert exchange.status("A") == "EXPIRED"


# -- release --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("disposal", [None, "PARTIAL"])
def test_release_promotes_the_next_from_that_day(exchange: Exchange, disposal: str | None) -> None:
    for name, served in (("A", "2020-12-01"), ("B", "2020-12-02"), ("C", "2020-12-03")):
        exchange.seize(name, served, waiting_term="1年")
    verdict = exchange.at("2021-02-28T23:59").release("A", disposal)
    assert deeds(verdict.emissions) == [("A", "RELEASED"), ("B", "PROMOTED"), ("C", "REQUEUED")]
    assert exchange.queue() == [("B", "1"), ("C", "2")]
    assert exchange.term("B") == ("2021-02-28", "2022-02-27")
    released = exchange.state("seizure", "A")
    assert (released["queue_place"], released["effective_kind"], released["status"]) == (
        None,
        None,
        "RELEASED",
    )


def test_disposal_of_the_whole_ends_all_that_wait(exchange: Exchange) -> None:
    for name, served in (("A", "2020-12-01"), ("B", "2020-12-02"), ("C", "2020-12-03")):
        exchange.seize(name, served)
    verdict = exchange.release("A", "WHOLE")
    assert deeds(verdict.emissions) == [("A", "RELEASED"), ("B", "LAPSED"), ("C", "LAPSED")]
    assert exchange.queue() == []
    assert [exchange.status(name) for name in "BC"] == ["LAPSED", "LAPSED"]
    exchange.seize("D", "2020-12-04")
    assert exchange.queue() == [("D", "1")]


def test_one_that_waits_disposes_of_nothing(exchange: Exchange) -> None:
    for name, served in (("A", "2020-12-01"), ("B", "2020-12-02"), ("C", "2020-12-03")):
        exchange.seize(name, served)
    verdict = exchange.release("B", "WHOLE")
    assert deeds(verdict.emissions) == [("B", "RELEASED"), ("C", "REQUEUED")]
    assert exchange.queue() == [("A", "1"), ("C", "2")]


def test_one_that_was_displaced_comes_back_with_what_it_stated(exchange: Exchange) -> None:
    exchange.seize("B", "2020-12-05", start="2020-12-05", end="2021-12-04")
    exchange.seize("A", "2020-12-01")
    exchange.at("2021-06-01").release("A")
    assert exchange.term("B") == ("2021-06-01", "2022-05-31")


def test_what_has_ended_stays_so(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01")
    exchange.release("A")
    for verdict in (
        exchange.change("A", scope="另一范围"),
        exchange.renew("A", "2025-01-01"),
        exchange.release("A"),
    ):
        assert codes(verdict) == ["ILLEGAL_TRANSITION"]


# -- conversion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["TITLE", "TRANSFER_COMPLETED"])
def test_registration_turns_pre_seizures_into_seizures_and_keeps_the_term(
    exchange: Exchange, kind: str
) -> None:
    for name, told in (("A", "3"), ("B", "1"), ("C", "4")):
        exchange.seize(name, f"2020-12-0{ord(name) - 64}", kind=told)
    term = exchange.term("A")
    verdict = exchange.at("2021-05-01").title(kind)
    assert deeds(verdict.emissions) == [("A", "CONVERTED"), ("C", "CONVERTED")]
    assert exchange.queue() == [("A", "1"), ("B", "2"), ("C", "2")]
    assert exchange.term("A") == term == ("2020-12-01", "2023-11-30")
    assert [exchange.status(name) for name in "ABC"] == ["EFFECTIVE", "WAITING", "WAITING"]
    exchange.seize("D", "2021-04-01", kind="3")
    assert exchange.queue()[-1] == ("D", "2")


@pytest.mark.parametrize(
    ("kind", "rights"), [("PRE_NOTICE", "1"), ("OBJECTION", "1"), ("TITLE", "0"), ("TITLE", "2")]
)
def test_other_registrations_turn_nothing(exchange: Exchange, kind: str, rights: str) -> None:
    exchange.seize("A", "2020-12-01", kind="3")
    assert deeds(exchange.title(kind, rights).emissions) == []
    assert exchange.queue() == [("A", "3")]


def test_a_title_that_becomes_current_converts_too(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", kind="3")
    exchange.title("TITLE", "0")
    exchange.title("TITLE", "1", "CHANGED")
    assert exchange.queue() == [("A", "1")]


def test_what_was_converted_stays_a_seizure(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", kind="3")
    exchange.seize("B", "2020-12-02", kind="4")
    exchange.title()
    exchange.title(event_type="CANCELLED")
    exchange.change("A", scope="另一范围")
    exchange.seize("C", "2020-12-03", kind="4")
    assert exchange.queue() == [("A", "1"), ("B", "2"), ("C", "4")]
    exchange.release("A")
    assert exchange.queue() == [("B", "1"), ("C", "4")]


def test_a_promoted_pre_seizure_is_one(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01")
    exchange.seize("B", "2020-12-02", kind="4")
    exchange.release("A")
    assert exchange.queue() == [("B", "3")]


# -- renewal --------------------------------------------------------------------------------------------------------


def test_a_renewal_moves_the_end_alone(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", end="2021-11-30")
    exchange.seize("B", "2020-12-02")
    verdict = exchange.at("2021-11-30T23:59:59").renew("A", "2024-11-30", kind="5")
    assert accepted(verdict)
    assert deeds(verdict.emissions) == [("A", "RENEWED")]
    assert exchange.term("A") == ("2020-12-01", "2024-11-30")
    assert exchange.queue() == [("A", "1"), ("B", "2")]
    exchange.renew("A", "2027-11-30")
    assert exchange.term("A") == ("2020-12-01", "2027-11-30")


def test_a_renewal_of_a_pre_seizure_is_still_one(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", end="2021-11-30", kind="3")
    exchange.renew("A", "2022-11-30", kind="5")
    assert exchange.queue() == [("A", "3")]


def test_a_renewal_after_the_end_is_too_late(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01", end="2021-11-30")
    exchange.seize("B", "2020-12-02")
    verdict = exchange.at("2021-12-01T00:00").renew("A", "2024-11-30")
    assert codes(verdict) == ["ILLEGAL_TRANSITION"]
    assert deeds(verdict.fired) == [("A", "EXPIRED"), ("B", "PROMOTED")]


def test_one_that_waits_cannot_be_renewed(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01")
    exchange.seize("B", "2020-12-02")
    assert codes(exchange.renew("B", "2024-11-30")) == ["ILLEGAL_TRANSITION"]


# -- what the law says ----------------------------------------------------------------------------------------------

SEIZED: Any = [
    ({"kind": "5"}, ["RENEWAL_IS_AN_EVENT"]),
    ({"house_code": None}, ["NO_TARGET"]),
    ({"end": "2023-12-09"}, []),
    ({"end": "2023-12-10"}, ["TERM_TOO_LONG"]),
    ({"start": "2020-12-12", "end": "2023-12-11"}, []),
    ({"start": "2020-12-12", "end": "2023-12-12"}, ["TERM_TOO_LONG"]),
    ({"end": "9999-12-31", "kind": "5"}, ["RENEWAL_IS_AN_EVENT", "TERM_TOO_LONG"]),
    ({"waiting_term": "5年"}, []),
    ({"served": "2015-02-03", "end": "2017-02-02"}, []),
    ({"served": "2015-02-03", "end": "2017-02-03"}, ["TERM_TOO_LONG"]),
    ({"served": "2015-02-04", "end": "2018-02-03"}, []),
]


@pytest.mark.parametrize(("told", "found"), SEIZED)
def test_what_a_notice_may_say(exchange: Exchange, told: dict[str, Any], found: list[str]) -> None:
    verdict = exchange.seize("A", **({"served": "2020-12-10"} | told))
    assert (codes(verdict), accepted(verdict)) == (found, not found)


@pytest.mark.parametrize(("told", "found"), SEIZED)
def test_stock_data_are_only_warned_of(exchange: Exchange, told: dict[str, Any], found: list[str]) -> None:
    verdict = exchange.seize("A", baseline=True, **({"served": "2020-12-10"} | told))
    assert (codes(verdict), accepted(verdict)) == (found, True)


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ("2023-11-30", ["RENEWAL_TOO_SHORT"]),
        ("2023-12-01", []),
        ("2026-11-30", []),
        ("2026-12-01", ["TERM_TOO_LONG"]),
        (None, ["RENEWAL_TOO_SHORT"]),
    ],
)
def test_what_a_renewal_may_say(exchange: Exchange, end: str | None, found: list[str]) -> None:
    exchange.seize("A", "2020-12-01")
    assert codes(exchange.renew("A", end)) == found


def test_the_reason_names_the_law_of_that_time(exchange: Exchange) -> None:
    older, newer = (exchange.seize("A", served, end="2029-01-01") for served in ("2010-01-01", "2020-01-01"))
    assert older.reasons[0].legal_basis.startswith("法发〔2004〕5号")
    assert "485" in newer.reasons[0].legal_basis or "四百八十" in newer.reasons[0].legal_basis
    assert older.reasons[0].rule_version is not None


def test_a_change_may_keep_a_renewed_end_but_not_lengthen_it(exchange: Exchange) -> None:
    exchange.seize("A", "2020-12-01")
    exchange.renew("A", "2026-11-30")
    assert accepted(exchange.change("A", scope="另一范围"))
    assert exchange.term("A") == ("2020-12-01", "2026-11-30")
    assert accepted(exchange.change("A", end_date=day("2025-11-30")))
    assert exchange.term("A") == ("2020-12-01", "2025-11-30")
    assert codes(exchange.change("A", end_date=day("2026-11-30"))) == ["TERM_TOO_LONG"]


def test_stock_data_may_begin_with_a_renewal(exchange: Exchange) -> None:
    verdict = exchange.send(
        "seizure",
        "RENEWED",
        "A",
        baseline=True,
        version=4,
        served_at=china("2019-01-01"),
        start_date=None,
        end_date=day("2025-01-01"),
    )
    assert accepted(verdict)
    assert exchange.term("A") == ("2019-01-01", "2025-01-01")
