"""A mark: up to where a topic holds the projection of one exchange partition, and who goes on from there.

::

    filling  ──the filler is near the end──►  ready  ──routing, in one transaction with its own offset──►  joined

* ``filling`` at B: records before B are in the topic. The filler alone writes there; routing keeps away.
* ``ready`` at B: as before, and routing may take the partition over from the filler.
* ``joined`` at J: records before J are in the topic. Routing alone writes there, beginning with the record at J.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, Self

from broker.errors import ConfigError
from broker.kafka import Committed, Groups, TopicPartition
from broker.topics import fill_group
from schemas.said import said

NEVER = 1 << 62
"""Beyond every offset."""
WITHIN = 2_000
"""Routing fetches so many offsets itself at a join, at most: what it fetches, live records wait for."""


class State(StrEnum):
    """The word of a mark."""

    FILLING = "filling"
    READY = "ready"
    JOINED = "joined"


class Mark(NamedTuple):
    """What the fill group has committed for one exchange partition."""

    offset: int
    state: State

    @classmethod
    def of(cls, group: str, committed: Committed) -> Self:
        """Raises ConfigError for a word that is none: somebody else has committed there."""
        try:
            return cls(committed.offset, State(committed.metadata))
        except ValueError:
            raise ConfigError(
                said(
                    "the offsets of {group} are no marks of a backfill: nothing but `qianbei` may commit there; retire "
                    "its topic and raise the version",
                    group=group,
                )
            ) from None

    @property
    def awaited(self) -> bool:
        """Whether routing has yet to take the partition over."""
        return self.state is not State.JOINED

    @property
    def committed(self) -> Committed:
        """As it is committed."""
        return Committed(self.offset, self.state.value)


def marks_of(group: str, committed: Mapping[TopicPartition, Committed]) -> dict[TopicPartition, Mark]:
    """The marks of a fill group by exchange partition. Raises ConfigError."""
    return {partition: Mark.of(group, one) for partition, one in committed.items()}


def marks_in(groups: Groups, topics: Iterable[str]) -> dict[str, dict[TopicPartition, Mark]]:
    """The marks of each of these department topics, none for one that was never to be filled. Raises ConfigError."""
    by_group = {fill_group(topic): topic for topic in topics}
    found = groups.committed(by_group)
    return {topic: marks_of(group, found[group]) for group, topic in by_group.items()}


def unfilled(groups: Groups, topics: Iterable[str]) -> tuple[str, ...]:
    """Those of these topics that are still to be filled from history, or joined to the live stream. Raises ConfigError."""
    return tuple(
        topic
        for topic, marks in marks_in(groups, topics).items()
        if any(one.awaited for one in marks.values())
    )


def sent_from(mark: Mark | None) -> int:
    """From which offset on routing sends to the topic."""
    if mark is None:
        return 0
    return mark.offset if mark.state is State.JOINED else NEVER


def may_join(mark: Mark, position: int) -> bool:
    """Whether routing, which reads on at ``position``, takes the partition over now. Else the filler must come nearer."""
    return mark.state is State.READY and position - mark.offset <= WITHIN


def joint(mark: Mark, position: int) -> Mark:
    """What the mark becomes at the join, once all before ``position`` is in the topic."""
    return Mark(max(mark.offset, position), State.JOINED)
