"""Rules on the unit: registered, not sold already, not seized."""

import pytest

from broker.admission.reasons import Evidence
from broker.admission.rules.unit_free import unit_free
from broker.admission.rules.unit_known import unit_known
from broker.admission.rules.unit_not_seized import unit_not_seized
from tests.unit.rules_world import HOUSE, World, candidate, sale, told

LIVE = ("SIGNED", "FILED", "AMENDED")
ENDINGS = ("CANCELLED", "REVOKED", "VOIDED", "COMPLETED")


@pytest.fixture
def world() -> World:
    return World()


# --- UNIT_UNKNOWN -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["sale", "lease", "mortgage"])
@pytest.mark.parametrize("event_type", ["DRAFTED", *LIVE])
def test_a_contract_needs_an_active_unit(world: World, subject: str, event_type: str) -> None:
    asked = candidate(subject, event_type)
    missing = Evidence("unit", HOUSE, None)
    assert told(unit_known(asked, world.draft())) == [("UNIT_UNKNOWN", "house_code", (missing,))]
    withdrawn = world.has("unit", HOUSE, "WITHDRAWN", revision=2)
    assert told(unit_known(asked, world.draft())) == [("UNIT_UNKNOWN", "house_code", (withdrawn,))]
    world.has("unit", HOUSE, "ACTIVE")
    assert not unit_known(asked, world.draft())


@pytest.mark.parametrize("event_type", ENDINGS)
def test_a_contract_on_a_withdrawn_unit_may_end(world: World, event_type: str) -> None:
    assert not unit_known(sale(event_type), world.draft())


def test_only_contracts_need_a_unit(world: World) -> None:
    assert not unit_known(candidate("seizure", "SEIZED"), world.draft())
    assert not unit_known(candidate("title", "REGISTERED"), world.draft())


# --- UNIT_ALREADY_SOLD ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", [False, True])
@pytest.mark.parametrize("status", LIVE)
@pytest.mark.parametrize("event_type", LIVE)
def test_another_live_sale_blocks(world: World, event_type: str, status: str, baseline: bool) -> None:
    other = world.has("sale", "other", status, baseline=baseline, revision=4)
    assert told(unit_free(sale(event_type), world.draft())) == [("UNIT_ALREADY_SOLD", "house_code", (other,))]


def test_each_other_sale_is_evidence_of_its_own(world: World) -> None:
    world.has("sale", "other-2", "FILED", baseline=True)
    world.has("sale", "other-1", "SIGNED")
    found = [item.evidence[0].entity_id for item in unit_free(sale(), world.draft())]
    assert found == ["other-1", "other-2"]


@pytest.mark.parametrize("status", ["DRAFT", *ENDINGS])
def test_a_draft_and_an_ended_sale_leave_the_unit_free(world: World, status: str) -> None:
    world.has("sale", "other", status)
    assert not unit_free(sale(), world.draft())


def test_a_sale_is_not_in_its_own_way(world: World) -> None:
    world.has("sale", sale().key.entity_id, "SIGNED")
    assert not unit_free(sale("FILED"), world.draft())


@pytest.mark.parametrize("asked", [sale("DRAFTED"), *map(sale, ENDINGS), candidate("lease", "SIGNED")])
def test_only_what_would_be_a_live_sale_is_judged(world: World, asked) -> None:
    world.has("sale", "other", "FILED")
    assert not unit_free(asked, world.draft())


# --- UNIT_SEIZED ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["sale", "mortgage"])
@pytest.mark.parametrize("event_type", LIVE)
@pytest.mark.parametrize("kind", ["1", "3"])
def test_a_seized_unit_is_neither_sold_nor_mortgaged(
    world: World, subject: str, event_type: str, kind: str
) -> None:
    seizure = world.has("seizure", "CF-1", "EFFECTIVE", effective_kind=kind, revision=3)
    found = unit_not_seized(candidate(subject, event_type), world.draft())
    assert told(found) == [("UNIT_SEIZED", "house_code", (seizure,))]


@pytest.mark.parametrize("status", ["WAITING", "HELD", "RELEASED", "EXPIRED", "LAPSED"])
def test_only_a_seizure_in_force_blocks(world: World, status: str) -> None:
    world.has("seizure", "CF-1", status)
    assert not unit_not_seized(sale(), world.draft())


def test_a_seizure_that_was_bound_to_the_house_blocks(world: World) -> None:
    world.has("seizure", "CF-1", "EFFECTIVE", house_code=None, bound_house_code=HOUSE)
    assert len(unit_not_seized(sale(), world.draft())) == 1


@pytest.mark.parametrize("asked", [*map(sale, ENDINGS), sale("DRAFTED"), candidate("lease", "SIGNED")])
def test_endings_drafts_and_leases_stay_lawful(world: World, asked) -> None:
    world.has("seizure", "CF-1", "EFFECTIVE")
    assert not unit_not_seized(asked, world.draft())
