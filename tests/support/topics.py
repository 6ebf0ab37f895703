"""Topics that a test made for itself, and their removal: the project itself never removes one."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka.admin import AdminClient

from broker.kafka import Admin, Connection
from broker.settings import Settings


def confluent(settings: Settings) -> dict[str, Any]:
    """A configuration for confluent-kafka."""
    assert settings.kafka_password is not None
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "security.protocol": settings.kafka_security,
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": settings.kafka_username,
        "sasl.password": settings.kafka_password.get_secret_value(),
    }


def remove_topics(settings: Settings, part: str) -> None:
    """Remove every topic in whose name this part is."""
    client = AdminClient(confluent(settings))
    own = [name for name in client.list_topics(timeout=20).topics if part in name]
    for future in client.delete_topics(own).values():
        future.result(20)


@contextmanager
def own_topic(settings: Settings, part: str, partitions: int) -> Iterator[str]:
    """An empty topic while the block runs; ``part`` begins its name."""
    name = f"{part}-{secrets.token_hex(4)}"
    with Admin(Connection.of(settings)) as admin:
        admin.create_topics({name: {}}, partitions, 1)
    yield name
    remove_topics(settings, name)
