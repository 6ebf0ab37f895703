"""The query API of the running front door, under the roles of the services: filed, folded, asked, written down."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from broker.store.connect import connected
from qianbei.cli.gov_key_cmd import gov_key_command
from qianbei.site import Site
from tests.support.door_client import known_client, problem, site_token
from tests.support.exchange import until
from tests.support.gov_client import Platform
from tests.support.latest import OFFICER, example_json
from tests.support.story import new_house_code

PARENT = {"id_type": "1", "id_no": "411499198607190048"}
"""In no example: those are parties of thousands of contracts that other tests file, more than a question may find."""


def filed_lease(bureau: httpx.Client, tenant: dict[str, str] = PARENT) -> dict[str, Any]:
    """A unit, and a lease of it that runs now, as the bureau files them."""
    house, today = new_house_code(), datetime.now(UTC).date()
    unit = example_json("unit", "registered") | {"entity_id": house, "house_code": house, "version": 1}
    lease = example_json("lease", "filed") | {"entity_id": f"ZL-{house}", "contract_no": f"ZL-{house}"}
    parties = [p | (tenant if p["role"] == "LESSEE" else {}) for p in lease["parties"]]
    runs = {"lease_start": str(today), "lease_end": str(today + timedelta(days=365))}
    lease |= runs | {"house_code": house, "version": 1, "parties": parties, "address": f"查询路{house}号"}
    for subject, body in (("unit", unit), ("lease", lease | {"event_type": "SIGNED"}), ("lease", lease)):
        sent = body | {"event_id": str(uuid.uuid4()), "source": "bureau"}
        if subject == "lease":
            signed = sent["event_type"] == "SIGNED"
            sent |= (
                {"version": 1, "contract_status": "SIGNED", "filing_no": None} if signed else {"version": 2}
            )
        owned = ("revision", "recorded_at", "decision_id", "interested", "interested_before", "status")
        sent = {k: v for k, v in sent.items() if k not in owned and v is not None}
        if "parties" in sent:
            sent["parties"] = [{k: v for k, v in p.items() if k != "party_ref"} for p in sent["parties"]]
        answer = bureau.post(f"/v1/filings/{subject}", json=sent)
        assert answer.status_code == 200, answer.text
    return lease


def body(address: str, **changes: Any) -> dict[str, Any]:
    asked = {"parent": PARENT, "address": address}
    return {
        "officer": OFFICER,
        "purpose": "SCHOOL_ADMISSION",
        "business_no": "RX-1",
        "asked": asked,
    } | changes


def test_a_school_asks_and_is_written_down(bureau: httpx.Client, site: Site, url: str) -> None:
    lease = filed_lease(bureau)
    path = "/v1/query/education/home_for_admission"
    with known_client(url, site_token(site, "education")[1]) as education:
        asked = body(lease["address"])
        until(
            "the lease is folded", lambda: answered(education.post(path, json=asked))["answer"]["matched"], 30
        )
        told = answered(education.post(path, json=asked))
        assert told["answer"]["lease_end"] == lease["lease_end"]
        problem(education.post(path, json=body(lease["address"], purpose="LOAN")), 403, "forbidden")
    problem(bureau.post(path, json=body(lease["address"])), 403, "forbidden")
    with connected(site.admin.dsn(), "test") as db:
        rows = db.execute(
            "SELECT granted, code, principal FROM audit.access WHERE access_id = %s OR NOT granted ORDER BY at",
            (told["access_id"],),
        ).fetchall()
    assert (True, "answered", "education") in rows
    assert (False, "forbidden", "education") in rows
    assert (False, "forbidden", "bureau") in rows


def test_the_front_door_adds_to_the_access_log_and_can_do_no_more(site: Site, bureau: httpx.Client) -> None:
    assert bureau.get("/healthz").status_code == 200
    with connected(site.settings("qb-api", role="qb_api").dsn(), "test") as db:
        for statement in (
            "SELECT 1 FROM audit.access",
            "DELETE FROM audit.access",
            "UPDATE audit.access SET granted = true",
            "INSERT INTO latest.sale (entity_id, revision) VALUES ('x', 1)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(statement)


def test_the_platform_asks_with_a_key_of_the_command_and_takes_it_back(
    site: Site, bureau: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the services' own roles: key, nonce, access log and receipt."""
    monkeypatch.setattr("qianbei.cli.gov_key_cmd.current_site", lambda: site)
    issued = json.loads(run_gov_key("issue", "--json"))
    platform = Platform(issued["key_id"], bytes.fromhex(issued["secret"]))
    lease = filed_lease(bureau)
    citizen = lessee_of(lease) | {"level": 3, "session_no": "S-1"}
    call = {"purpose": "CITIZEN_OWN_CONTRACTS", "business_no": "ZW-1", "citizen": citizen}

    def ask() -> httpx.Response:
        return bureau.request(**platform.signed("POST", "/v1/gov/own_contracts", call))

    def own() -> list[str]:
        return [one["contract_no"] for one in answered(ask())["answer"]["leases"]]

    until("the lease is folded", lambda: lease["contract_no"] in own(), 30)
    answer = ask()
    path = f"/v1/gov/receipts/{answer.json()['access_id']}"
    again = bureau.request(**platform.signed("GET", path))
    assert again.json()["receipt"] == answer.headers["Qianbei-Receipt"]
    listed = [json.loads(line) for line in run_gov_key("list", "--json").splitlines()]
    assert issued["key_id"] in [one["key_id"] for one in listed]
    assert all("secret" not in one for one in listed)
    run_gov_key("revoke", issued["key_id"])
    problem(ask(), 401, "unauthorized")


def answered(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def run_gov_key(*words: str) -> str:
    ran = CliRunner().invoke(gov_key_command, list(words), catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.stdout


def lessee_of(lease: dict[str, Any]) -> dict[str, str]:
    (one, *_) = [p for p in lease["parties"] if p["role"] == "LESSEE"]
    return {name: one[name] for name in ("id_type", "id_no", "name")}
