"""The pure parts of the redrive tool: cases, plans, and the order of keys."""

from datetime import timedelta
from typing import Any

import pytest

from broker.admission.decide import decision_id_of
from broker.admission.intake import read
from broker.admission.model import Place
from broker.admission.redriven import headers_of
from broker.errors import ConfigError
from broker.kafka import Record
from qianbei.inspect.quarantine import Quarantined
from qianbei.redrive.cases import Settled, State, case_at
from qianbei.redrive.choosing import Filter, earlier_held, lanes, require_order
from qianbei.redrive.planning import Plan
from tests.support import in_memory
from tests.unit.redrive_world import (
    ACT,
    CATALOGUE,
    HOUSE,
    NOON,
    cases,
    kept,
    planned,
    planner,
    sent_again,
    unit,
)

# --- plans ----------------------------------------------------------------------------------------------------------


def test_the_key_is_worked_out_from_what_the_record_says() -> None:
    plan = planned(kept(5, unit()))
    assert plan.message.topic == "intake.redrive"
    assert plan.key == HOUSE
    assert plan.unfit is None
    assert not plan.edited
    assert plan.candidate is not None
    assert plan.candidate.principal == "bureau"


def test_its_own_headers_go_with_it_and_what_it_says_of_a_redrive_does_not() -> None:
    plan = planned(kept(5, unit()))
    assert plan.message.headers[0] == ("trace", b"7")
    found = sent_again(plan, 0).redriven
    assert (str(found.origin), str(found.place)) == ("intake.bureau/1/5", "intake.bureau/1/5")
    assert (found.operator, found.reason, found.at) == ACT


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "TOMBSTONE"),
        (b"junk", "BAD_MAGIC"),
        (unit()[:-2], "UNDECODABLE"),
        (unit(event_id="x"), "BAD_ENVELOPE"),
    ],
)
def test_what_would_only_be_quarantined_again_is_unfit(value: bytes | None, code: str) -> None:
    plan = planned(kept(5, value))
    assert plan.unfit is not None
    assert plan.unfit.code == code
    edited = planned(kept(5, value), unit())
    assert (edited.unfit, edited.edited, edited.key) == (None, True, HOUSE)


def test_bytes_that_are_not_those_that_were_quarantined_are_unfit() -> None:
    plan = planned(kept(5, unit(), sha256="0" * 64))
    assert plan.unfit is not None
    assert plan.unfit.code == "WRONG_BYTES"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"source": "court"}, "SOURCE_MISMATCH"), ({"event_type": "NO_SUCH"}, "EVENT_NOT_PERMITTED")],
)
def test_a_refusal_that_no_other_record_is_needed_for_is_foreseen(changes: dict[str, Any], code: str) -> None:
    plan = planned(kept(5, unit(**changes)))
    assert plan.refused
    assert [one.code for one in plan.foreseen] == [code]


def test_field_checks_are_foreseen() -> None:
    plan = planned(kept(5, unit(region_code="990000")))
    assert plan.refused
    assert [one.field for one in plan.foreseen] == ["region_code"]


# --- cases ----------------------------------------------------------------------------------------------------------


def test_a_record_that_was_never_sent_again_is_held() -> None:
    (case,) = cases(kept(5, unit()))
    assert (case.state, case.attempts, str(case.origin)) == (State.HELD, (), "intake.bureau/1/5")


def test_it_is_under_way_until_its_attempt_is_answered() -> None:
    one = kept(5, unit())
    attempt = sent_again(planned(one), 3)
    (case,) = cases(one, attempts=(attempt,))
    assert case.state is State.SENT
    settled = Settled(decision_id_of(attempt.place), "ACCEPTED")
    (case,) = cases(one, attempts=(attempt,), settled={case.origin: settled})
    assert (case.state, case.decided_by) == (State.DECIDED, attempt)


def test_one_that_was_quarantined_once_more_is_held_and_its_origin_stays() -> None:
    one = kept(5, b"junk")
    first = planned(one, b"other junk")
    attempt = sent_again(first, 3)
    again = kept(3, b"other junk", 9, place=str(attempt.place), headers=headers_of(attempt.redriven))
    (case,) = cases(again, one, attempts=(attempt,))
    assert (case.state, case.held, case.newest) == (State.HELD, (one, again), again)
    found, held = case_at([case], str(attempt.place))
    plan = planner().plan(found, held, ACT, unit())
    second = sent_again(plan, 4).redriven
    assert (str(second.origin), second.place, second.sha256) == (
        "intake.bureau/1/5",
        attempt.place,
        one.sha256,
    )


def test_what_does_not_say_whose_it_is_makes_no_case() -> None:
    nobodys = kept(3, unit(), place="intake.redrive/1/3", principal="redrive", headers=())
    assert cases(nobodys) == []
    with pytest.raises(ConfigError, match="redrive the original"):
        case_at(cases(nobodys), "intake.redrive/1/3")


# --- order ----------------------------------------------------------------------------------------------------------


def house(n: int) -> bytes:
    return unit(house_code=f"{HOUSE}{n}", entity_id=f"{HOUSE}{n}")


RECORDS = [kept(offset, house(offset % 2), offset) for offset in range(6)]


def plans(records: list[Quarantined] = RECORDS, **changes: Any) -> list[Plan]:
    return [planner().plan(case, case.newest, ACT) for case in cases(*reversed(records), **changes)]


def offsets(found: list[Plan]) -> list[int]:
    return [plan.case.origin.offset for plan in found]


def test_each_key_is_a_lane_in_the_order_of_its_offsets() -> None:
    assert [offsets(lane) for lane in lanes(reversed(plans()))] == [[0, 2, 4], [1, 3, 5]]


def test_an_earlier_record_of_the_key_must_be_taken_too() -> None:
    all_ = plans()
    chosen = [plan for plan in all_ if plan.case.origin.offset in (3, 4)]
    assert offsets(earlier_held(chosen, all_)) == [0, 1, 2]
    with pytest.raises(
        ConfigError, match=r"intake.bureau/1/0, intake.bureau/1/1, intake.bureau/1/2.*--skip-earlier"
    ):
        require_order(chosen, all_)
    require_order([plan for plan in all_ if plan.case.origin.offset < 4], all_)


def test_a_decided_one_keeps_nothing_up() -> None:
    done = {
        Place("intake.bureau", 1, 0): Settled("d", "REFUSED"),
        Place("intake.bureau", 1, 2): Settled("e", "ACCEPTED"),
    }
    all_ = plans(settled=done)
    require_order([plan for plan in all_ if plan.case.origin.offset == 4], all_)
    repeated = plans(settled={Place("intake.bureau", 1, 4): Settled("f", "ACCEPTED")})[4:5]
    require_order(repeated, plans())
    assert offsets([plan for plan in all_ if Filter(principal="bureau").takes(plan)]) == [1, 3, 4, 5]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(principal="bureau"), [0, 1, 2, 3, 4, 5]),
        (Filter(principal="court"), []),
        (Filter(reason_code="BAD_MAGIC"), []),
        (Filter(since=NOON + timedelta(minutes=4)), [4, 5]),
        (Filter(until=NOON + timedelta(minutes=1)), [0]),
        (Filter(keys=frozenset({f"{HOUSE}1"})), [1, 3, 5]),
        (Filter("bureau", "MISROUTED", NOON, NOON + timedelta(minutes=3), frozenset({f"{HOUSE}0"})), [0, 2]),
    ],
)
def test_a_filter_takes_what_meets_all_of_it(chosen: Filter, expected: list[int]) -> None:
    assert offsets([plan for plan in plans() if chosen.takes(plan)]) == expected
    assert chosen
    assert not Filter()


def test_a_plan_reads_as_admission_will_read_it() -> None:
    message = planned(kept(5, unit())).message
    record = Record(
        message.topic, message.partition, 9, 0, message.key, message.value, tuple(message.headers)
    )
    assert read(record, in_memory._decoder(), CATALOGUE, 4).principal == "bureau"
