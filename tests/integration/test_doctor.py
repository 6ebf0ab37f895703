"""The doctor on a live installation: nothing fails where all is well, and what is planted is found and mended."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from broker.kafka import Acl, Admin, Connection
from qianbei.site import deploy_site, environment_of
from tests.support.exchange import Exchange


def examined(exchange: Exchange, **changes: str) -> tuple[int, list[dict[str, Any]]]:
    site = exchange.site
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("QIANBEI_", "SCHEMA_"))}
    own = {"QIANBEI_SECRETS": str(site.secrets), "QIANBEI_HOME": str(site.secrets.parent)}
    ended = subprocess.run(
        [sys.executable, "-m", "qianbei", "doctor", "--json"],
        env=inherited | environment_of(site.admin) | own | changes,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)["findings"]


def failing(findings: list[dict[str, Any]]) -> set[str]:
    return {one["check"] for one in findings if one["level"] == "fail"}


def test_all_is_well(exchange: Exchange) -> None:
    code, findings = examined(exchange)
    assert [one for one in findings if one["level"] == "fail"] == []
    assert code == 0
    checked = {one["check"] for one in findings}
    assert checked >= {"topics", "rights", "schemas", "migrations", "clock of Postgres", "secrets", "routing"}


@pytest.mark.parametrize("password", ["tax"])
def test_what_is_planted_is_found_and_mended(exchange: Exchange, password: str) -> None:
    secret = exchange.site.secrets / "kafka" / password
    with Admin(Connection.of(exchange.site.admin)) as admin:
        admin.grant([Acl("police", "TOPIC", "dept.tax.", "READ", prefixed=True)])
    secret.chmod(0o644)
    try:
        code, findings = examined(exchange)
    finally:
        secret.chmod(0o600)
        deploy_site(exchange.site)
    assert code == 1
    assert failing(findings) == {"rights", "secrets"}
    assert failing(examined(exchange)[1]) == set()


def test_a_server_that_is_away_is_a_finding_among_others(exchange: Exchange) -> None:
    code, findings = examined(exchange, SCHEMA_REGISTRY_URL="http://127.0.0.1:1")
    assert code == 1
    assert failing(findings) == {"registry"}
    assert any(one["check"] == "rights" and one["level"] == "ok" for one in findings)
