"""compose.yaml says the same as the embedded stack, is closed to the outside, and holds no password.

No test here runs it: that needs a Docker daemon (the stack contract test does, where one answers).
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from qianbei.stack import kafka_server, locked, postgres
from qianbei.stack.home import Home
from qianbei.stack.line import Line
from qianbei.stack.passwords import Passwords
from qianbei.stack.ports import Ports

FILE = Path(__file__).parents[2] / "compose.yaml"
COMPOSE: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]
START_KAFKA: str = COMPOSE["configs"]["start-kafka"]["content"].replace("$$", "$")
BROKERS = [name for name in SERVICES if name.startswith("kafka")]


def kafka_settings() -> dict[str, str]:
    written = START_KAFKA.split("<<END\n", 2)[1].split("\nEND\n", 1)[0]
    return dict(line.split("=", 1) for line in written.splitlines())


def test_the_images_are_the_versions_of_the_embedded_stack() -> None:
    lock = locked.load()
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert {images[name] for name in BROKERS} == {f"apache/kafka:{lock.kafka_version}"}
    assert images["postgres"] == f"postgres:{postgres.MAJOR}"
    assert images["registry"] == f"apicurio/apicurio-registry:{lock.registry.version}"


LINE_PORT = "${QIANBEI_LINE_BIND:-127.0.0.1}:9098:9098"
"""The one with TLS: on the loopback interface too, unless the operator says otherwise."""


def test_every_port_is_published_on_the_loopback_interface() -> None:
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(ports) == len(SERVICES) + 1
    assert all(port.startswith("127.0.0.1:") for port in ports if port != LINE_PORT)


def test_the_line_is_that_of_the_embedded_stack(tmp_path: Path) -> None:
    """The script is run up to where Kafka would start, with and without a line."""
    line = Line(
        "kafka.example", 9098, Path("/etc/qianbei/line/server-keystore.pem"), Path("/etc/qianbei/line/ca.pem")
    )
    embedded = kafka_server.properties(
        Home(tmp_path), Ports(1, 2, 3, 4, 5), Passwords("a", "b", "c", "d"), line
    )
    written = settings_written(tmp_path, "kafka.example:9098")
    own = [name for name in embedded if name.startswith("listener.name.line.")]
    assert len(own) >= 7
    assert {name: written[name] for name in own} == {name: embedded[name] for name in own}
    assert written["listeners"] == "INTERNAL://:9092,CONTROLLER://:9093,HOST://:9094,LINE://:9098"
    assert written["advertised.listeners"].endswith(",LINE://kafka.example:9098")
    assert written["listener.security.protocol.map"].endswith(",LINE:SSL")
    without = settings_written(tmp_path, "")
    assert not [name for name, value in without.items() if "LINE" in value or ".line." in name]


def settings_written(folder: Path, line: str) -> dict[str, str]:
    settings = folder / "kafka.properties"
    script = START_KAFKA.split("/opt/kafka/bin", 1)[0].replace("/tmp/", f"{folder}/")
    environment = dict.fromkeys(
        (
            "NODE_ID",
            "VOTERS",
            "HOST",
            "HOST_PORT",
            "ADMIN_PASSWORD",
            "CONTROLLER_PASSWORD",
            "REPLICATION",
            "MIN_ISR",
        ),
        "x",
    )
    shell = shutil.which("bash")
    assert shell is not None
    subprocess.run(
        [shell],
        input=script,
        text=True,
        check=True,
        env=environment | {"LINE": line, "PATH": "/usr/bin:/bin"},
    )
    return dict(text.split("=", 1) for text in settings.read_text().splitlines())


def test_no_two_services_publish_the_same_port() -> None:
    ports = [
        re.sub(r"\$\{\w+:-(\d+)\}", r"\1", port) for service in SERVICES.values() for port in service["ports"]
    ]
    assert len({port.rsplit(":", 1)[0] for port in ports}) == len(ports)


def test_every_service_has_a_health_check() -> None:
    assert all("healthcheck" in service for service in SERVICES.values())


def test_passwords_are_required_and_have_no_default() -> None:
    uses = re.findall(r"\$\{(QIANBEI_\w*PASSWORD)(.*?)\}", FILE.read_text(encoding="utf-8"))
    assert {name for name, _ in uses} == {
        "QIANBEI_KAFKA_ADMIN_PASSWORD",
        "QIANBEI_KAFKA_CONTROLLER_PASSWORD",
        "QIANBEI_POSTGRES_PASSWORD",
        "QIANBEI_REGISTRY_PASSWORD",
    }
    assert all(rest.startswith(":?") for _, rest in uses)
    values = [
        str(value)
        for service in SERVICES.values()
        for value in service["environment"].items()
        if "PASSWORD" in str(value)
    ]
    assert all("${QIANBEI_" in value for value in values)


def test_the_profile_of_three_is_one_cluster() -> None:
    three = [SERVICES[name] for name in BROKERS if SERVICES[name].get("profiles") == ["three"]]
    assert len(three) == 3
    environments = [service["environment"] for service in three]
    assert {environment["NODE_ID"] for environment in environments} == {"1", "2", "3"}
    assert len({environment["HOST"] for environment in environments}) == 3
    for environment in environments:
        assert f"{environment['NODE_ID']}@{environment['HOST']}:9093" in environment["VOTERS"].split(",")
        assert environment["REPLICATION"] == "3"
    for service in three:
        assert f"127.0.0.1:{service['environment']['HOST_PORT']}:9094" in service["ports"]


SAME = {
    "authorizer.class.name",
    "super.users",
    "allow.everyone.if.no.acl.found",
    "auto.create.topics.enable",
    "log.message.timestamp.type",
    "log.retention.ms",
    "message.max.bytes",
    "offsets.topic.num.partitions",
    "transaction.state.log.num.partitions",
    "group.min.session.timeout.ms",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    "sasl.mechanism.inter.broker.protocol",
    "sasl.mechanism.controller.protocol",
    "socket.request.max.bytes",
}


def test_kafka_has_the_settings_of_the_embedded_one(tmp_path: Path) -> None:
    embedded = kafka_server.properties(Home(tmp_path), Ports(1, 2, 3, 4, 5), Passwords("a", "b", "c", "d"))
    composed = kafka_settings()
    assert {name: composed[name] for name in SAME} == {name: embedded[name] for name in SAME}
    assert "PLAINTEXT" not in composed["listener.security.protocol.map"].replace("SASL_PLAINTEXT", "")


@pytest.mark.parametrize("script", sorted(COMPOSE["configs"]))
def test_the_scripts_are_shell(script: str) -> None:
    shell = shutil.which("bash")
    assert shell is not None
    content = COMPOSE["configs"][script]["content"].replace("$$", "$")
    subprocess.run([shell, "-n"], input=content, text=True, check=True)
