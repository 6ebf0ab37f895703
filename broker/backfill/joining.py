"""Routing's part of a backfill: which records it keeps from a topic, and the join.

Where no topic has marks this costs one look when partitions are taken over. While one is being filled, its mark is looked at
again each second, between two batches.
"""

import time
from collections.abc import Callable, Iterable, Iterator

import structlog

from broker.backfill.filling import catch_up, line
from broker.backfill.kept import Kept, Positions
from broker.backfill.marks import Mark, State, joint, marks_of, may_join
from broker.errors import Unavailable
from broker.kafka import Connection, Generation, Groups, Outgoing, PartitionReader, Record, TopicPartition
from broker.routing.plan import Plan
from broker.topics import FILL_GROUPS, fill_group
from schemas.said import said

LOOK_S = 1.0


class Joins:
    """The marks of the partitions that a routing session owns. ``group`` is that whose offsets routing commits."""

    def __init__(
        self,
        plan: Plan,
        connection: Connection,
        groups: Groups,
        group: str,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._connection = connection
        self._groups = groups
        self._group = group
        self._log = log
        self._clock = clock
        self._next_look = 0.0
        self._kept = Kept(plan)

    def messages(self, records: Iterable[Record]) -> list[Outgoing]:
        """What a batch gives, without what a topic has from its filler, or will have."""
        return self._kept.messages(records)

    def passed(self, positions: Positions) -> None:
        """Routing has committed these positions."""
        self._kept.passed(positions)

    # -- looking at marks -------------------------------------------------------------------------------------------

    def taken(self, positions: Positions, generation: Generation) -> None:
        """Look at the marks of partitions that were taken over, before anything of them is routed.

        Raises Unavailable if a topic is joined of which the site's files tell nothing here: without it the records that
        this instance sends would be missing there. Else as ``look``.
        """
        self._kept, self._next_look = Kept(self._plan), 0.0
        ready = []
        for topic, source, mark in self._marks(positions):
            self._kept.note(topic, source, mark)
            ready += [(topic, source)] if mark.state is State.READY else []
        # What is ready may in truth be joined by the owner before us: the mark that goes with our position need not be
        # told yet where groups are asked from outside. So it is read as who holds the line reads it, before the first batch.
        for topic, source in ready:
            self._join(topic, source, positions[source], generation)
        self.passed(positions)

    def _marks(self, positions: Positions) -> Iterator[tuple[str, TopicPartition, Mark]]:
        """The marks of these partitions."""
        outputs = set(self._plan.outputs)
        for group, committed in sorted(self._groups.committed(self._groups.groups(FILL_GROUPS)).items()):
            topic = group.removeprefix(FILL_GROUPS)
            for source, mark in marks_of(group, committed).items():
                if source not in positions:
                    continue
                if topic in outputs:
                    yield topic, source, mark
                elif mark.state is State.JOINED:
                    raise _unknown(topic)

    def look(self, positions: Positions, generation: Generation) -> None:
        """Join at most one partition that is ready, if any is awaited and it is time to look.

        Raises OwnershipLost, Indefinite or Unavailable; the session ends then, and the next one looks anew.
        """
        if not self._kept.awaited or self._clock() < self._next_look:
            return
        found = self._groups.committed({fill_group(topic) for topic, _ in self._kept.awaited})
        for topic, source in sorted(self._kept.awaited):
            committed = found[fill_group(topic)].get(source)
            if committed is None:
                raise Unavailable(said("the marks of {topic} are gone", topic=topic))
            mark = Mark.of(fill_group(topic), committed)
            if may_join(mark, positions[source]):
                self._join(topic, source, positions[source], generation)
                return  # live records come first; what else is ready is joined after the next batch
        self._next_look = self._clock() + LOOK_S

    # -- joining ----------------------------------------------------------------------------------------------------

    def _join(self, topic: str, source: TopicPartition, position: int, generation: Generation) -> None:
        """Take a partition over from its filler, at ``position``, before which routing has sent all to the others.

        A crash at any step leaves the mark as it was, and the next owner of the partition does all of it again.
        """
        begun = self._clock()
        # 1. From here the filler can move the mark no more; what it had under way is written, or not.
        with line(self._connection, topic, source) as held:
            # 2. The mark as it stays.
            mark = held.mark()
            if mark is None:
                raise Unavailable(said("the marks of {topic} are gone", topic=topic))
            if may_join(mark, position):
                # 3. What the filler lacks of what the other topics have.
                if mark.offset < position:
                    with PartitionReader(self._connection) as reader:
                        catch_up(reader, held, self._plan, mark.offset, position)
                # 4. The mark and routing's own offset, together.
                mark = joint(mark, position)
                held.join(mark, position, generation, self._group)
        self._kept.note(topic, source, mark)
        self.passed({source: position})
        self._log.info(
            "looked at what is ready",
            topic=topic,
            partition=source.partition,
            offset=mark.offset,
            state=mark.state.value,
            seconds=round(self._clock() - begun, 3),
        )


def _unknown(topic: str) -> Unavailable:
    return Unavailable(
        said(
            "{topic} has joined the live stream, and nothing here entitles anybody to it: put the same site files "
            "on every machine, or run `qianbei deploy` if it is not granted any more",
            topic=topic,
        )
    )
