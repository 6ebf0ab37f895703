"""The rule on listed buyers: who is looked at, when, by which references, and which listings block."""

from datetime import UTC, date, datetime

import pytest

from broker.admission.reasons import Evidence
from broker.admission.rules.buyer_not_listed import buyer_not_listed
from schemas.policies import Block, load_policy
from tests.unit.rules_world import LI, NOW, ZHANG, ZHANG_BEFORE, World, buyer, candidate, sale, told

BOTH = (buyer(ZHANG), buyer(LI))


@pytest.fixture
def world() -> World:
    return World()


def lists(world: World, ref: str, name: str = "SX-1", status: str = "LISTED", **changes) -> Evidence:
    """A listing of one party; by default without an end."""
    parties = {"parties": [buyer(ref, "DEFAULTER")], "expires_on": None}
    return world.has("defaulter", name, status, **(parties | changes), house_code=None)


def links(world: World, *refs: str, name: str = "BM-1", status: str = "LINKED") -> None:
    world.has("alias", name, status, parties=[buyer(ref, "OLD") for ref in refs], house_code=None)


@pytest.mark.parametrize("event_type", ["SIGNED", "FILED"])
def test_every_buyer_is_checked(world: World, event_type: str) -> None:
    listing = lists(world, LI)
    found = buyer_not_listed(sale(event_type, BOTH), world.draft())
    assert told(found) == [("LISTED_BUYER", "parties[2]", (listing,))]
    other = lists(world, ZHANG, "SX-2")
    found = buyer_not_listed(sale(event_type, BOTH), world.draft())
    assert [item.evidence for item in found] == [(other,), (listing,)]


def test_all_listings_of_a_buyer_are_evidence(world: World) -> None:
    listings = (lists(world, LI, "SX-1"), lists(world, LI, "SX-2", revision=3))
    (found,) = buyer_not_listed(sale("SIGNED", BOTH), world.draft())
    assert found.evidence == listings
    assert found.legal_basis == load_policy().block("DEFAULTER", "411402", date(2021, 6, 1)).legal_basis


@pytest.mark.parametrize("event_type", ["DRAFTED", "CANCELLED", "REVOKED", "VOIDED", "COMPLETED"])
def test_endings_and_drafts_are_never_refused_for_their_buyers(world: World, event_type: str) -> None:
    lists(world, LI)
    assert not buyer_not_listed(sale(event_type, BOTH), world.draft())


@pytest.mark.parametrize("role", ["SELLER", "AGENT"])
def test_only_buyers_are_looked_at(world: World, role: str) -> None:
    lists(world, LI)
    assert not buyer_not_listed(sale("SIGNED", (buyer(ZHANG), buyer(LI, role))), world.draft())


def test_other_contracts_are_not_sales(world: World) -> None:
    lists(world, LI)
    assert not buyer_not_listed(candidate("lease", "SIGNED", parties=[buyer(LI, "LESSEE")]), world.draft())


def test_an_amendment_is_judged_by_the_buyers_that_it_adds(world: World) -> None:
    lists(world, ZHANG)
    entity_id = sale().key.entity_id
    world.has("sale", entity_id, "FILED", parties=[buyer(ZHANG), buyer(LI, "SELLER")])
    assert not buyer_not_listed(sale("AMENDED", (buyer(ZHANG),)), world.draft())
    added = lists(world, LI, "SX-2")
    found = buyer_not_listed(sale("AMENDED", BOTH), world.draft())
    assert told(found) == [("LISTED_BUYER", "parties[2]", (added,))]
    assert not buyer_not_listed(sale("AMENDED", (buyer(ZHANG),)), world.draft())


def test_stock_data_that_begins_as_an_amendment_has_all_its_buyers_checked(world: World) -> None:
    lists(world, ZHANG)
    assert len(buyer_not_listed(sale("AMENDED", BOTH, baseline=True), world.draft())) == 1


def test_an_earlier_document_of_the_buyer_counts(world: World) -> None:
    listing = lists(world, ZHANG_BEFORE)
    asked = sale("SIGNED", BOTH)
    assert not buyer_not_listed(asked, world.draft())
    links(world, ZHANG_BEFORE, ZHANG)
    assert told(buyer_not_listed(asked, world.draft())) == [("LISTED_BUYER", "parties[1]", (listing,))]
    links(world, ZHANG_BEFORE, ZHANG, status="UNLINKED")
    assert not buyer_not_listed(asked, world.draft())


def test_links_are_followed_to_the_end_and_a_listing_is_named_once(world: World) -> None:
    links(world, ZHANG, "e" * 64)
    links(world, "e" * 64, ZHANG_BEFORE, name="BM-2")
    parties = [buyer(ref, "DEFAULTER") for ref in (ZHANG, ZHANG_BEFORE)]
    listing = lists(world, "", parties=parties)
    (found,) = buyer_not_listed(sale("SIGNED", BOTH), world.draft())
    assert found.evidence == (listing,)


@pytest.mark.parametrize("status", ["REMOVED", "EXPIRED"])
def test_a_listing_that_ended_blocks_nobody(world: World, status: str) -> None:
    lists(world, LI, status=status)
    assert not buyer_not_listed(sale("SIGNED", BOTH), world.draft())


@pytest.mark.parametrize(
    ("at", "blocks"),
    [
        (datetime(2021, 5, 31, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2021, 6, 1, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2021, 6, 1, 16, 0, 0, tzinfo=UTC), False),
    ],
)
def test_the_last_day_of_a_listing_is_a_day_of_it_in_china(world: World, at: datetime, blocks: bool) -> None:
    lists(world, LI, expires_on=date(2021, 6, 1))
    assert bool(buyer_not_listed(sale("SIGNED", BOTH), world.draft(at=at))) == blocks


def test_another_list_blocks_only_by_the_policy_with_its_own_basis(world: World) -> None:
    lists(world, LI, list_type="CONSUMPTION")
    asked = sale("SIGNED", BOTH)
    assert not buyer_not_listed(asked, world.draft())
    block = Block.model_validate(
        {"list_type": "CONSUMPTION", "from": NOW.date(), "legal_basis": "规定", "counties": ["411402"]}
    )
    policy = load_policy()
    policy = policy.model_copy(update={"blocking_lists": (*policy.blocking_lists, block)})
    (found,) = buyer_not_listed(asked, world.draft(policy))
    assert found.legal_basis == "规定"
    assert not buyer_not_listed(sale("SIGNED", BOTH, county_code="411403"), world.draft(policy))


def test_what_was_looked_at_is_noted_absence_too(world: World) -> None:
    draft = world.draft()
    buyer_not_listed(sale("SIGNED", (buyer(LI),)), draft)
    assert draft.seen == (Evidence("alias", LI, None), Evidence("listing", LI, None))


def test_a_party_without_reference_is_passed_over(world: World) -> None:
    assert not buyer_not_listed(sale("SIGNED", (buyer(None),)), world.draft())
