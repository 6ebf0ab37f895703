"""The court's loop in a clean plan, and what careful sources know of it: seizures of every kind, documents, ranks, permits."""

from datetime import date, timedelta
from typing import Any

import pytest

from producers.simulator.dirt import CLEAN
from producers.simulator.ledger import Planned
from producers.simulator.stream import plan


@pytest.fixture(scope="module")
def clean() -> list[Planned]:
    return list(plan(20, 12_000, CLEAN))


def seizures(records: list[Planned], event_type: str = "SEIZED") -> list[dict[str, Any]]:
    return [
        p.record
        for p in records
        if p.record and p.subject == "seizure" and p.record["event_type"] == event_type and not p.dirt
    ]


def test_courts_seize_in_every_way(clean: list[Planned]) -> None:
    found = seizures(clean)
    assert {record["kind"] for record in found} == {"1", "2", "3", "4"}
    assert {bool(r["end_date"]) for r in found if r["kind"] in "24"} == {False}
    assert sum(1 for r in found if r["house_code"] is None and r.get("contract_no")) > 0
    assert sum(1 for r in found if r["house_code"] is None and r.get("realty_unit_no")) > 0
    assert sum(1 for r in found if r["served_at"] < r["occurred_at"] - timedelta(minutes=30)) > 0, (
        "late notices"
    )
    assert sum(1 for r in found if r["end_date"] and r["end_date"] < date(2021, 11, 1)) > 0, "short terms"
    assert {r["disposal"] for r in seizures(clean, "RELEASED")} == {None, "WHOLE", "PARTIAL"}


def test_some_homes_are_seized_before_they_are_in_the_building_table(clean: list[Planned]) -> None:
    entered: set[str] = set()
    early = 0
    for planned in clean:
        if planned.record and planned.subject == "unit":
            entered.add(planned.record["house_code"])
        elif planned.record and planned.subject == "seizure":
            house = planned.record["house_code"]
            early += house is not None and house not in entered
    assert early > 0


def test_people_are_known_by_other_documents_and_buy_by_them(clean: list[Planned]) -> None:
    linked = {
        party for p in clean if p.facts and p.subject == "alias" for party in p.facts.terms["parties"][:1]
    }
    assert {len(number) for kind, number in linked if kind == "1"} == {15}
    assert any(kind == "3" for kind, _ in linked)
    bought = {party for p in clean if p.facts and p.subject == "sale" for party in p.facts.terms["parties"]}
    assert linked & bought


def test_the_ranks_of_live_mortgages_differ(clean: list[Planned]) -> None:
    ranks: dict[tuple[str, int], str] = {}
    for planned in clean:
        if planned.record and planned.subject == "mortgage":
            record = planned.record
            place = record["house_code"], record["rank"]
            if record["event_type"] in ("CANCELLED", "REVOKED", "VOIDED"):
                ranks.pop(place, None)
            else:
                assert ranks.setdefault(place, record["entity_id"]) == record["entity_id"]


def test_off_plan_sales_name_a_permit_of_their_project(clean: list[Planned]) -> None:
    permits = {
        number
        for p in clean
        if p.facts and p.subject == "project"
        for number, _, _ in p.facts.terms["permits"]
    }
    named = {
        p.record["presale_permit_no"]
        for p in clean
        if p.record and p.subject == "sale" and p.record["contract_kind"] == "11"
    }
    assert named <= permits
