"""Check 4 finds every planted violation of the law, and none where there is none."""

from datetime import date, timedelta

import pytest

from qianbei.verify.buyers import conflict_id
from qianbei.verify.house import Clash
from qianbei.verify.rulings import read_rulings, rulings_of
from qianbei.verify.window import Window
from tests.unit.verify_law_world import (
    DAY,
    World,
    alias,
    conflict,
    days,
    ended,
    listing,
    looked,
    mortgage,
    sale,
    seen,
    seizure,
)

SOLD_SEIZED = ("SEIZED_UNIT_SOLD", ("seizure", "z1"), ("sale", "s1"))
LISTED = ("LISTED_BUYER", ("defaulter", "l1"), ("sale", "s1"))


def queue_of_three() -> World:
    """z2 in force, z1 served before it comes later, z3 waits; z1 is released, z2 promoted."""
    order = conflict("SEIZURE_ORDER", ("seizure", "z1"), ("seizure", "z2"))
    return (
        World()
        .decide(seizure("z2", "EFFECTIVE"))
        .decide(seizure("z3", "WAITING", 2))
        .decide(
            seizure("z1", "EFFECTIVE"),
            seizure("z2", "WAITING", 2, event_type="REQUEUED"),
            seizure("z3", "WAITING", 3, event_type="REQUEUED"),
            order,
        )
        .decide(
            ended("z1"),
            seizure("z2", "EFFECTIVE", event_type="PROMOTED"),
            seizure("z3", "WAITING", 2, event_type="REQUEUED"),
            conflict("SEIZURE_ORDER", ("seizure", "z1"), ("seizure", "z2"), status="RESOLVED"),
        )
        .sign("s9", house_code="h9")
    )


def late_seizure() -> World:
    """A sale, then a seizure of its house, which is released; then the sale is filed."""
    return (
        World()
        .sign()
        .decide(seizure("z1", "EFFECTIVE"), conflict(*SOLD_SEIZED))
        .decide(ended("z1"), conflict(*SOLD_SEIZED, status="RESOLVED"))
        .decide(sale("s1", "FILED"), seen=looked("b1"))
    )


def late_listing() -> World:
    """A sale, then a listing of its buyer, its conflict, the end of the listing, the end of the conflict."""
    return (
        World()
        .sign()
        .decide(listing("l1"), seen=[seen("sale", "s1", 1)])
        .decide(conflict(*LISTED), principal="internal")
        .decide(listing("l1", status="REMOVED"))
        .decide(conflict(*LISTED, status="RESOLVED"), principal="internal")
    )


@pytest.mark.parametrize("decisions_first", [False, True])
@pytest.mark.parametrize("make", [queue_of_three, late_seizure, late_listing])
def test_what_is_right_is_found_right_whichever_side_comes_first(make, decisions_first: bool) -> None:  # type: ignore[no-untyped-def]
    world = make()
    result = world.check(decisions_first=decisions_first)
    assert result.ok, result.violations
    assert result.compared >= 1
    assert not world.waited


def test_counts_say_what_was_compared() -> None:
    counts = late_listing().check().counts
    assert {
        "sales_judged": 1,
        "buyers": 1,
        "defaulter_revisions": 2,
        "conflict_revisions": 2,
    }.items() <= counts.items()
    assert counts["listings_met_sales"] == 1


def test_nothing_compared_is_no_success() -> None:
    assert World().found() == {"NOTHING_COMPARED": 1}
    world = World().sign()
    world.deeds.append(("exchange.seizure", 0, seizure("z1", "HELD")[2] | {"entity_id": "z1", "revision": 1}))
    assert world.found() == {"NOTHING_COMPARED": 1}, "a seizure was there and none could be replayed"


# --- seizures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["SIGNED", "FILED", "AMENDED"])
def test_a_sale_accepted_while_a_seizure_was_in_force(status: str) -> None:
    world = World().decide(seizure("z1", "EFFECTIVE")).decide(sale("s1", status), seen=looked("b1"))
    assert world.found() == {"SOLD_WHILE_SEIZED": 1}


def test_a_mortgage_accepted_while_a_seizure_was_in_force() -> None:
    world = (
        World().sign("s9", house_code="h9").decide(seizure("z1", "EFFECTIVE")).decide(mortgage("m1", None))
    )
    assert world.found() == {"MORTGAGED_WHILE_SEIZED": 1}


def test_what_fired_before_the_record_counts() -> None:
    expired = ended("z1", "EXPIRED", "EXPIRED")
    world = World().decide(
        seizure("z1", "EFFECTIVE", effective_until=days(DAY - timedelta(1)), effective_from=0)
    )
    world.decisions[-1][2]["recorded_at"] -= 3 * 86_400_000_000
    assert world.decide(expired, sale("s1"), own=1, seen=looked("b1")).found() == {}


def test_a_seizure_that_fires_in_the_same_decision_forbids_the_sale() -> None:
    world = World().decide(seizure("z1", "EFFECTIVE")).decide(seizure("z2", "WAITING", 2))
    world.decide(
        ended("z1"), seizure("z2", "EFFECTIVE", event_type="PROMOTED"), sale("s1"), own=2, seen=looked("b1")
    )
    assert world.found() == {"SOLD_WHILE_SEIZED": 1}


def test_an_ending_sale_and_a_house_not_yet_known_are_no_violation() -> None:
    world = World().decide(seizure("z1", "HELD", None, house_code=None)).sign()
    world.decide(seizure("z1", "EFFECTIVE", house_code=None, bound_house_code="h1"), conflict(*SOLD_SEIZED))
    world.decide(sale("s1", "CANCELLED"), conflict(*SOLD_SEIZED, status="RESOLVED"))
    assert world.found() == {}


def test_stock_data_on_a_seized_house_has_its_conflict() -> None:
    world = World().decide(seizure("z1", "EFFECTIVE"))
    stock = sale("s1", baseline=True)
    assert world.decide(stock, conflict(*SOLD_SEIZED), seen=looked("b1")).found() == {}
    bare = World().decide(seizure("z1", "EFFECTIVE")).decide(stock, seen=looked("b1"))
    assert bare.found() == {"NO_CONFLICT": 1}


def test_a_seizure_over_a_live_sale_without_a_conflict_is_found_once() -> None:
    world = World().sign().decide(seizure("z1", "EFFECTIVE")).decide(seizure("z2", "WAITING", 2))
    assert world.found() == {"NO_CONFLICT": 1}


def test_a_conflict_that_nobody_resolved() -> None:
    world = World().sign().decide(seizure("z1", "EFFECTIVE"), conflict(*SOLD_SEIZED)).decide(ended("z1"))
    assert world.found() == {"LEFT_OPEN": 1}


def test_a_conflict_resolved_though_both_sides_stand() -> None:
    world = World().sign().decide(seizure("z1", "EFFECTIVE"), conflict(*SOLD_SEIZED))
    assert world.decide(conflict(*SOLD_SEIZED, status="RESOLVED")).found() == {"NO_CONFLICT": 1}


def test_two_seizures_in_force() -> None:
    world = queue_of_three().decide(seizure("z4", "EFFECTIVE", 3))
    assert world.found() == {"TWO_SEIZURES": 1, "NO_CONFLICT": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        seizure("z3", "WAITING", 3),
        seizure("z1", "WAITING", 2),
        seizure("z3", "WAITING", 2, effective_kind="1"),
        seizure("z3", "WAITING", 2, effective_until=days(DAY)),
        seizure("z3", "WAITING", None),
    ],
)
def test_a_wrong_place_in_the_queue(wrong: tuple[str, str, dict[str, object]]) -> None:
    world = World().decide(seizure("z2", "EFFECTIVE")).decide(wrong).sign("s9", house_code="h9")
    assert set(world.found()) == {"QUEUE_ORDER"}


def test_nobody_was_promoted() -> None:
    world = World().decide(seizure("z1", "EFFECTIVE")).decide(seizure("z2", "WAITING", 2)).decide(ended("z1"))
    assert world.sign("s9", house_code="h9").found() == {"QUEUE_ORDER": 1}


def test_an_earlier_notice_without_a_conflict() -> None:
    world = World().decide(seizure("z2", "EFFECTIVE"))
    world.decide(seizure("z1", "EFFECTIVE"), seizure("z2", "WAITING", 2)).sign("s9", house_code="h9")
    assert world.found() == {"NO_CONFLICT": 1}


def test_terms_end_once_in_time_and_not_early() -> None:
    last = days(DAY)
    world = World(on=DAY).decide(seizure("z1", "EFFECTIVE", effective_until=last)).sign("s9", house_code="h9")
    expired = ended("z1", "EXPIRED", "EXPIRED")
    assert world.decide(expired).found() == {"EXPIRED_EARLY": 1}, "its last day is inclusive"

    twice = World().decide(seizure("z1", "EFFECTIVE", effective_until=last)).sign("s9", house_code="h9")
    twice.on = DAY + timedelta(1)
    assert twice.decide(expired).found() == {}
    assert twice.decide(expired).found() == {"EXPIRED_TWICE": 1}

    late = World().decide(seizure("z1", "EFFECTIVE", effective_until=last)).sign("s9", house_code="h9")
    late.on = DAY + timedelta(1)
    assert late.decide(seizure("z2", "WAITING", 2)).found() == {"OVERDUE": 1}


def test_a_listing_ends_by_its_date_not_before() -> None:
    for on, found in ((DAY, {"EXPIRED_EARLY": 1}), (DAY + timedelta(1), {})):
        world = World().sign("s1", "b9").decide(listing("l1", until=DAY))
        world.on = on
        assert world.decide(listing("l1", until=DAY, status="EXPIRED")).found() == found


# --- sales ---------------------------------------------------------------------------------------------------------


def test_two_live_sales() -> None:
    assert World().sign().sign("s2", "b2").found() == {"TWO_LIVE_SALES": 1}
    assert World().sign().decide(sale("s1", "VOIDED")).sign("s2", "b2").found() == {}


def test_stock_data_beside_a_live_sale_has_its_conflict() -> None:
    double = ("DOUBLE_SALE", ("sale", "s1"), ("sale", "s2"))
    stock = sale("s2", baseline=True)
    assert World().sign().decide(stock, conflict(*double), seen=looked("b1")).found() == {}
    assert World().sign().decide(stock, seen=looked("b1")).found() == {"NO_CONFLICT": 1}


def test_a_mortgage_on_a_unit_sold_to_another() -> None:
    raised = conflict("MORTGAGE_ON_SOLD_UNIT", ("mortgage", "m1"), ("sale", "s1"))
    assert World().sign().decide(mortgage("m1", "no-s1")).found() == {}, "the loan for this very sale"
    assert World().sign().decide(mortgage("m1", None), raised).found() == {}
    assert World().sign().decide(mortgage("m1", None)).found() == {"NO_CONFLICT": 1}
    assert World().decide(mortgage("m1", None)).sign().found() == {}, "a mortgaged house may be sold"


# --- listed buyers -------------------------------------------------------------------------------------------------


def sees_listing(*others: dict[str, object]) -> list[dict[str, object]]:
    return [seen("alias", "b1"), seen("defaulter", "l1", 1), *others]


def test_a_sale_to_a_listed_buyer() -> None:
    world = World().decide(listing("l1")).decide(sale("s1"), seen=sees_listing())
    assert world.found() == {"LISTED_BUYER": 1}


def test_a_listed_co_buyer() -> None:
    world = (
        World()
        .decide(listing("l1"))
        .decide(sale("s1", "SIGNED", "b2", "b1"), seen=[*looked("b2"), *sees_listing()])
    )
    assert world.found() == {"LISTED_BUYER": 1}


def test_a_buyer_listed_under_another_reference() -> None:
    world = World().decide(alias("a1", "b1", "old")).decide(listing("l1", "old"))
    saw = [seen("alias", "a1", 1), seen("defaulter", "l1", 1), seen("listing", "b1")]
    assert world.decide(sale("s1"), seen=saw).found() == {"LISTED_BUYER": 1}


def test_a_listing_that_does_not_stand_is_no_obstacle() -> None:
    past = World().decide(listing("l1", until=DAY - timedelta(1))).decide(sale("s1"), seen=sees_listing())
    assert past.found() == {}
    last_day = World().decide(listing("l1", until=DAY)).decide(sale("s1"), seen=sees_listing())
    assert last_day.found() == {"LISTED_BUYER": 1}
    other = World().decide(listing("l1", list_type="CONSUMPTION")).decide(sale("s1"), seen=sees_listing())
    assert other.found() == {}


def test_the_day_of_the_decision_is_that_of_china() -> None:
    world = World().decide(listing("l1", until=DAY)).decide(sale("s1"), seen=sees_listing())
    world.decisions[-1][2]["recorded_at"] += 13 * 3_600_000_000  # 17:00 UTC, 01:00 of the next day in China
    assert world.found() == {}


def test_a_sale_that_did_not_look() -> None:
    assert World().decide(sale("s1")).found() == {"UNSEEN_BUYER": 1}
    assert World().decide(sale("s1"), seen=[seen("listing", "b1")]).found() == {"UNSEEN_BUYER": 1}
    half = World().decide(sale("s1", "SIGNED", "b1", "b2"), seen=looked("b1"))
    assert half.found() == {"UNSEEN_BUYER": 1}


def test_a_sale_that_did_not_look_under_the_other_reference() -> None:
    world = World().decide(alias("a1", "b1", "old"))
    assert world.decide(sale("s1"), seen=[seen("alias", "a1", 1), seen("listing", "b1")]).found() == {
        "UNSEEN_BUYER": 1
    }


def test_an_amendment_looks_at_new_buyers_alone() -> None:
    world = World().sign().decide(sale("s1", "FILED"), seen=looked("b1")).decide(sale("s1", "AMENDED"))
    assert world.found() == {}
    assert world.decide(sale("s1", "AMENDED", "b1", "b2")).found() == {"UNSEEN_BUYER": 1}


def test_a_fact_that_is_not_there() -> None:
    assert World().decide(sale("s1"), seen=sees_listing()).found() == {"UNKNOWN_FACT": 1}


def test_stock_data_of_a_listed_buyer_has_its_conflict() -> None:
    world = World().decide(listing("l1"))
    stock = sale("s1", baseline=True)
    assert world.decide(stock, conflict(*LISTED), seen=sees_listing()).found() == {}
    assert World().decide(listing("l1")).decide(stock, seen=sees_listing()).found() == {"NO_CONFLICT": 1}


def test_a_later_listing_without_a_conflict() -> None:
    world = World().sign().decide(listing("l1"), seen=[seen("sale", "s1", 1)])
    assert world.found() == {"NO_CONFLICT": 1}
    assert world.waited, "the conflict may be on its way"


def test_a_request_refused_as_moot_answers_a_listing() -> None:
    sides = frozenset({("defaulter", "l1"), ("sale", "s1")})
    world = World().sign().decide(listing("l1"), seen=[seen("sale", "s1", 1)]).decide(sale("s1", "VOIDED"))
    assert world.found() == {"NO_CONFLICT": 1}
    assert world.refuse("conflict", "RAISED", conflict_id(Clash("LISTED_BUYER", sides))).found() == {}


def test_moot_is_no_answer_while_both_stand() -> None:
    sides = frozenset({("defaulter", "l1"), ("sale", "s1")})
    world = World().sign().decide(listing("l1"), seen=[seen("sale", "s1", 1)])
    assert world.refuse("conflict", "RAISED", conflict_id(Clash("LISTED_BUYER", sides))).found() == {
        "NO_CONFLICT": 1
    }


def test_a_filing_and_a_listing_that_missed_each_other() -> None:
    assert World().sign().decide(listing("l1")).found() == {"MISSED": 1}
    assert World().sign().decide(listing("l1", list_type="CONSUMPTION")).found() == {}
    assert World().sign().decide(listing("l1")).decide(listing("l1", status="REMOVED")).found() == {}


def test_an_alias_that_shows_a_buyer_to_be_listed() -> None:
    world = World().sign().decide(listing("l1", "old"))
    met = [seen("defaulter", "l1", 1), seen("sale", "s1", 1)]
    assert world.decide(alias("a1", "b1", "old"), seen=met).found() == {"NO_CONFLICT": 1}
    assert world.decide(conflict(*LISTED), principal="internal").found() == {}
    blind = World().sign().decide(listing("l1", "old")).decide(alias("a1", "b1", "old"))
    assert blind.found() == {"MISSED": 1}


def test_a_conflict_left_open_after_its_listing_has_ended() -> None:
    world = World().sign().decide(listing("l1"), seen=[seen("sale", "s1", 1)]).decide(conflict(*LISTED))
    world.decide(listing("l1", status="REMOVED"))
    assert world.found() == {"LEFT_OPEN": 1}
    assert world.waited


# --- rules off by policy, and what is on its way -------------------------------------------------------------------

OFF = """
rules:
  UNIT_SEIZED:
    editions: [{from: 1995-01-01, severity: REFUSE}]
    counties: {"411402": [{from: 2020-12-01, until: 2020-12-01, severity: "OFF"}]}
  UNIT_ALREADY_SOLD: {editions: [{from: 1995-01-01, severity: WARN}]}
  LISTED_BUYER: {editions: [{from: 2020-07-28, until: 2020-11-30, severity: REFUSE}]}
blocking_lists:
  - {list_type: DEFAULTER, from: 2020-07-28}
"""


def test_rules_that_the_policy_has_off() -> None:
    world = (
        World(read_rulings(OFF)).decide(seizure("z1", "EFFECTIVE")).decide(listing("l1")).decide(sale("s1"))
    )
    assert world.found() == {}
    beside = World(read_rulings(OFF)).decide(sale("s1", baseline=True))
    assert beside.decide(sale("s2")).found() == {}
    assert beside.decide(sale("s3")).found() == {}
    elsewhere = World(read_rulings(OFF)).decide(seizure("z1", "EFFECTIVE"))
    assert elsewhere.decide(sale("s1", county_code="411403")).found() == {"SOLD_WHILE_SEIZED": 1}


def test_the_shipped_policy_is_read_as_it_stands() -> None:
    rulings = rulings_of(None)
    assert rulings.refuses("LISTED_BUYER", "411402", date(2020, 7, 28))
    assert not rulings.refuses("LISTED_BUYER", "411402", date(2020, 7, 27))
    assert not rulings.refuses("MORTGAGE_OVER_VALUE", "411402", DAY), "it warns"
    assert rulings.blocks("DEFAULTER", "411402", DAY)
    assert not rulings.blocks("CONSUMPTION", "411402", DAY)


def test_what_came_after_the_start_may_be_incomplete() -> None:
    world = World(window=Window()).sign().decide(listing("l1"), seen=[seen("sale", "s1", 1)])
    world.sign("s2", "b2")
    world.deeds.pop()
    assert world.found() == {}
    assert not world.waited


def test_a_gap_stops_what_is_not_required_and_nothing_else() -> None:
    world = World().decide(seizure("z1", "EFFECTIVE")).decide(sale("s1"), seen=looked("b1"))
    world.decisions[-1][2]["slot_seq"] = 5
    assert world.found() == {"SOLD_WHILE_SEIZED": 1}, "conservation tells of the gap"
