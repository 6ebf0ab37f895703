"""Which offsets a verification is about."""

from collections.abc import Iterable
from dataclasses import dataclass, field

Partition = tuple[str, int]
"""Topic and partition; equal to a ``TopicPartition``."""


@dataclass(frozen=True, slots=True)
class Window:
    """Where each partition began and ended when the verification started. One that is missing was not there."""

    begins: dict[Partition, int] = field(default_factory=dict)
    ends: dict[Partition, int] = field(default_factory=dict)

    def required(self, topic: str, partition: int, offset: int) -> bool:
        """Whether the record was there at the start, so that all about it must be in order at the end."""
        return offset < self.ends.get((topic, partition), 0)

    def expired(self, topic: str, partition: int, offset: int) -> bool:
        """Whether retention has taken the record away."""
        return offset < self.begins.get((topic, partition), 0)

    def cut(self, partitions: Iterable[Partition]) -> set[Partition]:
        """Those of the partitions whose first records retention has taken away."""
        return {partition for partition in partitions if self.begins.get(partition, 0) > 0}
