"""Rules on the contract itself: presale permit, mortgage rank and amount, length of a lease, changes of a burdened sale."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from broker.admission.reasons import Evidence
from broker.admission.rules.contract_unencumbered import contract_unencumbered
from broker.admission.rules.lease_term import MAX_YEARS, lease_term
from broker.admission.rules.mortgage_terms import mortgage_terms
from broker.admission.rules.presale_permit import presale_permit
from schemas.files import latest_version, load_schema
from tests.unit.rules_world import World, body_of, candidate, sale, told


@pytest.fixture
def world() -> World:
    return World()


# --- NO_PRESALE_PERMIT ------------------------------------------------------------------------------------------------

PERMIT = "商房预字2020001号"
NOON = datetime(2020, 12, 1, 4, tzinfo=UTC)


def off_plan(event_type: str = "SIGNED", **changes):
    return sale(event_type, **({"contract_kind": "11", "signed_at": NOON} | changes))


def permits(world: World, status: str = "ACTIVE", **term: date | None) -> Evidence:
    permit = body_of("project")["presale_permits"][0] | {"valid_from": None, "valid_until": None} | term
    return world.has("project", "XM-1", status, presale_permits=[permit], house_code=None)


@pytest.mark.parametrize("event_type", ["SIGNED", "FILED"])
def test_an_off_plan_sale_needs_a_permit(world: World, event_type: str) -> None:
    asked = off_plan(event_type)
    missing = Evidence("permit", PERMIT, None)
    found = presale_permit(asked, world.draft())
    assert told(found) == [("NO_PRESALE_PERMIT", "presale_permit_no", (missing,))]
    permits(world)
    assert not presale_permit(asked, world.draft())
    assert presale_permit(off_plan(event_type, presale_permit_no="another"), world.draft())
    assert presale_permit(off_plan(event_type, presale_permit_no=None), world.draft())


@pytest.mark.parametrize(
    ("signed_at", "valid"),
    [
        (datetime(2020, 6, 29, 15, 59, 59, tzinfo=UTC), False),
        (datetime(2020, 6, 29, 16, 0, tzinfo=UTC), True),
        (datetime(2022, 6, 29, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2022, 6, 29, 16, 0, tzinfo=UTC), False),
    ],
)
def test_the_permit_is_valid_on_the_day_of_signing_in_china(
    world: World, signed_at: datetime, valid: bool
) -> None:
    project = permits(world, valid_from=date(2020, 6, 30), valid_until=date(2022, 6, 29))
    found = presale_permit(off_plan(signed_at=signed_at), world.draft())
    assert [item.evidence for item in found] == ([] if valid else [(project,)])


def test_a_withdrawn_project_has_no_permits(world: World) -> None:
    permits(world, "WITHDRAWN")
    assert presale_permit(off_plan(), world.draft())


@pytest.mark.parametrize(
    "asked",
    [
        sale(),
        sale(contract_kind="21"),
        candidate("mortgage", "SIGNED"),
        *map(off_plan, ("DRAFTED", "AMENDED", "CANCELLED", "REVOKED", "VOIDED", "COMPLETED")),
    ],
)
def test_nothing_else_needs_a_permit(world: World, asked) -> None:
    assert not presale_permit(asked, world.draft())


# --- MORTGAGE_RANK_TAKEN, MORTGAGE_OVER_VALUE -------------------------------------------------------------------------


def mortgage(event_type: str = "SIGNED", **changes):
    own = {"entity_id": "DY-NEW", "rank": 2, "secured_principal": Decimal("40.00"), "appraisal_price": None}
    return candidate("mortgage", event_type, **(own | changes))


def stands(world: World, entity_id: str, rank: int, amount: str = "1.00", status: str = "FILED") -> Evidence:
    return world.has("mortgage", entity_id, status, rank=rank, secured_principal=Decimal(amount))


@pytest.mark.parametrize("event_type", ["SIGNED", "FILED", "AMENDED"])
def test_a_rank_is_taken_once(world: World, event_type: str) -> None:
    stands(world, "DY-1", rank=1)
    assert not mortgage_terms(mortgage(event_type), world.draft())
    second = stands(world, "DY-2", rank=2, status="SIGNED")
    found = mortgage_terms(mortgage(event_type), world.draft())
    assert told(found) == [("MORTGAGE_RANK_TAKEN", "rank", (second,))]


@pytest.mark.parametrize("status", ["DRAFT", "CANCELLED", "REVOKED", "VOIDED"])
def test_a_mortgage_that_is_not_live_has_no_rank(world: World, status: str) -> None:
    stands(world, "DY-2", rank=2, amount="1000.00", status=status)
    assert not mortgage_terms(mortgage(appraisal_price=Decimal(100)), world.draft())


def test_a_mortgage_is_not_in_its_own_way(world: World) -> None:
    stands(world, "DY-NEW", rank=2, amount="90.00")
    assert not mortgage_terms(mortgage("AMENDED", appraisal_price=Decimal(100)), world.draft())


@pytest.mark.parametrize(
    ("appraisal", "codes"),
    [("100.00", []), ("99.99", ["MORTGAGE_OVER_VALUE"]), (None, [])],
)
def test_all_mortgages_together_are_held_to_the_appraisal(
    world: World, appraisal: str | None, codes: list[str]
) -> None:
    others = (stands(world, "DY-1", 1, "35.00"), stands(world, "DY-3", 3, "25.00"))
    value = None if appraisal is None else Decimal(appraisal)
    found = mortgage_terms(mortgage(appraisal_price=value), world.draft())
    assert told(found) == [(code, "secured_principal", others) for code in codes]


@pytest.mark.parametrize("asked", [mortgage("CANCELLED"), mortgage("DRAFTED"), sale()])
def test_endings_and_drafts_of_mortgages_are_not_judged(world: World, asked) -> None:
    stands(world, "DY-2", rank=2)
    assert not mortgage_terms(asked, world.draft())


# --- LEASE_TOO_LONG ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "lawful"),
    [
        ("2021-01-01", "2040-12-31", True),
        ("2021-01-01", "2041-01-01", True),
        ("2021-01-01", "2041-01-02", False),
        ("2080-02-29", "2100-02-28", True),
        ("2080-02-29", "2100-03-01", False),
        ("2020-02-29", "2040-02-29", True),
        ("9990-01-01", "9999-12-31", True),
    ],
)
def test_twenty_years_at_most(world: World, start: str, end: str, lawful: bool) -> None:
    dates = {"lease_start": date.fromisoformat(start), "lease_end": date.fromisoformat(end)}
    for event_type in ("SIGNED", "FILED", "AMENDED"):
        found = lease_term(candidate("lease", event_type, **dates), world.draft())
        assert told(found) == ([] if lawful else [("LEASE_TOO_LONG", "lease_end", ())])
    assert not lease_term(candidate("lease", "CANCELLED", **dates), world.draft())


def test_the_schema_states_the_same_years() -> None:
    fields = load_schema("lease", latest_version("lease"))["fields"]
    assert [field["max_years"] for field in fields if "max_years" in field] == [MAX_YEARS]


# --- CHANGE_UNDER_NOTICE, CHANGE_UNDER_MORTGAGE -----------------------------------------------------------------------

NUMBER = str(body_of("sale")["contract_no"])


@pytest.mark.parametrize("event_type", ["AMENDED", "CANCELLED"])
def test_a_burdened_sale_is_neither_amended_nor_cancelled(world: World, event_type: str) -> None:
    notice = world.has("title", "QL-1", "ACTIVE", sale_contract_no=NUMBER, revision=2)
    loan = world.has("mortgage", "DY-1", "SIGNED", sale_contract_no=NUMBER)
    assert told(contract_unencumbered(sale(event_type), world.draft())) == [
        ("CHANGE_UNDER_NOTICE", "event_type", (notice,)),
        ("CHANGE_UNDER_MORTGAGE", "event_type", (loan,)),
    ]


@pytest.mark.parametrize("event_type", ["DRAFTED", "SIGNED", "FILED", "REVOKED", "VOIDED", "COMPLETED"])
def test_an_authority_may_revoke_and_the_transfer_may_complete(world: World, event_type: str) -> None:
    world.has("title", "QL-1", "ACTIVE", sale_contract_no=NUMBER)
    world.has("mortgage", "DY-1", "FILED", sale_contract_no=NUMBER)
    assert not contract_unencumbered(sale(event_type), world.draft())


@pytest.mark.parametrize(
    ("subject", "status", "changes"),
    [
        ("title", "ACTIVE", {"sale_contract_no": "another"}),
        ("title", "ACTIVE", {"sale_contract_no": None}),
        ("title", "ACTIVE", {"sale_contract_no": NUMBER, "title_kind": "OBJECTION"}),
        ("title", "CANCELLED", {"sale_contract_no": NUMBER}),
        ("mortgage", "FILED", {"sale_contract_no": "another"}),
        ("mortgage", "FILED", {"sale_contract_no": None}),
        ("mortgage", "CANCELLED", {"sale_contract_no": NUMBER}),
        ("lease", "FILED", {}),
    ],
)
def test_only_what_stands_on_this_contract_burdens_it(
    world: World, subject: str, status: str, changes
) -> None:
    world.has(subject, "other", status, **changes)
    assert not contract_unencumbered(sale("CANCELLED"), world.draft())


def test_a_new_number_does_not_shake_off_a_mortgage(world: World) -> None:
    world.has("sale", sale().key.entity_id, "FILED")
    world.has("mortgage", "DY-1", "FILED", sale_contract_no=NUMBER)
    assert contract_unencumbered(sale("AMENDED", contract_no="another"), world.draft())


def test_leases_and_mortgages_may_change(world: World) -> None:
    world.has("mortgage", "DY-1", "FILED", sale_contract_no=NUMBER)
    for subject in ("lease", "mortgage"):
        assert not contract_unencumbered(candidate(subject, "CANCELLED", contract_no=NUMBER), world.draft())
