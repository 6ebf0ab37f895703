"""Reading whole topics alone: no consumer group is joined and no offset committed, so no service can be disturbed."""

from collections.abc import Callable, Iterable
from typing import Self

from broker.errors import ConfigError
from broker.kafka import Assignment, Connection, Generation, PartitionReader, Record, TopicPartition
from schemas.said import said

Keep = Callable[[Record], bool]
_MAX_BYTES = 8 * 1024 * 1024


class Alone(PartitionReader):
    """Reads all partitions of some topics where a service reads the ones that its group gives it.

    ``keep`` says which records are given out; the others are passed over.
    """

    def __init__(self, connection: Connection, topics: Iterable[str], keep: Keep | None = None) -> None:
        super().__init__(connection, max_bytes=_MAX_BYTES)
        self._topics = tuple(topics)
        self._keep = keep
        self.partitions: tuple[TopicPartition, ...] = ()
        self.moved = True

    def __enter__(self) -> Self:
        super().__enter__()
        self.partitions = tuple(p for topic in self._topics for p in self._of(topic))
        return self

    def _of(self, topic: str) -> list[TopicPartition]:
        found = self.partitions_of(topic)
        if not found:
            raise ConfigError(
                said(
                    "{topic} is not there, or {kafka_username} may not read it: run `qianbei deploy`",
                    topic=topic,
                    kafka_username=self._connection.username,
                )
            )
        return found

    def poll(self, timeout_s: float, max_records: int = 5000) -> list[Record]:
        """As ``PartitionReader``, without what is not to be kept; nothing before the assignment is taken."""
        if self.moved:
            return []
        records = super().poll(timeout_s, max_records)
        return records if self._keep is None else list(filter(self._keep, records))

    def take_assignment(self) -> Assignment:
        """All partitions, for ever."""
        self.assign(self.partitions)
        self.moved = False
        return Assignment(Generation(0, "alone", None), frozenset(self.partitions))
