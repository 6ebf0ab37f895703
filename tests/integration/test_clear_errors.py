"""Every failure to reach a server at the start is one clear line, with the address and what to check."""

import os
import subprocess
import sys

import pytest

from qianbei.site import environment_of
from qianbei.stack.ports import free_port
from tests.support.exchange import Exchange


def start_admission(exchange: Exchange, **changes: str) -> subprocess.CompletedProcess[str]:
    settings = exchange.site.settings("qb-admission", role="qb_admission")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("QIANBEI_", "SCHEMA_"))}
    environment = inherited | environment_of(settings) | changes
    command = [sys.executable, "-m", "qianbei", "service", "admission"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.mark.parametrize(
    ("variable", "form", "says"),
    [
        ("QIANBEI_KAFKA_BOOTSTRAP", "{}", "Kafka at {}"),
        ("QIANBEI_POSTGRES_DSN", "postgresql://u:p@{}/qianbei", "Postgres at {}"),
        ("SCHEMA_REGISTRY_URL", "http://{}/apis/ccompat/v7", "registry at http://{}"),
    ],
)
def test_a_server_that_is_not_there(deployed: Exchange, variable: str, form: str, says: str) -> None:
    address = nowhere()
    ran = start_admission(deployed, **{variable: form.format(address)})
    assert ran.returncode == 3
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("qianbei:")]
    assert says.format(address) in line
    assert "check" in line
    assert "Traceback" not in ran.stderr


def test_a_wrong_database_password(deployed: Exchange) -> None:
    dsn = deployed.site.admin.dsn()
    wrong = "postgresql://qb_admission:wrong@" + dsn.rsplit("@", 1)[-1]
    ran = start_admission(deployed, QIANBEI_POSTGRES_DSN=wrong)
    assert ran.returncode == 3
    assert "refuses this user" in ran.stderr
    assert "wrong" not in ran.stderr.replace("wrong@", "")


def test_an_unencrypted_line_beyond_loopback_is_refused(deployed: Exchange) -> None:
    ran = start_admission(deployed, QIANBEI_KAFKA_BOOTSTRAP="kafka.example:9092")
    assert ran.returncode == 2
    assert "SASL_SSL" in ran.stderr


def test_a_missing_setting_is_named(deployed: Exchange) -> None:
    ran = start_admission(deployed, QIANBEI_SLOTS="many")
    assert ran.returncode == 2
    assert "QIANBEI_SLOTS" in ran.stderr
