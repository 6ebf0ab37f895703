"""The markers that end a transaction: they take an offset and are no records, so who counts records alone seems to lag by one."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from broker.kafka.types import TopicPartition

LOOK_EVERY_S = 1.0
"""A look asks for each partition's position; an idle service that looks after each poll does little else."""


class Positioned(Protocol):
    def position(self, partition: TopicPartition) -> int: ...


class Markers:
    """Positions beyond the last record that was read."""

    def __init__(self, consumer: Positioned, clock: Callable[[], float] = time.monotonic) -> None:
        self._consumer = consumer
        self._clock = clock
        self._look_at = 0.0

    def passed(self, reached: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """The partitions whose next offset lies beyond ``reached``, with that offset; nothing if it was looked a moment ago.

        What was polled must be handled together with it: the positions lie beyond those records.
        """
        if self._clock() < self._look_at:
            return {}
        self._look_at = self._clock() + LOOK_EVERY_S
        return self.beyond(reached)

    def beyond(self, reached: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """As ``passed``, however often it is asked."""
        found = {partition: self._consumer.position(partition) for partition in reached}
        return {partition: offset for partition, offset in found.items() if offset > reached[partition]}
