"""Reads one department's topic with confluent-kafka alone: nothing of this project is needed.

    pip install --requirement requirements.txt
    set -a; . ./tax.env; set +a        # qianbei connection tax --format env > tax.env
    python plain.py [TOPIC]

Prints one JSON line a record. Offsets are committed after the record is handled, so nothing is lost; what was handled
and not yet committed when the program dies comes again.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

held: dict[str, int] = {}
"""The newest revision of each contract. Yours belongs in your database, in the row of the contract."""


def settings(env: Mapping[str, str]) -> dict[str, Any]:
    """librdkafka's settings from the variables of `qianbei connection`."""
    found: dict[str, Any] = {
        "bootstrap.servers": env["QIANBEI_KAFKA_BOOTSTRAP"],
        "security.protocol": env["QIANBEI_KAFKA_SECURITY"],
        "sasl.mechanisms": env["QIANBEI_KAFKA_SASL_MECHANISM"],
        "sasl.username": env["QIANBEI_KAFKA_USERNAME"],
        "sasl.password": env["QIANBEI_KAFKA_PASSWORD"],
        "group.id": env["QIANBEI_GROUP_PREFIX"] + "sample-plain",
        "isolation.level": "read_committed",  # else records are seen that the exchange takes back
        "auto.offset.reset": "earliest",  # else a new group misses what is there
        "enable.auto.commit": False,  # else what is not handled yet may count as handled
    }
    if cafile := env.get("QIANBEI_KAFKA_CAFILE"):
        found["ssl.ca.location"] = cafile
    return found


def handle(value: Mapping[str, Any]) -> None:
    """Your job goes here. Order by `revision` alone; a `LEFT` says that the contract concerns you no longer."""
    entity, revision = value["entity_id"], value["revision"]
    if revision <= held.get(entity, 0):
        return  # it came again, or late
    held[entity] = revision
    told = {"entity_id": entity, "revision": revision, "event_type": value["event_type"]}
    print(json.dumps(told), flush=True)


def main() -> None:
    """Read until SIGTERM or Ctrl-C."""
    topic = sys.argv[1] if len(sys.argv) > 1 else os.environ["QIANBEI_DEPT_TOPICS"].split(",")[0]
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]}) as registry:
        decode = AvroDeserializer(registry)
        consumer = Consumer(settings(os.environ))
        consumer.subscribe([topic])
        try:
            while not stopping:
                message = consumer.poll(0.5)
                if message is None:
                    continue
                if error := message.error():
                    raise KafkaException(error)
                handle(decode(message.value(), SerializationContext(topic, MessageField.VALUE)))
                consumer.commit(message, asynchronous=False)
        finally:
            consumer.close()  # leaves the group at once, so that another instance need not wait


if __name__ == "__main__":
    main()
