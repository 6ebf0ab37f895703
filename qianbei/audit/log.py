"""One partition's committed records, up to an offset; what cannot be read is told instead of raised."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from broker.errors import Corrupt
from broker.kafka import PartitionReader, Record, TopicPartition

_POLL_S = 0.05
_STUCK_S = 5.0


@dataclass(frozen=True, slots=True)
class Unread:
    """Bytes from this offset on that cannot be read."""

    offset: int


class Log(Protocol):
    """Where the records of one chain lie."""

    begin: int
    """The first offset that is kept."""
    end: int
    """The offset after the last one, markers included."""

    def until(self, offset: int) -> Iterator[Record | Unread]:
        """The records up to ``offset``, that included, each once; after an Unread nothing more."""


class TopicLog:
    """A partition of Kafka."""

    def __init__(self, reader: PartitionReader, partition: TopicPartition, begin: int, end: int) -> None:
        self.begin = begin
        self.end = end
        self._reader, self._partition = reader, partition
        self._next = begin
        self._ahead: deque[Record] = deque()

    def start_at(self, offset: int) -> None:
        """Read from ``offset``, or from the first that is kept."""
        self._next = max(offset, self.begin)
        self._ahead.clear()
        self._reader.assign([self._partition])
        self._reader.seek(self._partition, self._next)

    def until(self, offset: int) -> Iterator[Record | Unread]:
        """See ``Log``."""
        patience = time.monotonic() + _STUCK_S
        while True:
            while self._ahead and self._ahead[0].offset <= offset:
                yield self._ahead.popleft()
            if self._ahead or self._next > offset or self._next >= self.end:
                return
            try:
                batch = self._reader.poll(_POLL_S, 2_000)
                position = self._reader.position(self._partition)
            except Corrupt:
                yield from self._give_up(offset)
                return
            # The client drops what lies before its position; what it gives is in order, or the log is not.
            self._ahead.extend(batch)
            reached = max(position, batch[-1].offset + 1 if batch else 0)
            if reached > self._next:
                self._next, patience = reached, time.monotonic() + _STUCK_S
            elif time.monotonic() > patience:
                yield from self._give_up(offset)
                return

    def _give_up(self, offset: int) -> Iterator[Unread]:
        yield Unread(self._next)
        # What comes after this range may be readable; a client that has failed is not asked for the rest of a batch.
        self.start_at(offset + 1)


class TableLog:
    """A chain of the access log: rows instead of records."""

    begin = end = 1

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._ahead: Record | None = None

    def until(self, offset: int) -> Iterator[Record | Unread]:
        """See ``Log``."""
        while True:
            if self._ahead is None:
                self._ahead = next(self._records, None)
            if self._ahead is None or self._ahead.offset > offset:
                return
            yield self._ahead
            self._ahead = None
