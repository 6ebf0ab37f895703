"""Reading many partitions once, as they grow: first what is there, then what has come since."""

import time
from collections.abc import Iterator, Sequence

from broker.errors import Unavailable
from broker.kafka import PartitionReader, Record, TopicPartition
from qianbei.verify.window import Partition, Window
from schemas.said import said

_POLL_S = 0.05
_STUCK_S = 30.0
_TRIES = 5


class Stream:
    """Every retained record of these topics, each once, in offset order within its partition.

    ``last`` holds the offset of the last record read of each partition.
    """

    def __init__(self, reader: PartitionReader, topics: Sequence[str]) -> None:
        self._reader = reader
        self._topics = topics
        self.partitions = [p for topic in topics for p in reader.partitions_of(topic)]
        begins, ends = reader.beginning_offsets(self.partitions), self._ends()
        self.window = Window({(*p,): at for p, at in begins.items()}, {(*p,): at for p, at in ends.items()})
        self._next: dict[Partition, int] = dict(self.window.begins)
        self.last: dict[Partition, int] = {}
        self._assigned: set[Partition] = set()

    def require(self, prefix: str) -> None:
        """Make required all that has been read of the topics whose names begin so."""
        self.window.ends.update({p: at for p, at in self._next.items() if p[0].startswith(prefix)})

    def remaining(self) -> int:
        """How many offsets are left of what was there at the start."""
        return sum(max(0, end - self._next[p]) for p, end in self.window.ends.items())

    def read(self) -> Iterator[list[Record]]:
        """Batches up to the present end of every partition, transaction markers passed over.

        Raises Unavailable if nothing comes for half a minute though there is more.
        """
        ends = self._ends()
        yield from self.read_to({p: end for p, end in ends.items() if self._next[p] < end})

    def _ends(self) -> dict[TopicPartition, int]:
        return self._reader.end_offsets(self.partitions)

    def read_to(self, ends: dict[TopicPartition, int]) -> Iterator[list[Record]]:
        """Batches up to these ends at least."""
        left = {p: end for p, end in ends.items() if self._next[p] < end}
        self._assign(left)
        patience = time.monotonic() + _STUCK_S
        while left:
            batch = self._reader.poll(_POLL_S)
            for record in batch:
                self.last[record.topic, record.partition] = record.offset
            for partition in left:
                self._next[partition] = max(self._next[partition], self.last.get(partition, -1) + 1)
            if not batch:
                self._take_positions(left)
            before, left = len(left), {p: end for p, end in left.items() if self._next[p] < end}
            if batch or len(left) < before:
                patience = time.monotonic() + _STUCK_S
            elif time.monotonic() > patience:
                raise Unavailable(
                    said(
                        "no records came for {stuck_s:.0f} s, though {count} partitions have more",
                        stuck_s=_STUCK_S,
                        count=len(left),
                    )
                )
            if batch:
                yield batch

    def _take_positions(self, left: dict[TopicPartition, int]) -> None:
        """After the last record there are often only markers, over which the reader passes without giving anything."""
        for partition in left:
            self._next[partition] = max(self._next[partition], self._reader.position(partition))

    def _assign(self, wanted: dict[TopicPartition, int]) -> None:
        # Only partitions that have something: a fetch of hundreds of empty ones costs both sides time.
        if set(wanted) != self._assigned and wanted:
            self._reader.assign(wanted)
            self._assigned = set(wanted)
            for partition in wanted:
                self._reader.seek(partition, self._next[partition])
