"""The citizens' channel on a real Postgres: signatures, one's own contracts alone, receipts, the catalogue item."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from broker.gov.receipts import HEADER, content_of, genuine
from broker.gov.signing import WINDOW_S
from tests.support.door_client import problem
from tests.support.gov_client import SHA256, SM3, Platform, expire
from tests.support.latest import KEY, Latest, example_json, latest_on

PATH = "/v1/gov/own_contracts"
BUYER = {"id_type": "1", "id_no": "411499199003070015", "name": "张三丰"}
SALE = example_json("sale", "presale")
LEASE = example_json("lease", "filed")


def with_party(record: dict[str, Any], role: str, person: dict[str, str], key: str, **changes: Any) -> Any:
    parties = [p | person if p["role"] == role else p for p in record["parties"]]
    return record | {"entity_id": key, "contract_no": key, "parties": parties} | changes


@pytest.fixture(scope="module")
def latest(dsn: str) -> Iterator[Latest]:
    with latest_on(dsn) as one:
        one.put("sale", with_party(SALE, "BUYER", BUYER, "S-own"))
        one.put("sale", with_party(SALE, "BUYER", BUYER, "S-draft", contract_status="DRAFT"))
        one.put("lease", with_party(LEASE, "LESSOR", BUYER | {"name": "李四"}, "L-other-name"))
        one.put("lease", with_party(LEASE, "LESSEE", BUYER, "L-own", contract_status="CANCELLED"))
        yield one


@pytest.fixture(scope="module")
def platform(latest: Latest) -> Platform:
    return Platform.issued(latest.dsn, KEY)


def call(person: dict[str, str] = BUYER, **changes: Any) -> dict[str, Any]:
    citizen = {**person, "level": 3, "session_no": "S-2020-1"}
    return {"purpose": "CITIZEN_OWN_CONTRACTS", "business_no": "ZW-1", "citizen": citizen} | changes


def ask(latest: Latest, platform: Platform, body: Any = None, **how: Any) -> httpx.Response:
    return send(latest, platform.signed("POST", PATH, call() if body is None else body, **how))


def send(latest: Latest, request: dict[str, Any]) -> httpx.Response:
    return latest.talk(lambda client: client.request(**request))


@pytest.mark.parametrize("scheme", [SM3, SHA256])
def test_a_citizen_sees_his_own_contracts_and_no_whole_name(
    latest: Latest, platform: Platform, scheme: str
) -> None:
    answer = ask(latest, platform, scheme=scheme)
    assert answer.status_code == 200, answer.text
    told = answer.json()["answer"]
    assert [(one["contract_no"], one["own_roles"]) for one in told["sales"]] == [("S-own", ["BUYER"])]
    assert [(one["contract_no"], one["own_roles"]) for one in told["leases"]] == [("L-own", ["LESSEE"])]
    assert told["mortgages"] == []
    assert {frozenset(p) for one in told["sales"] for p in one["parties"]} == {
        frozenset({"role", "name_masked"})
    }
    names = {p["name"] for record in (SALE, LEASE) for p in record["parties"]} | {BUYER["name"]}
    assert not [name for name in names if name in answer.text]
    row = latest.accesses()[-1]
    assert (row["principal"], row["token_id"], row["query"]) == (
        "gov",
        platform.key_id,
        "gov/own_contracts",
    )
    assert (row["granted"], row["records"], row["officer_id"], row["number"]) == (
        True,
        2,
        "S-2020-1",
        "ZW-1",
    )
    assert "sales.contract_no" in row["fields"]
    assert BUYER["id_no"] not in str(row)


def test_the_receipt_is_of_these_bytes_and_is_told_again(latest: Latest, platform: Platform) -> None:
    answer = ask(latest, platform)
    text = answer.headers[HEADER]
    content = content_of(text)
    assert genuine(platform.secret, text)
    assert not genuine(bytes(32), text)
    assert content["digest"] == hashlib.new("sm3", answer.content).hexdigest()
    assert content["receipt_id"] == answer.json()["access_id"]
    path = f"/v1/gov/receipts/{content['receipt_id']}"
    again = send(latest, platform.signed("GET", path))
    assert (again.status_code, again.json()) == (200, {"receipt": text, "content": content})
    missing = send(latest, platform.signed("GET", path[:-4] + "0000"))
    problem(missing, 404, "not-found")
    problem(latest.talk(lambda client: client.get(path)), 401, "unauthorized")


def test_under_another_name_nothing_is_disclosed(latest: Latest, platform: Platform) -> None:
    answer = ask(latest, platform, call(BUYER | {"name": "王五"}))
    assert answer.status_code == 200
    assert answer.json()["answer"] == {"sales": [], "leases": [], "mortgages": []}
    assert (latest.accesses()[-1]["granted"], latest.accesses()[-1]["code"]) == (False, "name-mismatch")
    unknown = ask(latest, platform, call({"id_type": "3", "id_no": "E99999999", "name": "王五"}))
    assert unknown.json()["answer"] == answer.json()["answer"]
    assert (latest.accesses()[-1]["granted"], latest.accesses()[-1]["code"]) == (True, "answered")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (call(purpose="LOAN_REVIEW"), 403, "forbidden"),
        (call() | {"citizen": {**BUYER, "level": 2, "session_no": "S"}}, 403, "forbidden"),
        (call() | {"citizen": {**BUYER, "level": 3}}, 422, "invalid"),
        ([], 422, "invalid"),
    ],
)
def test_what_is_refused_is_written_down(
    latest: Latest, platform: Platform, body: Any, status: int, kind: str
) -> None:
    before = len(latest.accesses())
    answer = ask(latest, platform, body)
    problem(answer, status, kind)
    assert HEADER not in answer.headers
    assert [(row["granted"], row["code"]) for row in latest.accesses()[before:]] == [(False, kind)]


def changed(request: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return request | changes


def test_a_request_that_is_not_the_signed_one_is_not_taken(latest: Latest, platform: Platform) -> None:
    before = len(latest.accesses())
    good = platform.signed("POST", PATH, call())
    other = json.dumps(call(business_no="ZW-2"), ensure_ascii=False).encode()
    authorization = good["headers"]["Authorization"]
    json_type = {"Content-Type": "application/json"}
    late, early = WINDOW_S + 30, -WINDOW_S - 30
    bad = {
        "body": changed(good, content=other),
        "query": changed(good, url=f"{PATH}?a=1"),
        "hash": changed(good, headers=json_type | {"Authorization": authorization.replace(SM3, SHA256)}),
        "token": changed(good, headers=json_type | {"Authorization": "Bearer x"}),
        "none": changed(good, headers=json_type),
        "torn": changed(good, headers=json_type | {"Authorization": authorization.partition(", nonce")[0]}),
        "late": platform.signed("POST", PATH, call(), age_s=late),
        "early": platform.signed("POST", PATH, call(), age_s=early),
        "nonce": platform.signed("POST", PATH, call(), nonce="short"),
        "key": Platform("gk0000000000000000", platform.secret).signed("POST", PATH, call()),
        "secret": Platform(platform.key_id, bytes(32)).signed("POST", PATH, call()),
        "derived": Platform("gk0000000000000000", bytes(32)).signed("POST", PATH, call()),
    }

    async def all_of(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.request(**request) for request in bad.values()]

    for name, answer in zip(bad, latest.talk(all_of), strict=True):
        assert answer.status_code == 401, name
        found = problem(answer, 401, "unauthorized")
        assert "QIANBEI-HMAC-SM3" in answer.headers["www-authenticate"]
        assert found["mend"]
    assert len(latest.accesses()) == before
    assert send(latest, good).status_code == 200


def test_a_request_is_good_once(latest: Latest, platform: Platform) -> None:
    request = platform.signed("POST", PATH, call())
    assert send(latest, request).status_code == 200
    assert "nonce" in problem(send(latest, request), 401, "unauthorized")["detail"]


def test_a_key_that_is_over_signs_nothing(latest: Latest) -> None:
    one = Platform.issued(latest.dsn, KEY)
    assert ask(latest, one).status_code == 200
    expire(latest.dsn, one)
    problem(ask(latest, one), 401, "unauthorized")


def test_the_catalogue_item_names_what_an_answer_holds_and_nothing_else(
    latest: Latest, platform: Platform
) -> None:
    item = latest.talk(lambda client: client.get("/v1/gov/catalogue")).json()
    assert item["department"] == "市住房保障和房产管理局"
    assert item["region"] == {"code": "411400", "name": "商丘市"}
    assert item["method"]["path"] == PATH
    declared = {field["name"] for field in item["fields"]}
    assert {field["sharing"] for field in item["fields"]} <= {"无条件共享", "有条件共享"}
    ask(latest, platform)
    assert set(latest.accesses()[-1]["fields"]) <= declared
    assert "sales.parties.name_masked" in declared
