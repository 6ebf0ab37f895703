"""One decision at a time, on the real stages, rules and effects, without any server."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.admission.decide import Law, decide
from broker.admission.model import Candidate, Entity, EntityKey, Outcome, Place, Verdict
from broker.admission.reasons import Reason, reason
from broker.admission.workspace import Workspace
from schemas.catalogue import load_catalogue
from schemas.policies import load_policy
from tests.support.story import example

NOW = datetime(2021, 6, 1, tzinfo=UTC)
CATALOGUE = load_catalogue()
SLOT, SLOTS = 0, 1
ICBC = "91411400MA4000012N"


class World:
    """A workspace to which events happen one after the other."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        self.offset = 0
        self.found: list[Reason] = []

    def happen(self, principal: str, subject: str, record: dict[str, Any], **changes: Any) -> Verdict:
        body = record | {"event_id": str(uuid.uuid4()), "source": principal} | changes
        sha = str(hash(repr(sorted(body.items(), key=lambda item: item[0]))))
        self.offset += 1
        candidate = Candidate(Place(f"intake.{principal}", SLOT, self.offset), sha, principal, subject, body)
        law = Law(CATALOGUE, load_policy(), lambda _c, _n: self.found)
        verdict = decide(candidate, self.workspace, law, NOW)
        self.workspace.apply(candidate, verdict, SLOTS)
        return verdict


@pytest.fixture
def world() -> World:
    """A world with one registered unit: that of the presale example."""
    world = World()
    house = PRESALE["house_code"]
    unit = example("unit", "registered") | {"entity_id": house, "house_code": house}
    project = example("project", "registered")
    assert world.happen("bureau", "project", project, version=1).outcome is Outcome.ACCEPTED
    assert world.happen("bureau", "unit", unit, version=1).outcome is Outcome.ACCEPTED
    return world


PRESALE = example("sale", "presale") | {"lender_uscc": None}
SIGNED = PRESALE | {
    "event_type": "SIGNED",
    "contract_status": "SIGNED",
    "filing_no": None,
    "filed_at": None,
    "version": 1,
}
FILED = PRESALE | {"version": 2}


def codes(verdict: Verdict) -> list[str]:
    return [item.code for item in verdict.reasons]


def test_signed_then_filed(world: World) -> None:
    first, second = world.happen("bureau", "sale", SIGNED), world.happen("bureau", "sale", FILED)
    assert [first.revision, second.revision] == [1, 2]
    assert second.emissions[0].status == "FILED"


def test_the_same_bytes_again_are_a_duplicate(world: World) -> None:
    once = {"event_id": str(uuid.uuid4())}
    first = world.happen("bureau", "sale", SIGNED, **once)
    again = world.happen("bureau", "sale", SIGNED, **once)
    assert again.outcome is Outcome.DUPLICATE
    assert again.first_decision_id == first.decision_id
    other = world.happen("bureau", "sale", SIGNED, **once, address="other")
    assert codes(other) == ["EVENT_ID_REUSED"]


@pytest.mark.parametrize(
    ("principal", "changes", "code"),
    [
        ("bureau", {"source": "court"}, "SOURCE_MISMATCH"),
        ("court", {}, "EVENT_NOT_PERMITTED"),
        ("bureau", {"event_type": "NOT_AN_EVENT"}, "EVENT_NOT_PERMITTED"),
        ("bureau", {"event_type": "INTEREST_CHANGED"}, "EVENT_NOT_PERMITTED"),
        ("bureau", {"version": 3}, "VERSION_GAP"),
        ("bureau", {"version": 0}, "STALE"),
        ("bureau", {"event_type": "FILED", "contract_status": "FILED"}, "ILLEGAL_TRANSITION"),
        ("bureau", {"contract_status": "FILED"}, "STATUS_MISMATCH"),
        ("bureau", {"house_code": "41140200120200600001201019"}, "UNIT_UNKNOWN"),
    ],
)
def test_refusals(world: World, principal: str, changes: dict[str, Any], code: str) -> None:
    assert codes(world.happen(principal, "sale", SIGNED, **changes)) == [code]


def test_identity_and_version_refusals_do_not_use_the_version_up(world: World) -> None:
    for changes in ({"version": 2}, {"source": "court"}):
        assert not world.happen("bureau", "sale", SIGNED, **changes).advances
    assert world.happen("bureau", "sale", SIGNED).outcome is Outcome.ACCEPTED


def test_later_refusals_use_it_up(world: World) -> None:
    world.found = [reason("BAD_AREA", field="gross_area")]
    assert codes(world.happen("bureau", "sale", SIGNED)) == ["BAD_AREA"]
    world.found = []
    assert codes(world.happen("bureau", "sale", SIGNED)) == ["STALE"]
    again = world.happen("bureau", "sale", SIGNED, version=2)
    assert (again.outcome, again.revision) == (Outcome.ACCEPTED, 1)


def test_a_warning_accepts(world: World) -> None:
    world.found = [reason("USCC_CHECK", field="filing_org_code")]
    verdict = world.happen("bureau", "sale", SIGNED)
    assert (verdict.outcome, codes(verdict)) == (Outcome.ACCEPTED, ["USCC_CHECK"])


def test_one_unit_one_live_sale(world: World) -> None:
    world.happen("bureau", "sale", SIGNED)
    other = SIGNED | {"entity_id": "HT-2", "contract_no": "HT-2"}
    refused = world.happen("bureau", "sale", other)
    assert codes(refused) == ["UNIT_ALREADY_SOLD"]
    assert refused.reasons[0].evidence[0].entity_id == SIGNED["entity_id"]
    voided = SIGNED | {"event_type": "VOIDED", "contract_status": "VOIDED", "version": 2}
    assert world.happen("bureau", "sale", voided).outcome is Outcome.ACCEPTED
    assert world.happen("bureau", "sale", other, version=2).outcome is Outcome.ACCEPTED


def test_stock_data_may_begin_anywhere_and_is_warned_about_where_others_are_refused(world: World) -> None:
    stock = FILED | {"baseline": True, "version": 17}
    assert world.happen("bureau", "sale", stock).outcome is Outcome.ACCEPTED
    other = SIGNED | {"entity_id": "HT-2", "contract_no": "HT-2"}
    assert codes(world.happen("bureau", "sale", other)) == ["UNIT_ALREADY_SOLD"]
    late = stock | {"entity_id": "HT-3", "contract_no": "HT-3"}
    verdict = world.happen("bureau", "sale", late)
    assert (verdict.outcome, codes(verdict)) == (Outcome.ACCEPTED, ["UNIT_ALREADY_SOLD"])
    assert [e.body["kind"] for e in verdict.emissions if e.key.subject == "conflict"] == ["DOUBLE_SALE"]


def test_a_filing_number_stays(world: World) -> None:
    world.happen("bureau", "sale", SIGNED)
    world.happen("bureau", "sale", FILED)
    amended = FILED | {
        "event_type": "AMENDED",
        "contract_status": "AMENDED",
        "version": 3,
        "filing_no": "BA-OTHER",
    }
    assert codes(world.happen("bureau", "sale", amended)) == ["FILING_NO_CHANGED"]


def test_an_entity_stays_with_its_source_and_its_house(world: World) -> None:
    key = EntityKey("mortgage", "DY-1")
    mortgage = example("mortgage", "filed") | {"entity_id": "DY-1", "version": 1}
    world.workspace.entities[key] = Entity("bank.ccb", SLOT, "elsewhere", 3, 1, "FILED", None)
    assert codes(world.happen("bank.icbc", "mortgage", mortgage, version=4)) == ["FOREIGN_ENTITY"]
    assert codes(world.happen("bank.ccb", "mortgage", mortgage, version=4)) == ["UNIT_CHANGED"]


def test_a_mortgage_makes_its_bank_interested_in_the_sale(world: World) -> None:
    world.happen("bureau", "sale", SIGNED)
    mortgage = example("mortgage", "filed") | {
        "entity_id": "DY-1",
        "house_code": SIGNED["house_code"],
        "sale_contract_no": SIGNED["contract_no"],
        "mortgagee_uscc": ICBC,
        "event_type": "SIGNED",
        "contract_status": "SIGNED",
        "filing_no": None,
        "filed_at": None,
        "version": 1,
    }
    verdict = world.happen("bank.icbc", "mortgage", mortgage)
    own, change, unit = verdict.emissions
    assert (unit.body["event_type"], unit.body["restrictions"]) == ("RESTATED", ["PRE_MORTGAGED"])
    assert own.body["interested"] == ["bank.icbc"]
    assert change.key == EntityKey("sale", SIGNED["entity_id"])
    assert (change.body["event_type"], change.revision, change.status) == ("INTEREST_CHANGED", 2, "SIGNED")
    assert (change.body["interested_before"], change.body["interested"]) == ([], ["bank.icbc"])

    ended = mortgage | {"event_type": "VOIDED", "contract_status": "VOIDED", "version": 2}
    _, back, unit = world.happen("bank.icbc", "mortgage", ended).emissions
    assert (unit.body["event_type"], unit.body["restrictions"]) == ("RESTATED", [])
    assert (back.body["interested_before"], back.body["interested"]) == (["bank.icbc"], [])


def test_a_source_cannot_write_what_the_exchange_owns(world: World) -> None:
    claimed = {
        "queue_place": 1,
        "effective_kind": "1",
        "revision": 99,
        "interested": ["bank.icbc"],
        "status": "MINE",
    }
    verdict = world.happen("court", "seizure", example("seizure", "seized"), version=1, **claimed)
    body = verdict.emissions[0].body
    assert body["queue_place"] is None
    assert body["effective_kind"] is None
    assert (body["revision"], body["interested"], body["status"]) == (1, [], "HELD")


def test_deciding_anew_gives_the_same_decision_id(world: World) -> None:
    body = SIGNED | {"event_id": str(uuid.uuid4()), "source": "bureau"}
    candidate = Candidate(Place("intake.bureau", 0, 77), "sha", "bureau", "sale", body)
    law = Law(CATALOGUE, load_policy(), lambda _c, _n: ())
    verdicts = [decide(candidate, world.workspace, law, NOW) for _ in range(2)]
    assert verdicts[0] == verdicts[1]
