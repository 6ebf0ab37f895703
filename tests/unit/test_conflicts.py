"""Late conflicts: raised once while both sides stand, resolved when one of them ends, whoever was first and in whatever
slot they are."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from broker.admission.conflicts import conflict_id
from broker.admission.model import EntityKey, Request
from schemas.catalogue import INTERNAL
from tests.support.drafts import HOUSE, accepted, codes
from tests.support.story import example
from tests.support.town import LI, ZHANG, ZHANG_ABROAD, ZHANG_BEFORE, Town


@pytest.fixture
def town() -> Town:
    town = Town()
    assert accepted(town.unit())
    return town


def signed(town: Town) -> None:
    assert accepted(town.sale("SIGNED"))


def seized(town: Town) -> None:
    assert accepted(town.seize("Z1", "2021-01-01"))


def listed(town: Town) -> None:
    assert accepted(town.list_())


STOCK: dict[str, Any] = {"baseline": True}


# -- each kind, and what ends it -------------------------------------------------------------------------------------


def test_ids_are_those_of_the_sides_in_any_order() -> None:
    one, other = EntityKey("seizure", "a"), EntityKey("sale", "b")
    assert conflict_id("X", one, other) == conflict_id("X", other, one)
    assert len({conflict_id(kind, one, side) for kind in "XY" for side in (one, other)}) == 4


RAISED: list[tuple[str, list[Callable[[Town], object]], list[str]]] = [
    ("SEIZED_UNIT_SOLD", [signed, seized], ["S1", "Z1"]),
    ("SEIZED_UNIT_SOLD", [seized, lambda t: t.sale("FILED", **STOCK)], ["S1", "Z1"]),
    ("LISTED_BUYER", [signed, listed], ["L1", "S1"]),
    ("LISTED_BUYER", [listed, lambda t: t.sale("FILED", **STOCK)], ["L1", "S1"]),
    ("DOUBLE_SALE", [signed, lambda t: t.sale("FILED", "S2", **STOCK)], ["S1", "S2"]),
    ("MORTGAGE_ON_SOLD_UNIT", [signed, lambda t: t.mortgage("SIGNED")], ["M1", "S1"]),
    ("MORTGAGE_ON_SOLD_UNIT", [signed, lambda t: t.mortgage("FILED", sale="S2", **STOCK)], ["M1", "S1"]),
    (
        "SEIZURE_ORDER",
        [lambda t: t.seize("Z2", "2021-01-01T12:00:00.001"), seized],
        ["Z1", "Z2"],
    ),
]


@pytest.mark.parametrize(("kind", "steps", "sides"), RAISED)
def test_what_came_too_late_to_be_refused(
    town: Town, kind: str, steps: list[Callable[[Town], object]], sides: list[str]
) -> None:
    for step in steps:
        assert town.conflicts() == []
        step(town)
    assert town.conflicts() == [(kind, sides)]


ENDINGS: list[tuple[list[Callable[[Town], object]], Callable[[Town], object], str]] = [
    ([signed, seized], lambda t: t.release("Z1"), "一方已终止：查封 Z1（解封）"),
    ([signed, seized], lambda t: t.sale("VOIDED"), "一方已终止：买卖合同 S1（作废）"),
    ([signed, listed], lambda t: t.sale("VOIDED"), "一方已终止：买卖合同 S1（作废）"),
    (
        [signed, listed],
        lambda t: t.list_(event_type="REMOVED"),
        "一方已终止：失信被执行人 L1（移出）",
    ),
    (
        [signed, lambda t: t.mortgage("SIGNED")],
        lambda t: t.mortgage("VOIDED"),
        "一方已终止：抵押合同 M1（作废）",
    ),
    (
        [lambda t: t.seize("Z2", "2021-01-01T12:00:00.001"), seized],
        lambda t: t.release("Z2"),
        "一方已终止：查封 Z2（解封）",
    ),
]


@pytest.mark.parametrize(("steps", "end", "resolution"), ENDINGS)
def test_it_is_resolved_when_one_side_ends(
    town: Town,
    steps: list[Callable[[Town], object]],
    end: Callable[[Town], object],
    resolution: str,
) -> None:
    for step in steps:
        step(town)
    town.at("2021-02-03")
    end(town)
    assert town.conflicts() == []
    (told,) = [e.body for e in town.emissions if e.body["event_type"] == "RESOLVED"]
    assert (told["resolution"], told["resolved_at"]) == (resolution, town.now)
    assert told["revision"] == 2


def test_the_end_of_a_listing_by_time_resolves(town: Town) -> None:
    signed(town)
    town.list_(expires_on=date(2021, 3, 31))
    assert town.conflicts()
    town.at("2021-03-31T23:59").sweep()
    assert town.conflicts()
    town.at("2021-04-01T00:00").sweep()
    assert town.conflicts() == []
    assert "期满" in town.emissions[-1].body["resolution"]


def test_the_end_of_a_seizure_by_time_resolves_and_the_next_one_raises(town: Town) -> None:
    signed(town)
    town.seize("Z1", "2021-01-01", start="2021-01-01", end="2021-01-31")
    town.seize("Z2", "2021-01-02")
    assert town.conflicts() == [("SEIZED_UNIT_SOLD", ["S1", "Z1"])]
    town.at("2021-02-01T00:00").sweep()
    assert town.conflicts() == [("SEIZED_UNIT_SOLD", ["S1", "Z2"])]


# -- once, and again ---------------------------------------------------------------------------------------------------


def test_it_is_raised_once_whatever_else_happens_to_its_sides(town: Town) -> None:
    signed(town)
    seized(town)
    town.renew("Z1", "2024-06-01")
    town.change("Z1", reason="另一原因")
    listed(town)
    town.list_(event_type="CHANGED", age=53)
    assert town.history() == [("SEIZED_UNIT_SOLD", "RAISED", 1), ("LISTED_BUYER", "RAISED", 1)]


def test_a_pair_that_meets_again_has_the_next_revision_of_the_same_conflict(town: Town) -> None:
    signed(town)
    listed(town)
    (request,) = [request for request, _ in town.asked]
    for event_type in ("RESOLVED", "RAISED"):
        again = request.body | {"event_id": str(uuid.uuid4()), "event_type": event_type}
        town.settle([Request("conflict", again)])
    assert town.history() == [
        ("LISTED_BUYER", "RAISED", 1),
        ("LISTED_BUYER", "RESOLVED", 2),
        ("LISTED_BUYER", "RAISED", 3),
    ]
    body = town.state("conflict", request.body["entity_id"])
    assert (body["status"], body["resolved_at"], body["resolution"]) == ("OPEN", None, None)


def test_a_mortgage_clashes_when_it_becomes_live_and_not_later(town: Town) -> None:
    """A house may be sold with its mortgage (带押过户); that the mortgage is filed then is nothing new."""
    town.mortgage("SIGNED")
    signed(town)
    town.mortgage("FILED")
    assert town.conflicts() == []


def test_the_mortgage_of_the_sale_itself_is_none(town: Town) -> None:
    signed(town)
    town.mortgage("SIGNED", sale="S1")
    town.mortgage("FILED", sale="S1")
    assert town.conflicts() == []


def test_a_seizure_that_waits_clashes_only_once_it_is_in_force(town: Town) -> None:
    signed(town)
    seized(town)
    town.seize("Z2", "2021-01-02")
    assert town.conflicts() == [("SEIZED_UNIT_SOLD", ["S1", "Z1"])]
    town.at("2021-02-01").release("Z1")
    assert town.conflicts() == [("SEIZED_UNIT_SOLD", ["S1", "Z2"])]


def test_what_was_refused_is_no_conflict(town: Town) -> None:
    seized(town)
    assert codes(town.sale("SIGNED")) == ["UNIT_SEIZED"]
    town.release("Z1")
    listed(town)
    assert codes(town.sale("SIGNED")) == ["LISTED_BUYER"]
    assert town.history() == []


# -- what a conflict says ------------------------------------------------------------------------------------------------


def test_both_sides_are_shown_as_they_were_and_nobody_is_named(town: Town) -> None:
    signed(town)
    town.sale("FILED")
    seized(town)
    (body,) = [e.body for e in town.emissions if e.key.subject == "conflict"]
    assert body["sides"] == [
        {"subject": "seizure", "entity_id": "Z1", "revision": 1, "source": "court"},
        {"subject": "sale", "entity_id": "S1", "revision": 2, "source": "bureau"},
    ]
    unit = town.state("unit", HOUSE)
    assert (body["house_code"], body["county_code"]) == (HOUSE, unit["county_code"])
    assert (body["source"], body["raised_at"], body["recorded_at"]) == (INTERNAL, town.now, town.now)
    assert body["explanation"] == "查封房屋已有有效买卖合同"


def test_a_listing_is_shown_as_it_was_seen_from_the_house(town: Town) -> None:
    listed(town)
    town.list_(event_type="CHANGED", age=53)
    town.sale("FILED", **STOCK)
    (body,) = [e.body for e in town.emissions if e.key.subject == "conflict"]
    sides = [(side["subject"], side["revision"], side["source"]) for side in body["sides"]]
    assert sides == [("defaulter", 2, "court"), ("sale", 1, "bureau")]


def test_decided_again_the_events_have_the_same_ids(town: Town) -> None:
    other = Town()
    other.unit()
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for one in (town, other):
        one.sale("SIGNED", event_id=ids[0])
        one.list_(event_id=ids[1])
        one.sale("VOIDED", event_id=ids[2])
    conflicts = [
        [e.body["event_id"] for e in one.emissions if e.key.subject == "conflict"] for one in (town, other)
    ]
    assert conflicts[0] == conflicts[1]
    assert len(set(conflicts[0])) == 2


# -- listings, which are of no house -------------------------------------------------------------------------------------


def test_each_buyer_counts_and_each_sale(town: Town) -> None:
    town.sale("SIGNED", buyers=(LI, ZHANG))
    listed(town)
    town.list_(ref=LI, name="L2")
    town.sale("FILED", "S2", buyers=(LI,), **STOCK)
    assert sorted(town.conflicts()) == [
        ("DOUBLE_SALE", ["S1", "S2"]),
        ("LISTED_BUYER", ["L1", "S1"]),
        ("LISTED_BUYER", ["L2", "S1"]),
        ("LISTED_BUYER", ["L2", "S2"]),
    ]


def test_the_sellers_listing_is_none(town: Town) -> None:
    seller = example("sale", "presale")["parties"][0] | {"role": "SELLER", "party_ref": LI}
    buyer = seller | {"role": "BUYER", "party_ref": ZHANG}
    town.sale("SIGNED", parties=[seller, buyer])
    town.list_(ref=LI)
    assert town.conflicts() == []


@pytest.mark.parametrize(
    "changes",
    [{"list_type": "CONSUMPTION"}, {"expires_on": date(2020, 12, 31)}],
    ids=["another list", "over by now"],
)
def test_a_listing_that_blocks_nobody_raises_nothing(town: Town, changes: dict[str, Any]) -> None:
    signed(town)
    town.list_(**changes)
    assert town.history() == []
    assert all(codes(verdict) == ["MOOT"] for _, verdict in town.asked)


@pytest.mark.parametrize("steps", [("link", "list"), ("list", "link")])
def test_the_listing_is_found_by_an_earlier_document(town: Town, steps: tuple[str, ...]) -> None:
    signed(town)
    for step in steps:
        if step == "link":
            town.link(ZHANG_BEFORE, ZHANG)
        else:
            town.list_(ref=ZHANG_BEFORE)
    assert town.conflicts() == [("LISTED_BUYER", ["L1", "S1"])]


def test_a_link_brings_together_what_was_linked_before(town: Town) -> None:
    """The listing is under a document that is linked to one of the two, not under one of them."""
    signed(town)
    town.list_(ref=ZHANG_ABROAD)
    town.link(ZHANG_ABROAD, ZHANG_BEFORE, "B1")
    assert town.conflicts() == []
    town.link(ZHANG_BEFORE, ZHANG, "B2")
    assert town.conflicts() == [("LISTED_BUYER", ["L1", "S1"])]


def test_a_house_is_asked_once_for_a_pair(town: Town) -> None:
    town.sale("SIGNED", buyers=(ZHANG, ZHANG_BEFORE))
    town.link(ZHANG_BEFORE, ZHANG)
    verdict = town.list_()
    assert len(verdict.requests) == 1


def test_a_sale_that_ended_before_the_house_was_asked_is_moot(town: Town) -> None:
    signed(town)
    verdict = town.list_(settle=False)
    town.sale("VOIDED")
    town.settle(verdict.requests)
    assert [codes(answer) for _, answer in town.asked] == [["MOOT"]]
    assert town.history() == []


def test_a_listing_that_ended_before_the_house_was_asked_is_moot(town: Town) -> None:
    signed(town)
    late = town.list_(settle=False).requests
    town.list_(event_type="REMOVED")
    town.settle(late)
    assert [codes(answer) for _, answer in town.asked] == [["MOOT"]]
    assert town.history() == []


def test_to_resolve_what_is_resolved_is_moot(town: Town) -> None:
    signed(town)
    listed(town)
    late = town.list_(event_type="REMOVED", settle=False).requests
    town.sale("VOIDED")
    assert town.conflicts() == []
    town.settle(late)
    assert codes(town.asked[-1][1]) == ["MOOT"]
    assert [event for _, event, _ in town.history()] == ["RAISED", "RESOLVED"]


def test_whether_a_list_blocks_is_asked_for_the_county_of_the_house(town: Town) -> None:
    """The listing's own county is that of its court."""
    county = town.state("unit", HOUSE)["county_code"]
    entry = town.law.policy.blocking_lists[0].model_copy(update={"counties": frozenset({county})})
    policy = town.law.policy.model_copy(update={"blocking_lists": (entry,)})
    town.law = replace(town.law, policy=policy)
    signed(town)
    town.list_(county_code="411481")
    assert town.conflicts() == [("LISTED_BUYER", ["L1", "S1"])]


def test_new_lenders_of_a_stock_sale_look_at_no_listing(town: Town) -> None:
    """The decision on the mortgage has not read them, so it must not say that it has."""
    town.sale("FILED", **STOCK)
    mortgage = town.mortgage("SIGNED", sale="S1")
    assert [e.body["event_type"] for e in mortgage.emissions if e.key.subject == "sale"] == [
        "INTEREST_CHANGED"
    ]
    assert not [seen for seen in mortgage.seen if seen.subject in ("listing", "alias")]


@pytest.mark.parametrize(
    ("code", "before", "kind", "sides"),
    [
        ("UNIT_SEIZED", seized, "SEIZED_UNIT_SOLD", ["S1", "Z1"]),
        ("LISTED_BUYER", listed, "LISTED_BUYER", ["L1", "S1"]),
        ("UNIT_ALREADY_SOLD", lambda town: town.sale("SIGNED", "S0"), "DOUBLE_SALE", ["S0", "S1"]),
    ],
)
def test_what_a_county_only_warns_of_is_a_conflict(
    town: Town, code: str, before: Callable[[Town], object], kind: str, sides: list[str]
) -> None:
    rule = town.law.policy.rules[code]
    warning = rule.model_copy(
        update={"editions": (rule.editions[0].model_copy(update={"severity": "WARN"}),)}
    )
    rules = {**town.law.policy.rules, code: warning}
    town.law = replace(town.law, policy=town.law.policy.model_copy(update={"rules": rules}))
    before(town)
    assert accepted(town.sale("SIGNED"))
    assert town.conflicts() == [(kind, sides)]
