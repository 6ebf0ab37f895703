"""Which versions a source has used already, from its decisions: other ways (`qianbei import`) may have come before."""

from collections.abc import Iterator

from broker.errors import Unavailable
from broker.kafka import Connection, PartitionReader
from broker.registry import Registry
from broker.released import decoder, topic_subject
from broker.settings import Settings
from broker.topics import decision_topic
from producers.publisher import read_decision
from producers.settling import used_version
from schemas.said import said

_IDLE_POLLS = 150


def used_versions(settings: Settings, principal: str, subject: str) -> Iterator[tuple[str, int]]:
    """Entity and version of every decision of a subject that has used one. Raises Unavailable."""
    topic = decision_topic(principal)
    with Registry(settings.registry_url) as registry, PartitionReader(Connection.of(settings)) as reader:
        known = decoder(registry, [topic_subject(topic, "decision")])
        partitions = reader.partitions_of(topic)
        reader.assign(partitions)
        ends = reader.end_offsets(partitions)
        for partition, offset in reader.beginning_offsets(partitions).items():
            reader.seek(partition, offset)
        idle = 0
        while any(reader.position(p) < end for p, end in ends.items()):
            records = reader.poll(0.2)
            idle = 0 if records else idle + 1
            if idle > _IDLE_POLLS:
                raise Unavailable(
                    said("{topic} could not be read to its end: check that Kafka is well", topic=topic)
                )
            for decision in (read_decision(known, record) for record in records):
                version = decision.version if decision.accepted else used_version(decision)
                if decision.subject == subject and version:
                    yield decision.entity_id, version
