"""Marks set when a department's topic is made, before anybody routes to it; and fill groups taken away.

Marks come before their topic, and the topic before its schema and its entitlement: so a crash at any step leaves at most
marks of a topic that is not there, and routing never sees a topic that is to be filled without its marks.
"""

from collections.abc import Collection, Iterable, Sequence

from broker.backfill.marks import Mark, State, marks_of
from broker.kafka import Connection, Groups, PartitionReader, TransactionalProducer
from broker.topics import FILL_GROUPS, TopicSpec, exchange_topic, fill_group, fill_line

FROM_THE_BEGINNING = Mark(0, State.FILLING)


def begin(
    connection: Connection, groups: Groups, topics: Sequence[TopicSpec], live: Collection[str] = ()
) -> tuple[str, ...]:
    """Mark the department topics that are still to be made, and give those that have history to be filled from.

    Those of ``live`` begin with what is routed from now on. A topic that is there stays as it is. ``topics`` are all of the
    installation: the groups of others are forgotten.
    """
    own = {fill_group(topic.name) for topic in topics}
    forget(connection, groups, groups.groups(FILL_GROUPS) - own)
    present = groups.topics()
    new = [topic for topic in topics if topic.kind == "dept" and topic.name not in present]
    if not new:
        return ()
    # A topic of this name may have been here before; its marks are not those of the new one.
    forget(connection, groups, {fill_group(topic.name) for topic in new})
    wanted = [
        topic for topic in new if topic.name not in live and exchange_topic(topic.subject or "") in present
    ]
    if not wanted:
        return ()
    with PartitionReader(connection, uncommitted=True) as reader:
        return tuple(topic.name for topic in wanted if _mark(groups, reader, topic))


def _mark(groups: Groups, reader: PartitionReader, topic: TopicSpec) -> bool:
    """Mark all partitions, the empty ones too: routing goes by the partition. False if there is no history."""
    partitions = reader.partitions_of(exchange_topic(topic.subject or ""))
    if not any(reader.end_offsets(partitions).values()):
        return False
    groups.commit(fill_group(topic.name), dict.fromkeys(partitions, FROM_THE_BEGINNING.committed))
    return True


def forget_joined(connection: Connection, groups: Groups, unwanted: Iterable[str]) -> None:
    """As ``forget``, those of the groups whose partitions are all joined, of which nothing needs to be known any more.

    For topics that are about to be withdrawn: what has joined and is not known to routing would hold it up.
    """
    found = groups.committed(unwanted)
    joined = {
        group
        for group, committed in found.items()
        if not any(mark.awaited for mark in marks_of(group, committed).values())
    }
    forget(connection, groups, joined)


def forget(connection: Connection, groups: Groups, unwanted: Iterable[str]) -> None:
    """Take fill groups away, each after its filler was fenced, which would else write its marks anew."""
    found = {group: marks for group, marks in groups.committed(unwanted).items() if marks}
    for group, committed in found.items():
        for source, mark in marks_of(group, committed).items():
            if mark.awaited:
                with TransactionalProducer(
                    connection, fill_line(group.removeprefix(FILL_GROUPS), source.partition)
                ):
                    pass
    groups.delete(found)
