"""Programs that break the contract, each in one way: python -m tests.support.careless WAY."""

import json
import os
import sys
from typing import Any

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPICS = os.environ["QIANBEI_DEPT_TOPICS"].split(",")


def main(way: str) -> None:
    """Read until killed."""
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["QIANBEI_KAFKA_BOOTSTRAP"],
            "security.protocol": os.environ["QIANBEI_KAFKA_SECURITY"],
            "sasl.mechanisms": "SCRAM-SHA-256",
            "sasl.username": os.environ["QIANBEI_KAFKA_USERNAME"],
            "sasl.password": os.environ["QIANBEI_KAFKA_PASSWORD"],
            "group.id": f"{os.environ['QIANBEI_GROUP_PREFIX']}{way}",
            "auto.offset.reset": "latest" if way == "late" else "earliest",
            "enable.auto.commit": False,
        }
    )
    decode = AvroDeserializer(SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]}))
    consumer.subscribe(TOPICS)
    while True:
        message = consumer.poll(0.2)
        if message is None or message.error():
            continue
        value: Any = decode(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
        if way == "brittle":
            value["contract_no"].strip()
        print(json.dumps({"entity_id": value["entity_id"], "revision": value["revision"]}), flush=True)
        if way != "uncommitted":
            consumer.commit(message, asynchronous=False)


if __name__ == "__main__":
    main(sys.argv[1])
