"""The model's queue of seizures, over histories written by hand from the domain page 3.2: order, terms, time, held ones."""

from datetime import date, timedelta
from typing import Any

import pytest

from producers.simulator.model_queue import expiry_id
from producers.simulator.model_terms import Span
from tests.unit.simulator_history import NOON, History

DAY = timedelta(days=1)
MONTH_END = date(2021, 6, 30)


def span(history: History, entity_id: str) -> Span | None:
    return history.model.world.entities["seizure", entity_id].seizure.span


def statuses(history: History) -> dict[str, str]:
    entities = history.model.world.entities
    return {key[1]: entity.status for key, entity in entities.items() if key[0] == "seizure"}


def three(**of_first: Any) -> History:
    """Three seizures of a house, served one after the other."""
    history = History().unit().seizure("SEIZED", 1, "Z1", **of_first).later(hours=1)
    return history.seizure("SEIZED", 1, "Z2").later(hours=1).seizure("SEIZED", 1, "Z3")


def test_the_first_is_in_force_and_the_others_wait_without_a_term() -> None:
    history = three()
    assert statuses(history) == {"Z1": "EFFECTIVE", "Z2": "WAITING", "Z3": "WAITING"}
    assert span(history, "Z1") == Span(date(2021, 6, 1), date(2024, 5, 31))
    assert span(history, "Z2") is None


def test_a_release_promotes_the_next_from_that_day() -> None:
    history = three().later(days=10).seizure("RELEASED", 2, "Z1")
    assert history.last() == ["Z1 RELEASED RELEASED", "Z2 PROMOTED EFFECTIVE", "Z3 REQUEUED WAITING"]
    assert span(history, "Z2") == Span(date(2021, 6, 11), date(2024, 6, 10))


@pytest.mark.parametrize(
    ("stated", "until"),
    [
        ({"waiting_term": "180天"}, date(2021, 12, 7)),
        ({"waiting_term": "36个月"}, date(2024, 6, 10)),
        ({"waiting_term": "1年"}, date(2022, 6, 10)),
        ({"waiting_term": "5年"}, date(2024, 6, 10)),
        ({"waiting_term": "酌定"}, date(2024, 6, 10)),
        ({"start_date": date(2021, 6, 1), "end_date": date(2021, 6, 30)}, date(2021, 7, 10)),
    ],
)
def test_a_promoted_seizure_runs_as_long_as_it_states_up_to_the_limit(
    stated: dict[str, Any], until: date
) -> None:
    history = History().unit().seizure("SEIZED", 1).later(hours=1).seizure("SEIZED", 1, "Z2", **stated)
    history.later(days=10).seizure("RELEASED", 2)
    assert span(history, "Z2") == Span(date(2021, 6, 11), until)


def test_a_release_of_one_that_waits_moves_those_behind_it() -> None:
    assert three().seizure("RELEASED", 2, "Z2").last() == ["Z2 RELEASED RELEASED", "Z3 REQUEUED WAITING"]


@pytest.mark.parametrize(
    ("disposal", "events"),
    [
        ("WHOLE", ["Z2 LAPSED LAPSED", "Z3 LAPSED LAPSED"]),
        ("PARTIAL", ["Z2 PROMOTED EFFECTIVE", "Z3 REQUEUED WAITING"]),
    ],
)
def test_a_disposal_of_the_whole_ends_all_that_wait_and_one_of_a_part_does_not(
    disposal: str, events: list[str]
) -> None:
    assert three().seizure("RELEASED", 2, "Z1", disposal=disposal).last()[1:] == events


def test_a_notice_served_earlier_that_arrives_later_takes_the_first_place() -> None:
    history = three().seizure("SEIZED", 1, "Z0", served_at=NOON - DAY)
    assert history.last() == [
        "Z0 SEIZED EFFECTIVE",
        "Z1 REQUEUED WAITING",
        "Z2 REQUEUED WAITING",
        "Z3 REQUEUED WAITING",
        "SEIZURE_ORDER RAISED OPEN",
    ]
    assert span(history, "Z0") == Span(date(2021, 5, 31), date(2024, 5, 30))
    assert span(history, "Z1") is None


def test_a_changed_time_of_service_arranges_the_queue_anew() -> None:
    history = three().seizure("CHANGED", 2, "Z3", served_at=NOON + timedelta(minutes=1))
    assert history.last() == ["Z3 CHANGED WAITING", "Z2 REQUEUED WAITING"]


def test_terms_run_out_by_the_time_of_the_next_decision_whatever_becomes_of_that() -> None:
    history = three(end_date=MONTH_END).later(days=29).seizure("SEIZED", 7, "Z9")
    assert history.last() == [], "the last day is a day of the term"
    history.later(days=1).seizure("SEIZED", 7, "Z8")
    judged = history.judged()[-1]
    assert history.last() == ["Z1 EXPIRED EXPIRED", "Z2 PROMOTED EFFECTIVE", "Z3 REQUEUED WAITING"]
    assert (judged.outcome, judged.codes) == ("REFUSED", frozenset({"VERSION_GAP"}))
    assert not judged.revisions
    assert judged.fired[0].event_id == expiry_id("Z1", MONTH_END)
    assert span(history, "Z2") == Span(date(2021, 7, 1), date(2024, 6, 30))


def test_a_whole_chain_runs_out_at_once_each_from_the_day_after_the_one_before() -> None:
    history = History().unit().seizure("SEIZED", 1, "Z1", end_date=MONTH_END).later(hours=1)
    history.seizure("SEIZED", 1, "Z2", waiting_term="10天").seizure("SEIZED", 1, "Z3")
    history.later(days=100).seizure("SEIZED", 7, "Z9")
    assert history.last() == [
        *("Z1 EXPIRED EXPIRED", "Z2 PROMOTED EFFECTIVE", "Z3 REQUEUED WAITING"),
        *("Z2 EXPIRED EXPIRED", "Z3 PROMOTED EFFECTIVE"),
    ]
    assert span(history, "Z3") == Span(date(2021, 7, 11), date(2024, 7, 10))


def test_a_duplicate_lets_nothing_happen() -> None:
    history = three(end_date=MONTH_END).later(days=100).again(1)
    assert (history.judged()[-1].outcome, history.last()) == ("DUPLICATE", [])


def test_a_renewal_needs_the_first_place_and_moves_the_last_day() -> None:
    history = three(end_date=MONTH_END).seizure("RENEWED", 2, "Z2", end_date=date(2022, 1, 1))
    history.seizure("RENEWED", 2, "Z1", end_date=date(2024, 6, 30))
    assert history.words()[-2:] == ["ILLEGAL_TRANSITION", "ACCEPTED 2"]
    assert span(history, "Z1") == Span(date(2021, 6, 1), date(2024, 6, 30))


@pytest.mark.parametrize(
    ("end", "code"),
    [(MONTH_END, "RENEWAL_TOO_SHORT"), (None, "RENEWAL_TOO_SHORT"), (date(2024, 7, 1), "TERM_TOO_LONG")],
)
def test_renewals_that_are_too_short_or_too_long(end: date | None, code: str) -> None:
    assert three(end_date=MONTH_END).seizure("RENEWED", 2, end_date=end).words()[-1] == code


def test_after_its_last_day_a_seizure_cannot_be_renewed() -> None:
    history = three(end_date=MONTH_END).later(days=60).seizure("RENEWED", 2, end_date=date(2024, 6, 30))
    assert history.words()[-1] == "ILLEGAL_TRANSITION"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"end_date": date(2024, 5, 31)}, "ACCEPTED 1"),
        ({"end_date": date(2024, 6, 1)}, "TERM_TOO_LONG"),
        ({"start_date": date(2021, 7, 1), "end_date": date(2024, 6, 30)}, "ACCEPTED 1"),
        ({"served_at": NOON.replace(year=2014), "end_date": date(2016, 6, 1)}, "TERM_TOO_LONG"),
        ({"kind": "5"}, "RENEWAL_IS_AN_EVENT"),
    ],
)
def test_what_a_notice_may_say(said: dict[str, Any], code: str) -> None:
    assert History().unit().seizure("SEIZED", 1, **said).words()[-1] == code


# --- pre-seizures ----------------------------------------------------------------------------------------------------


def kinds(history: History) -> dict[str, str | None]:
    entities = history.model.world.entities
    return {key[1]: one.seizure.kind for key, one in entities.items() if key[0] == "seizure"}


def test_pre_seizures_become_formal_with_the_title_and_keep_their_term() -> None:
    history = (
        History().unit().seizure("SEIZED", 1, kind="3").later(hours=1).seizure("SEIZED", 1, "Z2", kind="4")
    )
    assert kinds(history) == {"Z1": "3", "Z2": "4"}
    before = span(history, "Z1")
    history.later(days=9).title("REGISTERED", 1)
    assert history.last() == ["T1 REGISTERED ACTIVE", "Z1 CONVERTED EFFECTIVE", "Z2 CONVERTED WAITING"]
    assert (kinds(history), span(history, "Z1")) == ({"Z1": "1", "Z2": "2"}, before)
    assert kinds(history.seizure("SEIZED", 1, "Z3", kind="4"))["Z3"] == "2"


@pytest.mark.parametrize("said", [{"title_kind": "PRE_NOTICE"}, {"rights_status_code": "0"}])
def test_a_pre_notice_or_a_title_that_is_not_current_converts_nothing(said: dict[str, Any]) -> None:
    history = History().unit().seizure("SEIZED", 1, kind="3").title("REGISTERED", 1, **said)
    assert kinds(history) == {"Z1": "3"}


# --- held ------------------------------------------------------------------------------------------------------------


def test_seizures_of_a_house_that_is_not_known_take_their_places_when_it_is() -> None:
    history = History().seizure("SEIZED", 1, "Z2").seizure("SEIZED", 1, "Z1", served_at=NOON - DAY)
    assert history.events() == ["Z2 SEIZED HELD", "Z1 SEIZED HELD"]
    assert history.unit().last() == ["Z1 BOUND EFFECTIVE", "Z2 BOUND WAITING"]


def named(**target: Any) -> History:
    """A seizure that names no house."""
    return History().seizure("SEIZED", 1, house=None, **target)


def test_a_seizure_of_a_contract_waits_for_it_and_is_handed_over() -> None:
    history = named(contract_no="S1")
    assert (history.last(), history.model.open) == (["Z1 SEIZED HELD"], {})
    history.unit().sale("SIGNED", 1)
    assert [asked.word.event_type for asked in history.judged()[-1].asked] == ["BOUND"]
    history.answer()
    assert history.words()[-2:] == ["ACCEPTED None", "ACCEPTED 2"], "handed over, then bound"
    assert history.last() == ["Z1 BOUND EFFECTIVE", "SEIZED_UNIT_SOLD RAISED OPEN"]


def test_a_seizure_of_a_contract_or_realty_unit_that_is_known_is_handed_over_at_once() -> None:
    history = History().unit(realty_unit_no="R1").seizure("SEIZED", 1, house=None, realty_unit_no="R1")
    assert history.answer().last() == ["Z1 BOUND EFFECTIVE"]


def test_after_that_it_is_known_by_its_house_alone() -> None:
    history = (
        History().unit(realty_unit_no="R1").seizure("SEIZED", 1, house=None, realty_unit_no="R1").answer()
    )
    history.seizure("CHANGED", 2, house=None, realty_unit_no="R1").seizure("CHANGED", 2, realty_unit_no="R1")
    assert history.words()[-2:] == ["REKEY", "ACCEPTED 3"]


def test_one_that_is_held_still_is_not_known_by_a_house() -> None:
    history = named(contract_no="S1")
    history.slot = 1
    assert history.seizure("CHANGED", 2, contract_no="S1").words()[-1] == "STILL_HELD"


def test_a_seizure_that_was_released_meanwhile_is_bound_no_more() -> None:
    history = (
        named(contract_no="S1").unit().sale("SIGNED", 1).seizure("RELEASED", 2, house=None, contract_no="S1")
    )
    assert history.answer().words()[-1] == "MOOT"


def test_the_house_of_a_contract_may_be_unknown_still() -> None:
    history = (
        History()
        .unit()
        .sale("SIGNED", 1)
        .add("bureau", "unit", "WITHDRAWN", "H1", 2, terms={"realty_unit_no": None})
    )
    history.seizure("SEIZED", 1, house=None, contract_no="S1").answer()
    assert history.last() == ["Z1 BOUND HELD"]


# --- the exchange's own call for what is due -------------------------------------------------------------------------


def call(history: History, entity_id: str, last_day: date, subject: str = "seizure") -> str:
    return history.call(subject, entity_id, expiry_id(entity_id, last_day)).words()[-1]


def test_the_sweep_lets_a_term_end_once() -> None:
    history = three(end_date=MONTH_END).later(days=60)
    assert call(history, "Z1", MONTH_END) == "ACCEPTED 2"
    assert history.last() == ["Z1 EXPIRED EXPIRED", "Z2 PROMOTED EFFECTIVE", "Z3 REQUEUED WAITING"]
    assert call(history, "Z1", MONTH_END) == "DUPLICATE"


def test_the_sweep_comes_too_late_or_too_early() -> None:
    history = three(end_date=MONTH_END).later(days=60).seizure("SEIZED", 7, "Z9")
    assert call(history, "Z1", MONTH_END) == "DUPLICATE", "it happened with the record before"
    assert call(three(end_date=MONTH_END), "Z1", MONTH_END) == "NOT_DUE"


def test_what_nobody_asked_for() -> None:
    history = three()
    history.ask_unasked("seizure", "BOUND", "Z1")
    assert history.judged()[-1].outcome == "UNASKED"
