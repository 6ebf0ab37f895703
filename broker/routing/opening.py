"""Opening a routing session: what it must know, once a process, and the clients that it holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from broker.backfill.joining import Joins
from broker.kafka import Connection, GroupConsumer, Groups, TransactionalProducer
from broker.kafka.takeover import require_readable
from broker.keys.keyring import Keyring
from broker.logging import get_logger
from broker.metrics import ServiceMetrics
from broker.registry import Registry
from broker.routing.plan import Plan, make_plan
from broker.routing.service import GROUP, RoutingSession
from broker.settings import Settings
from schemas.installation import Installation


class Knowledge(NamedTuple):
    """The plan, and the keys by which it opens protected values."""

    plan: Plan
    keyring: Keyring


def know(settings: Settings, installation: Installation) -> Knowledge:
    """The plan, with the registry's ids. Raises ConfigError if a schema is not registered, or Unavailable."""
    keyring = Keyring.of(settings)
    with Registry(settings.registry_url) as registry:
        return Knowledge(make_plan(registry, installation.grants, keyring.open), keyring)


@contextmanager
def session(settings: Settings, knowledge: Knowledge, metrics: ServiceMetrics) -> Iterator[RoutingSession]:
    """Join the group as this instance. Raises ConfigError if a topic was never created."""
    plan = knowledge.plan
    connection = Connection.of(settings)
    instance = f"{GROUP}-{settings.instance}"
    # The producer first: its start ends a transaction that a killed predecessor of the same name left open, which
    # would otherwise hold up the reading of committed offsets.
    with (
        knowledge.keyring,
        TransactionalProducer(connection, instance) as producer,
        Groups(connection) as groups,
        GroupConsumer(connection, GROUP, plan.topics, instance=instance) as consumer,
    ):
        require_readable(consumer, plan.topics, settings.kafka_username)
        producer.learn(plan.outputs)
        joins = Joins(plan, connection, groups, GROUP, get_logger("routing").bind(instance=settings.instance))
        yield RoutingSession(joins, consumer, producer, metrics)
