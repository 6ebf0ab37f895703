"""A lease is filed and asked about: `audit who`, the citizen and the assessor are told what the hand-written table says."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from broker.disclosed.figures import QUERIES
from broker.store.connect import connected
from qianbei.cli import assessment_cmd, audit_cmd, who_cmd
from qianbei.site import Site
from schemas.catalogue import load_catalogue
from schemas.derive import ALWAYS
from schemas.entitlements import grants, load_entitlements
from tests.entitlement.table import Way, table
from tests.integration.test_query_live import filed_lease
from tests.support.door_client import known_client, site_token
from tests.support.exchange import Exchange, until
from tests.support.gov_client import Platform
from tests.support.latest import OFFICER

GRANTS = grants(load_entitlements())
CASE = "（2020）豫1402执1号"
Json = dict[str, Any]
Run = Callable[..., Any]


@pytest.fixture
def run(audited: Exchange, monkeypatch: pytest.MonkeyPatch) -> Run:
    for module in (audit_cmd, who_cmd, assessment_cmd):
        monkeypatch.setattr(module, "current_site", lambda: audited.site)

    def command(*words: str, given: str = "") -> str:
        ran = CliRunner().invoke(audit_cmd.audit_command, words, input=given, catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    return command


def who(run: Run, *words: str, given: str = "") -> list[Json]:
    told = json.loads(run("who", *words, "--reason", "a test", "--json", given=given))
    return [one for one in told["disclosures"] if not one["way"].startswith("audit/")]


def ask(url: str, site: Site, principal: str, name: str, purpose: str, asked: Json) -> Json:
    number = {"case_no": CASE} if principal == "court" else {"business_no": "JW-1"}
    with known_client(url, site_token(site, principal)[1]) as department:
        body = {"officer": OFFICER, "purpose": purpose, "asked": asked, **number}
        answer = department.post(f"/v1/query/{principal}/{name}", json=body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def expected(department: str, role: str) -> set[str]:
    """The fields that the table gives a department of the lease of somebody who stands in this role, and is no occupant."""
    way = Way(department, "topic/lease", "lease")
    roles = table().roles.get((way, "parties"))
    hidden = {"occupants"} | (set() if roles is None or role in roles else {"parties"})
    return {path for path in table().of(way) if path.partition(".")[0] not in hidden} | set(ALWAYS)


def in_the_table(department: str, fields: list[str]) -> set[str]:
    """Fields as they left, by their names in the table: a masked one has its own name where it is shown."""
    (terms,) = [g.terms for g in GRANTS if (g.department, g.subject) == (department, "lease")]
    heads = {path: path.rpartition(".")[0] for path in terms.masks}
    names = {".".join(filter(None, (heads[path], mask.name))): path for path, mask in terms.masks.items()}
    return {names.get(field, field) for field in fields}


def test_who_saw_a_tenant(
    audited: Exchange, bureau: httpx.Client, url: str, run: Run, tmp_path: Path
) -> None:
    site, tenant = audited.site, {"id_type": "99", "id_no": uuid.uuid4().hex.upper(), "name": "张三丰"}
    lease = filed_lease(bureau, tenant)
    house = {"house_code": lease["house_code"]}
    police = partial(ask, url, site, "police", "tenants_of_house", "HOUSE_POPULATION", house)
    until("the lease is folded", lambda: bool(police()["answer"]["leases"]), 30)
    document = {name: tenant[name] for name in ("id_type", "id_no")}
    ask(url, site, "court", "everything_on_person", "PERSON_IN_EXECUTION", {"person": document})
    until("the audit reader", lambda: reads(site))
    find = partial(who, run, "--person", given=f"99 {tenant['id_no']}\n")
    sees_all = {d for (d, way), rows in table().terms.items() if (way, rows) == ("topic/lease", ("all",))}
    sent = {(department, revision) for department in sees_all for revision in (1, 2)}
    until("the index", lambda: {(one["department"], one["revision"]) for one in topics_of(find())} == sent)
    rows = find()
    for one in topics_of(rows):
        fields = in_the_table(one["department"], one["fields"])
        assert fields == expected(one["department"], "LESSEE"), one["way"]
    of_answers(rows)
    assert [one["at"] for one in rows] == sorted(one["at"] for one in rows)
    assert tenant["id_no"] not in json.dumps(rows)
    places = {one["place"] for one in rows}
    assert places <= {one["place"] for one in who(run, lease["contract_no"])}
    assert places <= {one["place"] for one in who(run, "--house", lease["house_code"])}
    the_look_is_written_down(run, site, lease["contract_no"])
    a_citizen_is_told_of_all_but_the_court(site, bureau, tenant, rows)
    an_assessor_is_told_no_person(run, tmp_path, tenant)


def reads(site: Site) -> bool:
    with connected(site.admin.dsn(), "test") as db:
        return bool(db.execute("SELECT 1 FROM audit.position LIMIT 1").fetchall())


def topics_of(rows: list[Json]) -> list[Json]:
    return [one for one in rows if one["kind"] == "topic"]


def of_answers(rows: list[Json]) -> None:
    court, police = (
        next(one for one in rows if one["way"] == way)
        for way in ("court/everything_on_person", "police/tenants_of_house")
    )
    assert len(rows) == len(topics_of(rows)) + 2
    assert (court["number"], court["officer_id"]) == (CASE, OFFICER["id"])
    assert court["purpose_code"] == "PERSON_IN_EXECUTION"
    shown = {f"leases.{path}" for path in table().of(Way("police", "query/tenants_of_house/leases", "lease"))}
    assert {"leases.parties.name", "leases.address"} <= set(police["fields"]) <= shown
    assert not [path for path in police["fields"] if "occupants" in path]


def the_look_is_written_down(run: Run, site: Site, contract: str) -> None:
    words = ("who", contract, "--reason", "written down", "--operator", "auditor-7", "--json")
    until("the index has caught up", lambda: json.loads(run(*words))["behind"] == 0)
    look = json.loads(run(*words))
    query = "SELECT query, officer_id, number, records FROM audit.access WHERE access_id = %s"
    with connected(site.admin.dsn(), "test") as db:
        kept = db.execute(query, (look["access_id"],)).fetchone()
    assert kept == ("audit/who", "auditor-7", "written down", len(look["disclosures"]))
    assert look["behind"] == 0


def a_citizen_is_told_of_all_but_the_court(
    site: Site, client: httpx.Client, tenant: dict[str, str], rows: list[Json]
) -> None:
    platform = Platform.issued(site.admin.dsn(), site.settings("qb-api", role="qb_api").party_key())
    body = {"purpose": "CITIZEN_OWN_DISCLOSURES", "business_no": "ZW-1"}
    path = "/v1/gov/own_disclosures"

    def told(name: str) -> httpx.Response:
        citizen = tenant | {"name": name, "level": 3, "session_no": "S-1"}
        return client.request(**platform.signed("POST", path, body | {"citizen": citizen}))

    answer = told(tenant["name"])
    assert answer.status_code == 200, answer.text
    assert "Qianbei-Receipt" in answer.headers
    names = {name: principal.zh for name, principal in load_catalogue().principals.items()}
    wanted = Counter(names[one["department"]] for one in rows if one["department"] != "court")
    seen = answer.json()["answer"]["seen"]
    assert Counter(one["department"] for one in seen) == wanted
    assert not [
        text for text in (OFFICER["id"], OFFICER["name"], CASE, "JW-1", "法院") if text in answer.text
    ]
    assert all("当事人·姓名或名称" in one["fields"] for one in seen if one["how"] == "查询")
    assert told("李四").json()["answer"]["seen"] == []


def an_assessor_is_told_no_person(run: Run, out: Path, tenant: dict[str, str]) -> None:
    told = json.loads(run("report", "--out", str(out), "--json"))
    month = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m}"
    asked = ("court/everything_on_person", month)
    court = [row for row in told["questions"] if (row["query"], row["month"]) == asked]
    assert sum(row["granted"] for row in court) >= 1
    assert {row["department"] for row in told["topics"]} >= {"police", "court"}
    assert [row for row in told["acts"] if (row["act"], row["operator"]) == ("AUDIT_WHO", "auditor-7")]
    assert told["checkpoints"]
    files = {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}
    assert {"report.html", *(f"{name}.csv" for name in (*QUERIES, "acts"))} <= files.keys()
    assert "信息披露与审计报告" in files["report.html"]
    assert not [name for name, text in files.items() if tenant["id_no"] in text or tenant["name"] in text]
