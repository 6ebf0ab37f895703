"""What a subscription needs of the servers: a port, with Kafka behind it or an exchange in memory (``testing``).

A *feed* is one membership of a consumer group. It hands out records of the partitions that it owns, and writes down
how far they are done. A *position* is the offset of the record to read next. *Letters* are records of the department's
dead-letter topic, whose partition ``n`` belongs to whoever owns partitions ``n`` of the topics.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from broker.kafka import Outgoing, Record, TopicPartition

Positions = Mapping[TopicPartition, int]


class Schemas(Protocol):
    """Where schemas are found by their registry ids."""

    def schema(self, schema_id: int, /) -> dict[str, Any] | None:
        """The schema of an id, or None if there is none. Raises Unavailable."""


class Feed(Schemas, Protocol):
    """One membership. After any error but AccessDenied it is to be left, and another one opened.

    Every method may raise Unavailable or AccessDenied; those that write OwnershipLost, if we own the partitions no
    longer: then nothing was written.
    """

    @property
    def moved(self) -> bool:
        """Whether the assignment has changed since ``take_over``."""

    def poll(self, timeout_s: float, max_records: int) -> list[Record]:
        """Committed records, in order in each partition; none while ``moved``."""

    def take_over(self) -> Positions | None:
        """Accept the assignment and read on where the group stands, or None while the group is still moving."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from ``offset``."""

    def commit(self, offsets: Positions) -> None:
        """Write down the group's positions."""

    def publish(self, letters: Sequence[Outgoing], offsets: Positions) -> None:
        """Write letters and the group's positions, both or neither, and only if we still own the partitions."""

    def all_letters(self, slots: Iterable[int]) -> Iterator[Record]:
        """All retained letters of these partitions, everything that a former owner wrote included; then follow them."""

    def new_letters(self) -> list[Record]:
        """The letters since the last call, those that we published ourselves included."""

    def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """The first retained offset and the end of each partition."""


class Servers(Protocol):
    """An exchange, as one department sees it."""

    def feed(
        self, group: str, topics: Sequence[str], dead_letters: str | None
    ) -> AbstractContextManager[Feed]:
        """Join the group. Raises AccessDenied if a topic is not to be seen."""

    def read(self, topic: str) -> Iterator[Record]:
        """All retained records of a topic, to its present end."""

    def write(self, messages: Sequence[Outgoing]) -> None:
        """Write records, in order."""
