"""``connection``: each format can be used as it is printed."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from broker.errors import ConfigError
from broker.settings import Settings
from qianbei.inspect.connection import (
    FORMATS,
    ClientConnection,
    as_env,
    as_java,
    as_json,
    as_kcat,
    client_connection,
)
from qianbei.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "kafka").mkdir()
    for user in ("tax", "bank.icbc", "registry"):
        (tmp_path / "kafka" / user).write_text("pass word'1\n" if user == "registry" else f"{user}-secret\n")
    values = {
        "kafka_bootstrap": "127.0.0.1:9092",
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081/apis/ccompat/v7",
    }
    return Site(
        Settings.model_validate(values | {"kafka_username": "admin", "kafka_password": "root-secret"}),
        tmp_path,
    )


@pytest.fixture
def tax(site: Site) -> ClientConnection:
    return client_connection(site, "tax")


def settings_of(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_a_department_gets_its_own_topics_and_nobody_elses(tax: ClientConnection) -> None:
    assert tax.username == "tax"
    assert tax.password == "tax-secret"
    assert tax.dept_topics == ("dept.tax.sale.v1", "dept.tax.feedback.v1")
    assert (tax.intake_topic, tax.decision_topic) == ("intake.tax", "decision.tax")
    assert tax.group_prefix == "tax-"
    assert "feedback" in tax.sends


def test_no_format_holds_the_administrator(site: Site) -> None:
    for principal in ("tax", "bank.icbc"):
        for form in FORMATS.values():
            assert "root-secret" not in form(client_connection(site, principal))


def test_env_is_what_a_shell_reads(site: Site) -> None:
    text = as_env(client_connection(site, "registry"))
    script = f'set -a\n{text}\nset +a\nprintf \'%s|%s\' "$QIANBEI_KAFKA_PASSWORD" "$QIANBEI_DEPT_TOPICS"'
    done = subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, check=True)
    assert done.stdout == "pass word'1|dept.registry.feedback.v1"


def test_env_is_what_our_own_programs_read(tax: ClientConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_of(as_env(tax)).items():
        monkeypatch.setenv(name, value)
    settings = Settings()  # type: ignore[call-arg]
    assert settings.kafka_username == "tax"
    assert settings.kafka_password is not None
    assert settings.kafka_password.get_secret_value() == "tax-secret"
    assert settings.registry_url == tax.schema_registry_url


def test_json_is_one_object(tax: ClientConnection) -> None:
    found = json.loads(as_json(tax))
    assert found["bootstrap_servers"] == "127.0.0.1:9092"
    assert found["sasl_mechanism"] == "SCRAM-SHA-256"
    assert found["dept_topics"] == ["dept.tax.sale.v1", "dept.tax.feedback.v1"]


def test_kcat_has_every_property_and_the_command(tax: ClientConnection) -> None:
    text = as_kcat(tax)
    assert settings_of(text) == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-256",
        "sasl.username": "tax",
        "sasl.password": "tax-secret",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "partitioner": "murmur2_random",
    }
    assert "kcat -F tax.conf -G tax-kcat dept.tax.sale.v1" in text


def test_java_logs_in_with_its_own_name(tax: ClientConnection) -> None:
    found = settings_of(as_java(tax))
    assert found["sasl.jaas.config"].endswith(
        'ScramLoginModule required username="tax" password="tax-secret";'
    )
    assert found["group.id"].startswith("tax-")
    assert found["isolation.level"] == "read_committed"
    assert found["auto.register.schemas"] == "false"
    assert "partitioner.class" not in found


def test_who_has_no_department_topic_reads_its_decisions(site: Site) -> None:
    without = replace(client_connection(site, "registry"), dept_topics=())
    assert "-G registry-kcat decision.registry" in as_kcat(without)


@pytest.mark.parametrize("name", ["taxx", "internal", "qb-admission", "admin", ""])
def test_a_name_that_is_no_principal_is_an_error_with_the_list(site: Site, name: str) -> None:
    with pytest.raises(ConfigError, match=r"there are bank\.ccb, bank\.ccb\.aml, bank\.icbc, .*bureau"):
        client_connection(site, name)


def test_a_principal_without_a_password_was_not_deployed(site: Site) -> None:
    with pytest.raises(ConfigError, match="qianbei deploy"):
        client_connection(site, "court")
