"""The front door on real servers: every answer to a filing and to a question, and what is written for it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx

from qianbei.site import Site
from tests.support.door_client import client, file, known_client, problem, site_token, story, written
from tests.support.exchange import Exchange
from tests.support.front_door import json_of, new_id
from tests.support.story import Event, event, example

# --- filings --------------------------------------------------------------------------------------------------------


def test_a_filing_is_accepted_and_the_same_again_gives_the_same_decision(
    bureau: httpx.Client, site: Site
) -> None:
    unit, signed, filed = story()
    first = [file(bureau, one) for one in (unit, signed, filed)]
    assert [a.status_code for a in first] == [200, 200, 200], [a.text for a in first]
    assert first[2].json()["outcome"] == "ACCEPTED"
    assert first[2].json()["revision"] == 2
    assert first[2].json()["duplicate"] is False
    before = written(site)
    again = file(bureau, filed)
    assert again.status_code == 200
    assert again.json() == first[2].json() | {"duplicate": True}
    assert written(site) == before


def test_the_same_content_in_another_form_is_the_same(bureau: httpx.Client) -> None:
    unit = story()[0]
    first = file(bureau, unit)
    body = json_of(unit)
    body["gross_area"] = float(body["gross_area"])
    body["occurred_at"] = body["occurred_at"].replace("Z", "+00:00")
    again = bureau.post(
        "/v1/filings/unit",
        content=json.dumps(dict(reversed(body.items())), indent=3).encode(),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert again.status_code == 200, again.text
    assert again.json() == first.json() | {"duplicate": True}


def test_a_refusal_says_why_in_two_languages_with_its_legal_basis(bureau: httpx.Client, site: Site) -> None:
    unit, signed, _ = story()
    other = Event(
        "bureau", "sale", signed.record | {"event_id": new_id(), "entity_id": "other", "contract_no": "other"}
    )
    assert [file(bureau, one).status_code for one in (unit, signed)] == [200, 200]
    refused = problem(file(bureau, other), 409, "conflict")
    reason = next(r for r in refused["decision"]["reasons"] if r["code"] == "UNIT_ALREADY_SOLD")
    assert reason["zh"]
    assert reason["en"]
    assert reason["legal_basis"]
    assert reason["field"] == "house_code"
    assert reason["rule_version"]
    assert reason["evidence"][0]["entity_id"] == signed.record["entity_id"]
    before = written(site)
    assert file(bureau, other).json() == refused | {"duplicate": True}
    assert written(site) == before


def test_a_wrong_value_is_refused_by_admission_as_422(bureau: httpx.Client) -> None:
    unit = story()[0]
    wrong = Event("bureau", "unit", unit.record | {"planned_use_code": "zz"})
    refused = problem(file(bureau, wrong), 422, "invalid")
    assert {r["code"] for r in refused["decision"]["reasons"]} == {"UNKNOWN_CODE"}


def test_an_event_id_for_other_content_is_a_conflict(bureau: httpx.Client, site: Site) -> None:
    unit = story()[0]
    assert file(bureau, unit).status_code == 200
    before = written(site)
    reused = file(bureau, Event("bureau", "unit", unit.record | {"county_code": "411403"}))
    problem(reused, 409, "event-id-reused")
    assert written(site) == before


def test_when_the_wait_runs_out_the_filing_is_safe_and_its_decision_is_at_location(
    exchange: Exchange, bureau: httpx.Client
) -> None:
    unit = story()[0]
    exchange.supervisor.stop("admission-0")
    try:
        later = file(bureau, unit, wait_ms=200)
        assert later.status_code == 202, later.text
        assert later.json() == {"event_id": unit.record["event_id"], "outcome": "PENDING"}
        problem(bureau.get(later.headers["location"]), 404, "not-found")
    finally:
        exchange.ensure_services(1)
    decided = bureau.get(later.headers["location"], params={"wait_ms": 30000})
    assert decided.status_code == 200, decided.text
    assert decided.json()["outcome"] == "ACCEPTED"
    again = file(bureau, unit)
    assert again.json() == decided.json() | {"duplicate": True}


def test_many_at_once_are_each_answered_with_their_own_decision(bureau: httpx.Client) -> None:
    units = [story()[0] for _ in range(60)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda one: file(bureau, one), units))
    assert [a.status_code for a in answers] == [200] * 60
    assert [a.json()["entity_id"] for a in answers] == [u.record["entity_id"] for u in units]


def test_one_sent_twice_at_the_same_moment_is_decided_once(bureau: httpx.Client) -> None:
    unit = story()[0]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: file(bureau, unit), range(4)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["decision_id"] for a in answers}) == 1


def test_a_batch_keeps_its_order_and_answers_each(bureau: httpx.Client) -> None:
    items = [{"subject": one.subject, "filing": json_of(one)} for one in story()]
    items.insert(1, {"subject": "sale", "filing": {"event_id": new_id()}})
    items.append({"subject": "seizure", "filing": {}})
    answer = bureau.post("/v1/filings:batch", json=items)
    assert answer.status_code == 200, answer.text
    assert [one["status"] for one in answer.json()] == [200, 422, 200, 200, 403]
    assert [one["body"].get("revision") for one in answer.json()] == [1, None, 1, 2, None]


# --- asking ---------------------------------------------------------------------------------------------------------


def question(house: str, **more: Any) -> dict[str, Any]:
    return {
        "subject": "sale",
        "house_code": house,
        "county_code": "411402",
        "contract_kind": "21",
        "parties": [{"role": "BUYER", "id_type": "1", "id_no": "41142119850115123X"}],
    } | more


def test_eligibility_says_what_stands_in_the_way_and_changes_nothing(
    bureau: httpx.Client, site: Site
) -> None:
    unit, signed, _ = story()
    house = unit.record["house_code"]

    def codes() -> set[str]:
        answer = bureau.post("/v1/eligibility", json=question(house))
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["eligible"] is not bool(found["reasons"])
        return {r["code"] for r in found["reasons"]}

    before = written(site)
    assert codes() == {"UNIT_UNKNOWN"}
    assert written(site) == before
    file(bureau, unit)
    assert codes() == set()
    file(bureau, signed)
    assert codes() == {"UNIT_ALREADY_SOLD"}


def test_eligibility_knows_seizures_and_listed_buyers(bureau: httpx.Client, site: Site, url: str) -> None:
    unit = story()[0]
    house = unit.record["house_code"]
    file(bureau, unit)
    listed = example("defaulter", "listed")
    listing = event("court", "defaulter", listed, entity_id=f"L-{house}", version=1, expires_on=None)
    served = {"served_at": datetime.now(UTC), "start_date": None, "end_date": None}
    seizure = event(
        "court",
        "seizure",
        example("seizure", "seized") | served,
        entity_id=f"S-{house}",
        house_code=house,
        version=1,
    )
    with known_client(url, site_token(site, "court")[1]) as court:
        for one in (listing, seizure):
            answer = file(court, one)
            assert answer.status_code == 200, answer.text
    party = listed["parties"][0]
    buyer = {"role": "BUYER", "id_type": party["id_type"], "id_no": party["id_no"]["ciphertext"].decode()}
    found = bureau.post("/v1/eligibility", json=question(house, parties=[buyer])).json()
    assert {r["code"] for r in found["reasons"]} == {"UNIT_SEIZED", "LISTED_BUYER"}


def test_it_is_healthy_and_measured(url: str, bureau: httpx.Client) -> None:
    with client(url, None) as anyone:
        assert anyone.get("/healthz").json() == {"status": "ok"}
        assert anyone.get("/openapi.json").json()["openapi"] == "3.1.0"
