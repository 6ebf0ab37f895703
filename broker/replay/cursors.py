"""Reading many partitions side by side, each forward and only as far as it is asked for: a few records of each in memory."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.kafka import PartitionReader, Record, TopicPartition
from broker.replay.reading import Patience, Span

_POLL_S = 0.1
_AT_ONCE = 10_000


class Cursor:
    """Committed records of one partition, in order."""

    def __init__(self, shared: "Cursors", partition: TopicPartition, span: Span) -> None:
        self._shared = shared
        self.partition = partition
        self.span = span
        self.reached = span.first
        self.ahead: deque[Record] = deque()

    @property
    def hungry(self) -> bool:
        """Whether nothing of it is in memory, and there is more."""
        return not self.ahead and self.reached < self.span.end

    def peek(self) -> Record | None:
        """The next record, None at the end. Raises Unavailable if nothing comes for half a minute though there is more."""
        if self.hungry:
            self._shared.feed(self)
        return self.ahead[0] if self.ahead else None

    def take(self) -> Record | None:
        """The next record, which is passed over then."""
        found = self.peek()
        if found is not None:
            self.ahead.popleft()
        return found

    def at(self, offset: int) -> Record | None:
        """The record at an offset, and past it; None if it is not there any more. Only forward."""
        while (found := self.peek()) is not None and found.offset < offset:
            self.ahead.popleft()
        return self.take() if found is not None and found.offset == offset else None


@dataclass(slots=True)
class Cursors:
    """Cursors that share a reader. Whoever needs records has the reader fetch for all that will."""

    reader: PartitionReader
    cursors: dict[TopicPartition, Cursor] = field(default_factory=dict)

    def add(self, spans: Mapping[TopicPartition, Span]) -> None:
        """Cursors for these partitions."""
        self.cursors |= {p: Cursor(self, p, span) for p, span in spans.items()}

    def feed(self, wanted: Cursor) -> None:
        """Read until there is something for one cursor, or it is at its end. Raises Unavailable."""
        hungry = {p: cursor for p, cursor in self.cursors.items() if cursor.hungry}
        self.reader.assign(hungry)
        for partition, cursor in hungry.items():
            self.reader.seek(partition, cursor.reached)
        patience = Patience()
        while wanted.hungry:
            before = wanted.reached
            batch = self.reader.poll(_POLL_S, _AT_ONCE)
            for record in batch:
                self._give(record)
            if wanted.hungry:
                # Without records it may have passed over markers.
                wanted.reached = max(wanted.reached, self.reader.position(wanted.partition))
            patience.look(came=bool(batch) or wanted.reached > before)

    def _give(self, record: Record) -> None:
        cursor = self.cursors[TopicPartition(record.topic, record.partition)]
        cursor.reached = record.offset + 1
        if record.offset < cursor.span.end:
            cursor.ahead.append(record)
