"""Reading whole topics alone: no consumer group is joined and no offset committed, so no service can be disturbed.

One partition is read after the other. All records of a key are in one, so a batch that is folded has most revisions of its
keys, and each key is folded about once however long the log is.
"""

from collections import deque
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
        super().__init__(connection, max_bytes=_MAX_BYTES, at_once=1)
        self._topics = tuple(topics)
        self._keep = keep
        self.partitions: tuple[TopicPartition, ...] = ()
        self.moved = True
        self._ends: dict[TopicPartition, int] = {}
        self._now: TopicPartition | None = None
        self._waiting: deque[TopicPartition] = deque()

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
        self._go_on()
        records = super().poll(timeout_s, max_records)
        return records if self._keep is None else list(filter(self._keep, records))

    def take_assignment(self) -> Assignment:
        """All partitions, for ever."""
        self.assign(self.partitions)
        self.pause(self.partitions)
        self._ends = self.end_offsets(self.partitions)
        self._now, self._waiting = None, deque(self.partitions)
        self.moved = False
        return Assignment(Generation(0, "alone", None), frozenset(self.partitions))

    @property
    def between(self) -> bool:
        """Whether the next poll begins with another partition: this one has come to where it ended at the start."""
        return bool(self._waiting) and (
            self._now is None or self.position(self._now) >= self._ends[self._now]
        )

    def _go_on(self) -> None:
        # What is new in the partitions before comes in between.
        while self.between:
            self._now = self._waiting.popleft()
            self.resume([self._now])
