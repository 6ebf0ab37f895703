"""Every answer of the door, over an exchange without servers: what is answered, and what is written for it."""

import json
from typing import Any

import httpx
import pytest

from broker.api.limits import Limits
from tests.support.door_client import problem
from tests.support.front_door import Client, FakeDoor, forms, json_of, new_id, reason
from tests.support.story import Event, sold_house

FORMS, DECODER = forms()


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor(FORMS, DECODER)


@pytest.fixture
def client(door: FakeDoor) -> Client:
    return Client(door)


def unit() -> Event:
    return sold_house()[0]


def file(client: Client, sent: Event, token: str | None = None, query: str = "") -> httpx.Response:
    return client.post(f"/v1/filings/{sent.subject}{query}", json_of(sent), token)


# --- filings --------------------------------------------------------------------------------------------------------


def test_accepted_then_the_same_again_is_not_written_again(client: Client, door: FakeDoor) -> None:
    sent = unit()
    first = file(client, sent)
    assert first.status_code == 200
    assert first.json()["duplicate"] is False
    assert file(client, sent).json() == first.json() | {"duplicate": True}
    assert len(door.written) == 1


def test_other_content_under_the_same_id_is_refused_with_the_first_decision(
    client: Client, door: FakeDoor
) -> None:
    sent = unit()
    first = file(client, sent).json()
    other = Event("bureau", "unit", sent.record | {"county_code": "411403"})
    found = problem(file(client, other), 409, "event-id-reused")
    assert found["decision"] == {name: value for name, value in first.items() if name != "duplicate"}
    assert len(door.written) == 1


@pytest.mark.parametrize(
    ("codes", "status", "kind"),
    [
        (("UNKNOWN_CODE",), 422, "invalid"),
        (("UNIT_SEIZED",), 409, "conflict"),
        (("UNKNOWN_CODE", "UNIT_SEIZED"), 409, "conflict"),
        (("STALE",), 409, "conflict"),
    ],
)
def test_a_refusal_is_told_by_what_its_sender_can_do(
    client: Client, door: FakeDoor, codes: tuple[str, ...], status: int, kind: str
) -> None:
    door.reasons = tuple(reason(code) for code in codes)
    found = problem(file(client, unit()), status, kind)
    assert found["duplicate"] is False
    assert [one["code"] for one in found["decision"]["reasons"]] == list(codes)


def test_a_warning_refuses_nothing(client: Client, door: FakeDoor) -> None:
    door.reasons = (reason("USCC_CHECK", "WARN"),)
    assert file(client, unit()).json()["outcome"] == "ACCEPTED"


def test_when_the_wait_is_over_it_is_safe_and_told_where_to_ask(client: Client, door: FakeDoor) -> None:
    door.deciding = False
    sent = unit()
    later = file(client, sent, query="?wait_ms=0")
    assert later.status_code == 202
    assert later.json() == {"event_id": sent.record["event_id"], "outcome": "PENDING"}
    place = later.headers["location"]
    problem(client.get(place), 404, "not-found")
    door.decide(door.written[0])
    assert client.get(place).json()["outcome"] == "ACCEPTED"


def test_what_was_not_acknowledged_is_503_and_names_no_server(client: Client, door: FakeDoor) -> None:
    door.broken = True
    for answer in (file(client, unit()), client.post("/v1/eligibility", QUESTION)):
        found = problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        assert "secrets" not in json.dumps(found)
    assert client.get("/healthz", "").status_code == 503


def test_a_failure_of_ours_is_500_and_its_message_is_neither_told_nor_logged(
    client: Client, door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_message: object) -> None:
        raise KeyError("王某某")

    monkeypatch.setattr(door, "post", broken)
    answer = file(client, unit())
    problem(answer, 500, "failed")
    assert "王" not in answer.text
    (line,) = client.logged
    assert (line["event"], line["kind"], line["route"]) == ("request failed", "KeyError", "/v1/filings/unit")
    assert "王" not in str(line)


# --- batches --------------------------------------------------------------------------------------------------------


def batch(*sent: Event) -> list[dict[str, Any]]:
    return [{"subject": one.subject, "filing": json_of(one)} for one in sent]


def test_a_batch_answers_each_in_its_order_and_writes_what_can_be(client: Client, door: FakeDoor) -> None:
    story = sold_house()
    items = batch(*story)
    items.insert(1, {"subject": "sale", "filing": {}})
    items.append(items[0])
    answer = client.post("/v1/filings:batch", items)
    assert answer.status_code == 200, answer.text
    assert [one["status"] for one in answer.json()] == [200, 422, 200, 200, 200]
    assert answer.json()[4]["body"]["duplicate"] is True
    assert len(door.written) == 4


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        "x",
        [1],
        [{}],
        [{"subject": "sale"}],
        [{"subject": "conflict", "filing": {}}],
        [{"subject": "sale", "filing": {}, "more": 1}],
        [{"subject": ["sale"], "filing": {}}],
    ],
)
def test_what_is_no_batch_is_refused_whole(client: Client, door: FakeDoor, body: Any) -> None:
    good = batch(unit())
    problem(
        client.post("/v1/filings:batch", [*good, *body] if isinstance(body, list) and body else body),
        422,
        "invalid",
    )
    assert door.written == []


def test_a_batch_has_a_length_and_counts_as_what_it_holds(door: FakeDoor) -> None:
    client = Client(door, limits=Limits(rate=1, batch_items=4))
    problem(client.post("/v1/filings:batch", batch(*[unit() for _ in range(5)])), 422, "invalid")
    problem(client.post("/v1/filings:batch", batch(*[unit() for _ in range(4)])), 429, "too-many-requests")
    assert door.written == []


# --- who may --------------------------------------------------------------------------------------------------------


def test_no_token_or_a_wrong_one_is_401_before_anything_is_read(client: Client, door: FakeDoor) -> None:
    expired = client.issue("bureau", days=0)
    for token in ("", "x", expired):
        answer = file(client, unit(), token)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        for path in ("/v1/filings:batch", "/v1/eligibility"):
            problem(client.call("POST", path, token, content=b"{"), 401, "unauthorized")
        problem(client.get(f"/v1/decisions/{new_id()}", token), 401, "unauthorized")
    assert door.written == []


def test_each_action_needs_its_scope(client: Client, door: FakeDoor) -> None:
    reader, asker = client.issue("bureau", "read"), client.issue("bureau", "ask:lease")
    of_sales = client.issue("bureau", "file:sale")
    problem(file(client, unit(), reader), 403, "forbidden")
    problem(file(client, unit(), of_sales), 403, "forbidden")
    problem(client.post("/v1/filings:batch", batch(unit()), asker), 403, "forbidden")
    problem(client.post("/v1/eligibility", QUESTION, asker), 403, "forbidden")
    problem(client.post("/v1/eligibility", QUESTION, of_sales), 403, "forbidden")
    problem(client.get(f"/v1/decisions/{new_id()}", of_sales), 403, "forbidden")
    mixed = client.post("/v1/filings:batch", batch(unit()), of_sales)
    assert [one["status"] for one in mixed.json()] == [403]
    assert door.written == []


def test_nobody_files_for_another_or_reads_what_is_not_his(client: Client, door: FakeDoor) -> None:
    sent = unit()
    file(client, sent)
    tax = client.issue("tax")
    foreign = Event("court", "unit", unit().record | {"source": "court"})
    problem(file(client, foreign), 403, "forbidden")
    problem(file(client, unit(), tax), 403, "forbidden")
    problem(client.get(f"/v1/decisions/{sent.record['event_id']}", tax), 404, "not-found")
    assert client.get(f"/v1/decisions/{sent.record['event_id']}").status_code == 200
    assert len(door.written) == 1


def test_too_many_requests_are_429_with_when_to_come_again(door: FakeDoor) -> None:
    client = Client(door, limits=Limits(rate=1, batch_items=2))
    assert [file(client, unit()).status_code for _ in range(2)] == [200, 200]
    answer = file(client, unit())
    problem(answer, 429, "too-many-requests")
    assert answer.headers["retry-after"] == "1"
    assert file(client, unit(), client.issue("bureau")).status_code == 200
    assert len(door.written) == 3


def test_when_too_many_wait_no_more_are_taken(client: Client, door: FakeDoor) -> None:
    door.waiting = client.limits.waiting
    problem(file(client, unit()), 503, "unavailable")
    problem(client.post("/v1/filings:batch", batch(unit())), 503, "unavailable")
    assert door.written == []


def test_the_audit_names_the_token_and_nothing_of_the_content(client: Client) -> None:
    file(client, unit(), "x")
    reader = client.issue("bureau", "read")
    file(client, unit(), reader)
    client.post("/v1/eligibility", QUESTION)
    file(client, unit())
    shown = [(one["route"], one["status"], one["token"]) for one in client.logged]
    assert shown == [
        ("/v1/filings/unit", 401, None),
        ("/v1/filings/unit", 403, reader.split("_")[1]),
        ("/v1/eligibility", 200, client.presented.split("_")[1]),
    ]
    assert "41142119850115123X" not in str(client.logged)
    assert client.presented.split("_")[2] not in str(client.logged)


# --- requests that are none -----------------------------------------------------------------------------------------


def test_bad_bodies_are_refused_and_nothing_is_written(door: FakeDoor) -> None:
    client = Client(door, limits=Limits(body_bytes=100, batch_bytes=100))
    path = "/v1/filings/unit"
    as_json = {"Content-Type": "application/json"}
    problem(file(client, unit()), 413, "too-large")
    problem(client.post("/v1/filings:batch", batch(unit())), 413, "too-large")
    problem(client.call("POST", path, content=b"{", headers=as_json), 400, "bad-request")
    problem(client.call("POST", path, content=b"{}"), 415, "unsupported-media-type")
    problem(client.call("POST", path, content=b"[]", headers=as_json), 422, "invalid")
    assert door.written == []


@pytest.mark.parametrize("wait", ["x", "-1", "30001", "", "1.5", "1&wait_ms=2", "0000000001"])
def test_a_wait_that_is_none_is_422(client: Client, door: FakeDoor, wait: str) -> None:
    problem(file(client, unit(), query=f"?wait_ms={wait}"), 422, "invalid")
    problem(client.get(f"/v1/decisions/{new_id()}?wait_ms={wait}"), 422, "invalid")
    assert door.written == []


@pytest.mark.parametrize("event_id", ["x", "", "%00", "..", "3310BE2C-12E5-40F0-80CB-60C086E99154"])
def test_an_id_that_is_none_has_no_decision(client: Client, event_id: str) -> None:
    problem(client.get(f"/v1/decisions/{event_id}"), 404, "not-found")


def test_what_is_not_there_and_how_it_cannot_be_asked(client: Client) -> None:
    for path in ("/", "/docs", "/redoc", "/v1/filings/conflict", "/v1/eligibility/", "/v1/filings/unit/"):
        problem(client.post(path, {}), 404, "not-found")
    answer = client.get("/v1/eligibility")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


# --- asking ---------------------------------------------------------------------------------------------------------

QUESTION = {
    "subject": "sale",
    "house_code": "41140200120200600001201016",
    "county_code": "411402",
    "contract_kind": "21",
    "parties": [{"role": "BUYER", "id_type": "1", "id_no": "41142119850115123X"}],
}


def test_a_question_is_answered_and_nothing_is_written(client: Client, door: FakeDoor) -> None:
    answer = client.post("/v1/eligibility", QUESTION)
    assert answer.status_code == 200, answer.text
    as_of = "2026-01-02T00:00:00Z"
    assert answer.json() == {"eligible": True, "reasons": [], "warnings": [], "as_of": as_of}
    assert answer.headers["cache-control"] == "no-store"
    assert door.written == []


def test_health_needs_no_token_and_tells_nothing_else(client: Client) -> None:
    assert client.get("/healthz", "").json() == {"status": "ok"}
    assert client.get("/openapi.json", "").json()["info"]["version"] == "test"
