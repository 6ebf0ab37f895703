"""Taking partitions over: the steps that readers go through, and what they must find."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.errors import ConfigError, StateAheadOfLog, StateBehindLog
from broker.kafka.consumer import Generation, GroupConsumer
from broker.kafka.types import TopicPartition
from schemas.said import said


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken over: by which generation, and each partition with the offset that is read next."""

    generation: Generation
    positions: Mapping[TopicPartition, int]


def take_positions(consumer: GroupConsumer) -> Taken | None:
    """Accept a moved assignment and set every partition to where the group stands; to be called when ``moved``.

    Gives None while the group is still moving.
    """
    # 1. The generation first, before any offset is read: what it fences is everything after this moment.
    assignment = consumer.take_assignment()
    if assignment is None:
        return None
    # 2. Where the group stands. This waits for an open transaction of the former owner to end.
    committed = {p: consumer.committed(p) for p in sorted(assignment.partitions)}
    # 3. Read on from there. Without this, records that the client fetched under the former assignment, and that were
    #    dropped with it, would be passed over.
    unknown = [p for p, offset in committed.items() if offset is None]
    first = consumer.beginning_offsets(unknown) if unknown else {}
    positions = {p: first[p] if offset is None else offset for p, offset in committed.items()}
    for partition, offset in positions.items():
        consumer.seek(partition, offset)
    return Taken(assignment.generation, positions)


def resume(
    remembered: Mapping[TopicPartition, int], bounds: Mapping[TopicPartition, tuple[int, int]], remedy: str
) -> dict[TopicPartition, int]:
    """Where to read on, for who remembers positions beside what it wrote (0: nothing yet); ``bounds``: first and end.

    Raises StateAheadOfLog or StateBehindLog if log and memory do not tell the same story; both end with ``remedy``.
    """
    starts = {}
    for p, position in remembered.items():
        first, end = bounds[p]
        if position > end:
            raise StateAheadOfLog(
                said(
                    "{topic}/{partition} was read up to {position} but ends at {end}: the topic was lost "
                    "or made anew; {remedy}",
                    topic=p.topic,
                    partition=p.partition,
                    position=position,
                    end=end,
                    remedy=remedy,
                )
            )
        if 0 < position < first:
            raise StateBehindLog(
                said(
                    "{topic}/{partition} was read up to {position}, but its records before {first} have "
                    "reached their retention; {remedy}",
                    topic=p.topic,
                    partition=p.partition,
                    position=position,
                    first=first,
                    remedy=remedy,
                )
            )
        # Where nothing was read yet, what the log no longer has was never ours to read.
        starts[p] = max(position, first)
    return starts


def require_readable(consumer: GroupConsumer, topics: Iterable[str], username: str | None) -> None:
    """Raises ConfigError if a topic is not there, or may not be read: it would seem empty for ever."""
    for topic in topics:
        if not consumer.partitions_of(topic):
            raise ConfigError(
                said(
                    "{topic} is not there, or {kafka_username} may not read it: run `qianbei deploy`",
                    topic=topic,
                    kafka_username=username,
                )
            )
