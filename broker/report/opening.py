"""Opening a report session: the topics and schemas that are counted, and the clients that it holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from broker.codec import Decoder
from broker.kafka import Connection, GroupConsumer
from broker.kafka.takeover import require_readable
from broker.metrics import ServiceMetrics
from broker.registry import Registry
from broker.released import decoder, topic_subject
from broker.report.fold import FOLDED
from broker.report.gauges import Gauges
from broker.report.service import GROUP, Ledger, ReportSession
from broker.settings import Settings
from broker.store.connect import connected
from broker.topics import decision_topic, exchange_topic, quarantine_topics
from schemas.catalogue import INTERNAL, Catalogue
from schemas.installation import Installation


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What does not change while the service runs."""

    topics: tuple[str, ...]
    decoder: Decoder


def counted_topics(catalogue: Catalogue) -> dict[str, str]:
    """The topics that are counted, each with its record."""
    return (
        {exchange_topic(subject): subject for subject in FOLDED}
        | {decision_topic(name): "decision" for name in catalogue.principals if name != INTERNAL}
        | dict.fromkeys(quarantine_topics(catalogue), "quarantine")
    )


def know(settings: Settings, installation: Installation) -> Knowledge:
    """Raises ConfigError if a schema is not registered, or Unavailable."""
    topics = counted_topics(installation.catalogue)
    with Registry(settings.registry_url) as registry:
        known = decoder(registry, [topic_subject(topic, record) for topic, record in topics.items()])
    return Knowledge(tuple(topics), known)


@contextmanager
def session(
    gauges: Gauges, settings: Settings, knowledge: Knowledge, metrics: ServiceMetrics
) -> Iterator[ReportSession]:
    """Join the group as this instance. Raises ConfigError if a topic was never created, or may not be read."""
    dsn = settings.dsn()
    instance = f"{GROUP}-{settings.instance}"
    with (
        connected(dsn, f"qianbei {instance}") as db,
        GroupConsumer(Connection.of(settings), GROUP, knowledge.topics, instance=instance) as consumer,
    ):
        require_readable(consumer, knowledge.topics, settings.kafka_username)
        db.execute("SET idle_in_transaction_session_timeout = '15s'")
        yield ReportSession(Ledger(knowledge.decoder), consumer, db, dsn, metrics, gauges)
