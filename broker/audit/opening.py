"""Putting the audit reader together: what it knows, read once, and one session after another on the live servers."""

from collections.abc import Iterator
from contextlib import contextmanager

from broker.audit.keys import signing_key
from broker.audit.service import GROUP, AuditSession, Knowledge
from broker.deploy import installation_topics
from broker.errors import ConfigError
from broker.kafka import Connection, GroupConsumer
from broker.metrics import ServiceMetrics
from broker.registry import Registry
from broker.released import decoder, exchange_subject
from broker.settings import Settings
from broker.store.connect import connected
from schemas.installation import Installation
from schemas.said import said


def know(settings: Settings, installation: Installation) -> Knowledge:
    """Read topics, schemas and the signing key. Raises ConfigError or Unavailable."""
    topics = tuple(topic.name for topic in installation_topics(installation))
    subjects = [exchange_subject(subject) for subject in installation.catalogue.subjects]
    with Registry(settings.registry_url) as registry:
        records = decoder(registry, subjects)
    return Knowledge(topics, records, signing_key(settings), settings.audit_checkpoint_s)


@contextmanager
def session(settings: Settings, knowledge: Knowledge, metrics: ServiceMetrics) -> Iterator[AuditSession]:
    """One membership in the group. Raises ConfigError if a topic is not there: it would seem empty for ever."""
    instance = f"{GROUP}-{settings.instance}"
    dsn = settings.dsn()
    with (
        connected(dsn, f"qianbei {instance}") as db,
        GroupConsumer(Connection.of(settings), GROUP, knowledge.topics, instance=instance) as consumer,
    ):
        for topic in knowledge.topics:
            if not consumer.partitions_of(topic):
                raise ConfigError(
                    said(
                        "{topic} is not there, or {kafka_username} may not read it: run `qianbei deploy`",
                        topic=topic,
                        kafka_username=settings.kafka_username,
                    )
                )
        db.execute("SET idle_in_transaction_session_timeout = '15s'")
        yield AuditSession(knowledge, consumer, db, dsn, metrics)
