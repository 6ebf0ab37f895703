"""The dedicated line: TLS with certificates on both sides, the certificate's name is the principal, and clear refusals."""

import json
import secrets
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError

from broker.errors import AccessDenied, ConfigError, QianbeiError, Unavailable
from broker.kafka import Connection, IdempotentProducer, Outgoing, PartitionReader, TopicPartition
from broker.registry import Registry
from broker.settings import Settings
from broker.topics import group_prefix
from consumers.records import DepartmentRecord
from consumers.subscription import Subscription
from producers.publisher import Publisher
from qianbei.doctor import machine
from qianbei.doctor.finding import Level
from qianbei.line import issue, make_ca
from tests.fix_line import LineKafka, expired
from tests.support.exchange import until
from tests.support.folding import wire
from tests.support.story import EXAMPLES

TOPIC = "dept.tax.sale.v1"


def put(line_kafka: LineKafka, entity: str) -> None:
    """A record for tax, as routing writes it."""
    with Registry(line_kafka.admin.registry_url) as registry:
        known = registry.newest(f"{TOPIC}-value")
    assert known is not None
    body: dict[str, Any] = {name["name"]: None for name in known[1]["fields"]}
    body |= {"entity_id": entity, "revision": 1, "event_type": "FILED"}
    with IdempotentProducer(Connection.of(line_kafka.admin)) as producer:
        headers = (("qb_revision", b"1"),)
        producer.send(Outgoing(TOPIC, 0, entity.encode(), wire(body, known[1], known[0]), headers))()


@pytest.fixture
def entity(line_kafka: LineKafka) -> str:
    name = f"HT-{secrets.token_hex(4)}"
    put(line_kafka, name)
    return name


def test_a_subscription_and_a_publisher_by_certificate_alone(line_kafka: LineKafka, entity: str) -> None:
    settings = line_kafka.settings("tax")
    seen: list[str] = []
    stop = threading.Event()

    def handle(record: DepartmentRecord) -> None:
        seen.append(record.entity_id)
        if record.entity_id == entity:
            stop.set()

    Subscription(settings, "tax-line", [TOPIC]).run(handle, stop)
    assert seen[-1] == entity
    text = (EXAMPLES / "feedback" / "v1" / "tax-paid.json").read_text(encoding="utf-8")
    with Publisher(settings, "tax") as publisher:
        sent = publisher.send(publisher.prepare("feedback", json.loads(text)))
    assert sent.place.topic == "intake.tax"


def librdkafka(line_kafka: LineKafka, name: str, **changes: str) -> Consumer:
    files = line_kafka.settings(name)
    return Consumer(
        {
            "bootstrap.servers": files.kafka_bootstrap,
            "security.protocol": "SSL",
            "ssl.ca.location": str(files.kafka_cafile),
            "ssl.certificate.location": str(files.kafka_certfile),
            "ssl.key.location": str(files.kafka_keyfile),
            "group.id": group_prefix(name) + "librdkafka",
            "auto.offset.reset": "earliest",
            **changes,
        }
    )


def test_confluent_kafka_by_certificate(line_kafka: LineKafka, entity: str) -> None:
    consumer = librdkafka(line_kafka, "tax")
    try:
        consumer.subscribe([TOPIC])

        def arrived() -> bool:
            message = consumer.poll(0.2)
            assert message is None or message.error() is None
            return message is not None and message.key() == entity.encode()

        until("the record", arrived)
    finally:
        consumer.close()


def test_a_banks_certificate_reads_its_own_topics_and_not_those_of_tax(
    line_kafka: LineKafka, entity: str
) -> None:
    with PartitionReader(Connection.of(line_kafka.settings("bank.icbc"))) as reader:
        assert reader.partitions_of("dept.bank.icbc.sale.v1")
        assert reader.partitions_of(TOPIC) == []
        partition = TopicPartition("dept.bank.icbc.sale.v1", 0)
        assert reader.end_offsets([partition]) == {partition: 0}
    consumer = librdkafka(line_kafka, "bank.icbc")
    codes: list[int] = []
    try:
        consumer.subscribe([TOPIC])

        def refused() -> bool:
            message = consumer.poll(0.2)
            error = None if message is None else message.error()
            codes.extend([error.code()] if error else [])
            return bool(codes)

        until("a refusal", refused)
    finally:
        consumer.close()
    assert codes == [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    bank = Connection.of(line_kafka.settings("bank.icbc"))
    with IdempotentProducer(bank) as producer, pytest.raises(AccessDenied):
        producer.send(Outgoing("intake.tax", 0, b"k", b"v"))()


def connect(settings: Settings) -> None:
    with PartitionReader(Connection.of(settings)) as reader:
        reader.partitions_of(TOPIC)


def refusal(settings: Settings, kind: type[QianbeiError]) -> str:
    with pytest.raises(kind) as raised:
        connect(settings)
    return str(raised.value)


def test_without_a_certificate(line_kafka: LineKafka) -> None:
    said = refusal(line_kafka.settings("tax", kafka_certfile=None, kafka_keyfile=None), AccessDenied)
    assert "requires a certificate, and none was shown: set QIANBEI_KAFKA_CERTFILE" in said


def test_with_a_certificate_of_another_authority(line_kafka: LineKafka, tmp_path: Path) -> None:
    make_ca(tmp_path)
    foreign = issue(tmp_path, "tax")
    files = {"kafka_certfile": foreign.certfile, "kafka_keyfile": foreign.keyfile}
    said = refusal(line_kafka.settings("tax", **files), AccessDenied)
    assert "not of the certificate authority that this line trusts" in said
    assert str(foreign.certfile) in said


def test_with_a_certificate_that_has_expired(line_kafka: LineKafka) -> None:
    old = expired(line_kafka.folder, "tax")
    files = {"kafka_certfile": old.certfile, "kafka_keyfile": old.keyfile}
    settings = line_kafka.settings("tax", **files)
    assert "it has expired" in refusal(settings, AccessDenied)
    found = list(machine.look(settings, line_kafka.folder, line_kafka.folder))
    (named,) = [one for one in found if one.level is Level.FAIL and one.check == "kafka_certfile"]
    assert "CN=tax" in named.what
    assert "renewed" in named.how


@pytest.mark.parametrize("name", ["admin", "qb-operator"])
def test_neither_the_administrator_nor_a_service_comes_over_the_line(
    line_kafka: LineKafka, name: str
) -> None:
    assert "is no principal's" in refusal(line_kafka.settings(name), Unavailable)


def test_a_server_that_we_do_not_trust(line_kafka: LineKafka, tmp_path: Path) -> None:
    other = make_ca(tmp_path)
    said = refusal(line_kafka.settings("tax", kafka_cafile=other), ConfigError)
    assert "is not to be trusted" in said
    assert "QIANBEI_KAFKA_CAFILE" in said


def test_files_that_do_not_fit(line_kafka: LineKafka, tmp_path: Path) -> None:
    folder = line_kafka.folder
    swapped = line_kafka.settings("tax", kafka_keyfile=folder / "bank.icbc.key")
    assert "belong together" in refusal(swapped, ConfigError)
    assert "takes its key" in refusal(line_kafka.settings("tax", kafka_keyfile=None), ConfigError)
    gone = line_kafka.settings("tax", kafka_cafile=tmp_path / "none.pem")
    assert "QIANBEI_KAFKA_CAFILE" in refusal(gone, ConfigError)


def test_a_port_without_tls_and_old_tls(line_kafka: LineKafka) -> None:
    plain = line_kafka.settings("tax", kafka_bootstrap=line_kafka.admin.kafka_bootstrap)
    with pytest.raises((ConfigError, Unavailable)):
        connect(plain)
    weak = ssl.create_default_context(cafile=str(line_kafka.line.truststore))
    weak.minimum_version = ssl.TLSVersion.TLSv1_2
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA")
    with (
        socket.create_connection((line_kafka.line.host, line_kafka.line.port), timeout=5) as raw,
        pytest.raises(ssl.SSLError),
        weak.wrap_socket(raw, server_hostname="localhost"),
    ):
        pass
