"""A stretch of history, projected to one topic: each transaction writes records and moves the mark behind them.

The transactional id is that of topic and partition, so whoever opens a ``Line`` ends the transaction of the one before and
fences it: of two processes on one line only the later one can move the mark, and it reads the mark afterwards.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from broker.backfill.marks import Mark, State
from broker.errors import Unavailable
from broker.kafka import (
    Commit,
    Connection,
    Generation,
    GroupOffsets,
    PartitionReader,
    Record,
    TopicPartition,
    TransactionalProducer,
)
from broker.routing.plan import Plan
from broker.topics import fill_group, fill_line
from schemas.said import said

POLL_S = 0.2
BATCH = 1_000
_STUCK_POLLS = 150

Handled = Callable[[int], None]
"""Told how many records were handled; may wait, to keep a rate."""


@dataclass(frozen=True, slots=True)
class Line:
    """One topic's part of one exchange partition, held by us until another opens it."""

    topic: str
    source: TopicPartition
    producer: TransactionalProducer
    offsets: GroupOffsets

    @property
    def group(self) -> str:
        """Its fill group."""
        return fill_group(self.topic)

    def mark(self) -> Mark | None:
        """The mark, which from now on nobody else moves."""
        found = self.offsets.committed(self.source)
        return None if found is None else Mark.of(self.group, found)

    def fill(self, plan: Plan, records: list[Record], mark: Mark) -> int:
        """Write what these records give to the topic, and the mark behind them; gives how many that were.

        Raises OwnershipLost or Indefinite.
        """
        messages = plan.messages(records, only=self.topic)
        self.producer.publish(messages, self._commit(mark))
        return len(messages)

    def join(self, mark: Mark, position: int, generation: Generation, group: str) -> None:
        """Write the last mark together with routing's own offset, fenced by the generation in which routing owns it.

        A zombie that lost the partition cannot mark it so; and who takes it over waits for its offset, hence for this.
        Raises OwnershipLost or Indefinite.
        """
        self.producer.publish([], self._commit(mark), Commit(group, {self.source: position}, generation))

    def _commit(self, mark: Mark) -> Commit:
        return Commit(self.group, {self.source: mark.offset}, metadata=mark.state.value)


@contextmanager
def line(connection: Connection, topic: str, source: TopicPartition) -> Iterator[Line]:
    """Take a line, from whoever holds it."""
    with ExitStack() as opened:
        # The producer first: its start ends the transaction of whoever held the line, and with it moves or leaves the mark.
        producer = opened.enter_context(TransactionalProducer(connection, fill_line(topic, source.partition)))
        offsets = opened.enter_context(GroupOffsets(connection, fill_group(topic)))
        producer.learn([topic])
        yield Line(topic, source, producer, offsets)


def stretch(
    reader: PartitionReader,
    source: TopicPartition,
    start: int,
    end: int,
    most: Callable[[], int] = lambda: BATCH,
) -> Iterator[tuple[list[Record], int]]:
    """The records of [start, end) in batches, each with the offset behind it; ``end`` as a committed reader sees it.

    Raises Unavailable if nothing comes though there is more.
    """
    reader.assign([source])
    reader.seek(source, start)
    at, silent = start, 0
    while at < end:
        records = [record for record in reader.poll(POLL_S, most()) if record.offset < end]
        # The position passes over transaction markers, but it is that of what was fetched, beyond ``end`` too.
        behind = records[-1].offset + 1 if records else min(reader.position(source), end)
        silent = 0 if behind > at else silent + 1
        if silent > _STUCK_POLLS:
            raise Unavailable(
                said(
                    "no records came of {topic}/{partition} at {offset}, though there are more",
                    topic=source.topic,
                    partition=source.partition,
                    offset=at,
                )
            )
        if behind > at:
            yield records, behind
        at = behind


def catch_up(reader: PartitionReader, held: Line, plan: Plan, start: int, end: int) -> None:
    """Write what [start, end) gives to the topic of a line that is ready. Raises OwnershipLost, Indefinite or Unavailable."""
    for records, behind in stretch(reader, held.source, start, end):
        held.fill(plan, records, Mark(behind, State.READY))
