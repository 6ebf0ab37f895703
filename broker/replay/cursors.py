"""Reading many partitions side by side, each forward and only as far as it is asked for: a few records of each in memory."""

import time
from collections import deque
from dataclasses import dataclass, field

from broker.errors import Unavailable
from broker.kafka import PartitionReader, Record, TopicPartition
from broker.replay.reading import Span
from schemas.said import said

_POLL_S = 0.1
_STUCK_S = 30.0
_AT_ONCE = 1_000


@dataclass(slots=True)
class Cursor:
    """Committed records of one partition, in order. Readers are shared: each refill is a fetch of its own."""

    reader: PartitionReader
    partition: TopicPartition
    span: Span
    _ahead: deque[Record] = field(default_factory=deque)
    _next: int = -1

    def peek(self) -> Record | None:
        """The next record, None at the end. Raises Unavailable if nothing comes for half a minute though there is more."""
        if not self._ahead:
            self._refill()
        return self._ahead[0] if self._ahead else None

    def take(self) -> Record | None:
        """The next record, which is passed over then."""
        found = self.peek()
        if found is not None:
            self._ahead.popleft()
        return found

    def at(self, offset: int) -> Record | None:
        """The record at an offset, and past it; None if it is not there any more. Only forward."""
        while (found := self.peek()) is not None and found.offset < offset:
            self._ahead.popleft()
        return self.take() if found is not None and found.offset == offset else None

    def _refill(self) -> None:
        self._next = max(self._next, self.span.first)
        if self._next >= self.span.end:
            return
        self.reader.assign([self.partition])
        self.reader.seek(self.partition, self._next)
        patience = time.monotonic() + _STUCK_S
        while not self._ahead and self._next < self.span.end:
            batch = self.reader.poll(_POLL_S, _AT_ONCE)
            self._ahead.extend(record for record in batch if record.offset < self.span.end)
            # Without records it may have passed over markers. With them, the client may already have more than it gave.
            reached = batch[-1].offset + 1 if batch else self.reader.position(self.partition)
            if reached > self._next:
                self._next, patience = reached, time.monotonic() + _STUCK_S
            elif time.monotonic() > patience:
                raise Unavailable(
                    said("no records came for {seconds:.0f} s, though there are more", seconds=_STUCK_S)
                )
