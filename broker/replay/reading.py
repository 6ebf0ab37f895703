"""Reading parts of partitions, each from an offset up to another one, without a consumer group."""

import time
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from broker.errors import Unavailable
from broker.kafka import PartitionReader, Record, TopicPartition
from schemas.said import said

_POLL_S = 0.1
_STUCK_S = 30.0


class Patience:
    """With a log that has more, and of which nothing comes."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _STUCK_S

    def look(self, *, came: bool) -> None:
        """Begin anew if something came. Raises Unavailable if nothing has for half a minute."""
        if came:
            self._until = time.monotonic() + _STUCK_S
        elif time.monotonic() > self._until:
            raise Unavailable(
                said("no records came for {seconds:.0f} s, though there are more", seconds=_STUCK_S)
            )


class Span(NamedTuple):
    """Offsets of one partition: from ``first`` on, before ``end``."""

    first: int
    end: int


Spans = Mapping[TopicPartition, Span]


def whole(reader: PartitionReader, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Span]:
    """All that is retained now of these partitions."""
    begins, ends = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
    return {p: Span(begins[p], ends[p]) for p in partitions}


def read_out(reader: PartitionReader, spans: Spans) -> Iterator[Record]:
    """Every committed record of these spans, in offset order within each partition.

    Raises Unavailable if nothing comes for half a minute though there is more.
    """
    left = {p: span for p, span in spans.items() if span.first < span.end}
    reader.assign(left)
    for partition, span in left.items():
        reader.seek(partition, span.first)
    patience = Patience()
    while left:
        records = reader.poll(_POLL_S)
        for record in records:
            if record.offset < spans[TopicPartition(record.topic, record.partition)].end:
                yield record
        before = len(left)
        left = {p: span for p, span in left.items() if reader.position(p) < span.end}
        patience.look(came=bool(records) or len(left) < before)
