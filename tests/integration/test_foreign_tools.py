"""What departments receive can be read with tools that were not written here."""

import json
import subprocess

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from broker.topics import group_prefix
from tests.support.exchange import Exchange, until
from tests.support.kcat import kcat_environment, kcat_program

TOPIC = "dept.tax.sale.v1"


def test_confluent_kafka_reads_and_decodes(exchange: Exchange, filed: str) -> None:
    settings = exchange.site.settings("tax")
    assert settings.kafka_password is not None
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "security.protocol": settings.kafka_security,
            "sasl.mechanisms": "SCRAM-SHA-256",
            "sasl.username": "tax",
            "sasl.password": settings.kafka_password.get_secret_value(),
            "group.id": group_prefix("tax") + "confluent",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    registry = SchemaRegistryClient({"url": settings.registry_url, "timeout": 20})
    decode = AvroDeserializer(registry)
    found: list[dict[str, object]] = []

    def poll() -> bool:
        # Many at once: other tests have filed thousands of sales before.
        for message in consumer.consume(1_000, 0.2):
            assert message.error() is None, message.error()
            assert message.partition() in range(settings.slots)
            if message.key() == filed.encode():
                assert dict(message.headers())["qb_revision"] in (b"1", b"2")
                found.append(decode(message.value(), SerializationContext(TOPIC, MessageField.VALUE)))
        return len(found) == 2

    try:
        consumer.subscribe([TOPIC])
        until("both revisions", poll)
    finally:
        consumer.close()
        registry.__exit__()
    assert [record["event_type"] for record in found] == ["SIGNED", "FILED"]
    assert found[-1]["contract_no"] == filed
    assert all(isinstance(party["name"], str) for party in found[-1]["parties"])


def test_kcat_reads_keys_headers_and_offsets(exchange: Exchange, filed: str) -> None:
    settings = exchange.site.settings("tax")
    assert settings.kafka_password is not None
    options = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "security.protocol": settings.kafka_security,
        "sasl.mechanisms": "SCRAM-SHA-256",
        "sasl.username": "tax",
        "sasl.password": settings.kafka_password.get_secret_value(),
        "isolation.level": "read_committed",
    }
    command = [
        kcat_program(),
        "-C",
        "-q",
        "-t",
        TOPIC,
        "-o",
        "beginning",
        "-e",
        "-f",
        '{"key":"%k","p":%p,"o":%o,"h":"%h"}\n',
    ]
    command += [part for name, value in options.items() for part in ("-X", f"{name}={value}")]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=kcat_environment()
    )
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    mine = [row for row in rows if row["key"] == filed]
    assert len(mine) == 2
    assert "ce_id=" in mine[0]["h"]
    assert "qb_revision=1" in mine[0]["h"]
    assert mine[0]["p"] == mine[1]["p"]
    assert mine[0]["o"] < mine[1]["o"]
