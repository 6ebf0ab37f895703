"""Where a subscription's records go: a plain handler, or something that remembers by itself how far it has come."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from broker.kafka import TopicPartition
from consumers.feed import Positions
from consumers.letters import Letter
from consumers.records import DepartmentRecord, Handler


class Target(Protocol):
    """What takes records, for the time of one session."""

    def claim(self, partitions: Iterable[TopicPartition]) -> Positions | None:
        """Take partitions over, and give the positions that this target remembers; 0 where it has none.

        None if it remembers nothing: then the group's committed offsets are the truth.
        """

    def take(self, record: DepartmentRecord, letter: Letter | None) -> None:
        """Take one record; whatever it raises is judged by ``delivery.attempt``.

        ``letter`` is given where the record was held: who remembers positions remembers these too, and takes each once.
        """

    def keep(self, offsets: Positions) -> None:
        """Make what was taken lasting, and these positions with it. Also called with none, when nothing comes."""


class OpenTarget(Protocol):
    """How a session gets its target."""

    def __call__(self) -> AbstractContextManager[Target]: ...


class HandlerTarget:
    """A plain handler: at least once, the group's offsets are the truth."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def claim(self, partitions: Iterable[TopicPartition]) -> None:
        del partitions

    def take(self, record: DepartmentRecord, letter: Letter | None) -> None:
        del letter
        self._handler(record)

    def keep(self, offsets: Mapping[TopicPartition, int]) -> None:
        pass
