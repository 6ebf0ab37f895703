"""How an exchange stands: what a replay may not move."""

import time
from collections.abc import Mapping

import psycopg
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from broker.compaction.positions import reached
from broker.kafka import Admin, Connection, Groups, PartitionReader, TopicPartition
from broker.topics import COMPACTION
from qianbei.site import Site
from tests.support.topics import confluent


def standing(site: Site) -> tuple[object, ...]:
    """What a replay may not move: the groups, the topics, and the tables of latest."""
    client = AdminClient(confluent(site.admin))
    groups = {one.group_id for one in client.list_consumer_groups(request_timeout=20).result().valid}
    with psycopg.connect(site.admin.dsn()) as db:
        positions = db.execute("SELECT * FROM latest.position ORDER BY 1, 2, 3").fetchall()
        rows = db.execute("SELECT xmin::text, entity_id FROM latest.sale ORDER BY 2").fetchall()
    return groups, set(client.list_topics(timeout=20).topics), positions, rows


def forget_dead_groups(site: Site) -> None:
    """Delete what the broker would delete by itself at some later moment: groups with neither members nor offsets.

    Tests that end a principal and its topics leave such groups.
    """
    client = AdminClient(confluent(site.admin))
    listed = client.list_consumer_groups(request_timeout=20, states={ConsumerGroupState.EMPTY}).result().valid
    with Groups(Connection.of(site.admin)) as groups:
        committed = groups.committed({one.group_id for one in listed})
        groups.delete(group for group, offsets in committed.items() if not offsets)


def stands_still(site: Site) -> bool:
    """Whether nothing has moved for four seconds: on a busy machine an instance of a service may join its group late."""
    before = standing(site)
    time.sleep(4)
    return standing(site) == before


def all_passed(site: Site) -> bool:
    """Whether compaction is behind the last marker too: it moves over that a moment after the last record is folded."""
    with psycopg.connect(site.admin.dsn()) as db:
        positions = reached(db, "latest", COMPACTION)
    with PartitionReader(Connection.of(site.admin)) as reader:
        return reader.end_offsets(positions) == positions


def offsets(site: Site) -> tuple[Mapping[TopicPartition, int], Mapping[str, Mapping[TopicPartition, int]]]:
    """Where every topic ends, and what every group has committed."""
    connection = Connection.of(site.admin)
    client = AdminClient(confluent(site.admin))
    groups = [one.group_id for one in client.list_consumer_groups(request_timeout=20).result().valid]
    with PartitionReader(connection) as reader, Admin(connection) as admin:
        partitions = [
            p for topic in sorted(admin.topics()) if topic[0] != "_" for p in reader.partitions_of(topic)
        ]
        return reader.end_offsets(partitions), {group: admin.group_offsets(group) for group in sorted(groups)}
