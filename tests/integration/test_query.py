"""The query API on a real Postgres: what is asked, what is answered, and what is written down before."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from broker.compaction.indexes import INDEXED
from broker.compaction.opening import create_tables
from broker.query.records import latest_specs
from tests.support.front_door import made_token
from tests.support.latest import OFFICER, Latest, example_json, latest_on

PARENT = {"id_type": "1", "id_no": "411499199003070015"}
LEASE = example_json("lease", "filed")
ADDRESS = LEASE["address"]
NOTHING = {"matched": False, "filed_on": None, "lease_start": None, "lease_end": None}


@pytest.fixture(scope="module")
def latest(dsn: str) -> Iterator[Latest]:
    with latest_on(dsn) as one:
        one.put("lease", lease_of("L-1", PARENT))
        yield one


def lease_of(entity_id: str, lessee: dict[str, str], **changes: Any) -> dict[str, Any]:
    parties = [party | lessee if party["role"] == "LESSEE" else party for party in LEASE["parties"]]
    runs = {"lease_start": "2026-01-01", "lease_end": "2035-12-31", "contract_status": "FILED"}
    return LEASE | runs | {"entity_id": entity_id, "contract_no": entity_id, "parties": parties} | changes


def ask(latest: Latest, parent: dict[str, str] = PARENT, address: str = ADDRESS, **changes: Any) -> Any:
    return latest.ask("education", "home_for_admission", {"parent": parent, "address": address}, **changes)


def test_an_answer_and_its_row(latest: Latest) -> None:
    answer = ask(latest)
    assert answer.status_code == 200
    told = answer.json()
    assert told["answer"] == {
        "matched": True,
        "filed_on": LEASE["filed_at"][:10],
        "lease_start": "2026-01-01",
        "lease_end": "2035-12-31",
    }
    row = latest.accesses()[-1]
    assert str(row["access_id"]) == told["access_id"]
    assert (row["principal"], row["query"]) == ("education", "education/home_for_admission")
    assert (row["officer_id"], row["officer_name"]) == (OFFICER["id"], OFFICER["name"])
    assert (row["purpose"], row["number_kind"], row["number"]) == (
        "SCHOOL_ADMISSION",
        "business_no",
        "YW-2020-1",
    )
    assert (row["granted"], row["code"], row["records"]) == (True, "answered", 0)
    assert row["fields"] == ["matched", "filed_on", "lease_start", "lease_end"]
    assert row["answer_sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert [len(ref) for ref in row["parties"]] == [64]
    assert PARENT["id_no"] not in str(row)
    assert row["seq"] == 1
    assert row["latency_us"] > 0


def test_nobody_else_and_nowhere_else(latest: Latest) -> None:
    assert ask(latest, parent={"id_type": "1", "id_no": "411499196802291232"}).json()["answer"] == NOTHING
    assert ask(latest, address="河南省商丘市别处1号").json()["answer"] == NOTHING
    assert ask(latest, address=f" {ADDRESS} ").json()["answer"]["matched"]


def test_a_former_document_finds_the_same_person(latest: Latest) -> None:
    """A passport, then the next one: linked by an alias, until it is unlinked."""
    old, new = ({"id_type": "3", "id_no": number} for number in ("E12345678", "EA7654321"))
    latest.put("lease", lease_of("L-2", old))
    assert ask(latest, parent=new).json()["answer"] == NOTHING
    alias = example_json("alias", "id-card-renewed")
    parties = [
        alias["parties"][0] | {"role": role} | document for role, document in (("OLD", old), ("NEW", new))
    ]
    linked = alias | {"entity_id": "A-1", "parties": parties}
    latest.put("alias", linked, status="LINKED")
    assert ask(latest, parent=new).json()["answer"]["matched"]
    latest.put("alias", linked, status="UNLINKED", revision=2)
    assert ask(latest, parent=new).json()["answer"] == NOTHING


@pytest.mark.parametrize(
    ("changes", "status", "code", "path"),
    [
        ({"purpose": "TAX_AUDIT"}, 403, "forbidden", None),
        ({"principal": "civil"}, 403, "forbidden", None),
        ({"officer": None}, 422, "invalid", "officer"),
        ({"officer": {"id": "1"}}, 422, "invalid", "officer.name"),
        ({"business_no": None}, 422, "invalid", "business_no"),
        ({"case_no": "（2020）豫1402执1号"}, 422, "invalid", ""),
    ],
)
def test_what_is_refused_is_written_down(
    latest: Latest, changes: dict[str, Any], status: int, code: str, path: str | None
) -> None:
    before = len(latest.accesses())
    answer = ask(latest, **changes)
    assert answer.status_code == status, answer.text
    assert path is None or path in [one["path"] for one in answer.json()["problems"]]
    rows = latest.accesses()
    assert len(rows) == before + 1
    assert (rows[-1]["granted"], rows[-1]["code"], rows[-1]["fields"]) == (False, code, [])
    assert rows[-1]["answer_sha256"] is None


def test_a_wrong_number_is_named_by_its_path_and_not_repeated(latest: Latest) -> None:
    answer = ask(latest, parent={"id_type": "1", "id_no": "411499199003070016"})
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["problems"]] == ["asked.parent"]
    assert "411499" not in answer.text


def test_without_a_row_nothing_is_answered(latest: Latest) -> None:
    with psycopg.connect(latest.dsn, autocommit=True) as db:
        db.execute("ALTER TABLE audit.access ADD CONSTRAINT closed CHECK (at < '2000-01-01') NOT VALID")
        try:
            answer = ask(latest)
        finally:
            db.execute("ALTER TABLE audit.access DROP CONSTRAINT closed")
    assert answer.status_code == 503
    assert "answer" not in answer.json()
    assert ask(latest).status_code == 200


def test_calls_that_come_together_share_commits_and_are_counted_without_a_gap(latest: Latest) -> None:
    token, presented = made_token("education")
    headers = {"Authorization": f"Bearer {presented}"}
    body = {
        "officer": OFFICER,
        "purpose": "SCHOOL_ADMISSION",
        "business_no": "many",
        "asked": {"parent": PARENT, "address": ADDRESS},
    }

    async def many(client: httpx.AsyncClient) -> list[httpx.Response]:
        path = "/v1/query/education/home_for_admission"
        return list(await asyncio.gather(*(client.post(path, json=body, headers=headers) for _ in range(40))))

    answers = latest.talk(many, token)
    assert {answer.status_code for answer in answers} == {200}
    rows = [row for row in latest.accesses() if row["number"] == "many"]
    assert {str(row["access_id"]) for row in rows} == {one.json()["access_id"] for one in answers}
    assert len({row["instance"] for row in rows}) == 1
    assert sorted(row["seq"] for row in rows) == list(range(1, 41))


def test_more_records_than_a_matter_can_have_are_refused(
    latest: Latest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.query.reading.MOST_RECORDS", 0)
    answer = ask(latest)
    assert answer.status_code == 422
    assert [one["how"] for one in answer.json()["problems"]] == ["ask more narrowly"]


def test_a_table_of_an_older_release_gets_the_indexes_that_were_declared_since(latest: Latest) -> None:
    specs = list(latest_specs().values())
    with psycopg.connect(latest.dsn, autocommit=True) as db:
        db.execute("DROP INDEX latest.sale_house_code")
        create_tables(latest.dsn, specs)
        create_tables(latest.dsn, specs)
        found = db.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'latest'").fetchall()
    wanted = {f"{subject}_{column}" for subject, columns in INDEXED.items() for column in columns}
    assert wanted <= {name for (name,) in found}
