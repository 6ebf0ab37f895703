"""How far a target has come: positions in its tables against the ends of its topics."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from broker.compaction.positions import position_table
from broker.compaction.rejects import rejected_table
from broker.kafka import Admin, Connection, PartitionReader, TopicPartition
from broker.settings import Settings
from broker.store.connect import transaction
from consumers.sync import target as targets
from consumers.sync.target import Target
from consumers.sync.topics import superseded

Ends = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class SubjectStanding:
    """One subject's table: its rows, and how many offsets of its topic are not in it yet.

    ``newer`` is a newer version of the topic, which a rebuild would take; None if there is none.
    """

    subject: str
    topic: str
    newer: str | None
    rows: int
    behind: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A whole target. ``rejected`` counts the records that Postgres does not take."""

    target: Target
    subjects: tuple[SubjectStanding, ...]
    rejected: int

    @property
    def behind(self) -> int:
        """Offsets that are not in the tables yet."""
        return sum(one.behind for one in self.subjects)


def visible_topics(settings: Settings) -> set[str]:
    """The topics that Kafka shows to this user: those that it may read or write."""
    with Admin(Connection.of(settings)) as admin:
        return admin.topics()


def ends_of(settings: Settings, topics: Mapping[str, str]) -> dict[TopicPartition, int]:
    """Where the committed records of these topics end now; empty partitions are left out."""
    with PartitionReader(Connection.of(settings)) as reader:
        partitions = [p for topic in topics.values() for p in reader.partitions_of(topic)]
        first, ends = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
    return {p: end for p, end in ends.items() if end > first[p]}


def positions(connection: sa.Connection, target: Target) -> dict[TopicPartition, int]:
    """How far each partition is folded."""
    table = position_table(sa.MetaData(), target.schema)
    wanted = sa.select(table.c.topic, table.c.partition, table.c.next_offset)
    rows = connection.execute(wanted.where(table.c.group_name == target.group))
    return {TopicPartition(topic, partition): offset for topic, partition, offset in rows}


def behind(folded: Mapping[TopicPartition, int], ends: Ends, topic: str) -> int:
    """How many offsets of a topic are not folded."""
    return sum(max(0, end - folded.get(p, 0)) for p, end in ends.items() if p.topic == topic)


def standing(settings: Settings, department: str, schema: str) -> Standing | None:
    """How a target stands now; None if there is none."""
    with transaction(settings.dsn()) as connection:
        target = targets.find(connection, schema, department)
        if target is None:
            return None
        newer = superseded(department, visible_topics(settings), target.topics)
        ends = ends_of(settings, target.topics)
        folded = positions(connection, target)
        subjects = tuple(
            SubjectStanding(
                subject,
                topic,
                newer.get(topic),
                _count(connection, schema, subject),
                behind(folded, ends, topic),
            )
            for subject, topic in target.topics.items()
        )
        rejected = connection.execute(
            sa.select(sa.func.count()).select_from(rejected_table(sa.MetaData(), schema))
        ).scalar_one()
    return Standing(target, subjects, rejected)


def _count(connection: sa.Connection, schema: str, subject: str) -> int:
    table = sa.table(subject, schema=schema)
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def forget_positions(settings: Settings, department: str, schema: str) -> None:
    """Let everything be read again from the start, into the live tables: whoever folds now loses its partitions."""
    with transaction(settings.dsn()) as connection:
        target = targets.find(connection, schema, department)
        if target is not None:
            table = position_table(sa.MetaData(), schema)
            connection.execute(sa.update(table).values(next_offset=0, epoch=table.c.epoch + 1))
