"""The department's end: batches in their order into a target that remembers positions.

A batch is taken in these steps; killed between two of them it is taken again, and nothing is applied twice:

1. the inbox verifies chain, sizes and digests; every line is read once, before anything is applied;
2. the target says how far it stands; what it has is skipped, and a batch that does not join is not applied;
3. records and positions are applied in portions, each in one step;
4. the inbox writes the receipt and notes the batch as taken.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from broker.batches import Answer, BadBatch, Inbox, OpenBatch, Receipt, Received
from broker.batches.errors import MAKE_ANEW
from broker.errors import ConfigError
from broker.kafka import Record, TopicPartition, next_offsets
from consumers.decoding import SchemaDecoder
from consumers.delivery import UndecodableRecord
from consumers.feed import Positions
from consumers.files.carried import Carried, carried
from consumers.files.lines import records_of
from consumers.target import Target
from schemas.said import said

PORTION = 50_000
PORTION_BYTES = 64 * 1024 * 1024


class BatchTarget(Protocol):
    """What batches are applied to."""

    def prepare(self, schemas: Carried) -> None:
        """Be ready for records of these schemas."""

    def claim(self, partitions: Iterable[TopicPartition]) -> Positions:
        """Take partitions over, and give the remembered positions; 0 where there are none."""

    def apply(self, records: Sequence[Record], offsets: Positions) -> int:
        """Make records and positions lasting, together; gives how many records were set aside.

        Raises UndecodableRecord, and then nothing is lasting.
        """


class Taker:
    """Takes what comes into an inbox."""

    def __init__(self, inbox: Inbox, target: BatchTarget) -> None:
        self._inbox = inbox
        self._target = target

    def receive(self) -> Received:
        """Take at most one batch.

        Raises ConfigError if the target is not the one that took the batches before, and what the target raises.
        """
        look = self._inbox.look()
        if look.batch is None:
            return Received(look, None)
        try:
            return Received(look, self._take(look.batch))
        except BadBatch as error:
            return Received(self._inbox.reject(look.batch, error), None)

    def again(self) -> Iterator[str]:
        """Apply anew what lies in ``done/``, for a target that was lost or restored; gives each batch's name."""
        for batch in self._inbox.taken():
            self._apply(batch)
            yield batch.path.name

    def _take(self, batch: OpenBatch) -> Receipt:
        return self._inbox.done(batch, Answer(self._apply(batch)))

    def _apply(self, batch: OpenBatch) -> Counter[str]:
        schemas = carried(batch)
        for _ in records_of(batch):
            pass  # Reading raises for what is wrong, and nothing of a batch is applied before all of it is sound.
        ends = {TopicPartition(o.topic, o.partition): o.next for o in batch.manifest.offsets}
        self._target.prepare(schemas)
        remembered = self._target.claim(ends)
        _require_joined(batch, remembered)
        outcomes: Counter[str] = Counter()
        for portion in portions(records_of(batch)):
            new = [r for r in portion if r.offset >= remembered[TopicPartition(r.topic, r.partition)]]
            outcomes["ALREADY_THERE"] += len(portion) - len(new)
            self._count(batch, new, next_offsets(new), outcomes)
        self._count(batch, [], {p: end for p, end in ends.items() if end > remembered[p]}, outcomes)
        return +outcomes

    def _count(
        self, batch: OpenBatch, records: Sequence[Record], offsets: Positions, outcomes: Counter[str]
    ) -> None:
        try:
            aside = self._target.apply(records, offsets) if offsets else 0
        except UndecodableRecord as error:
            raise BadBatch("BAD_RECORD", batch.path.name, str(error), MAKE_ANEW) from None
        outcomes["SET_ASIDE"] += aside
        outcomes["APPLIED"] += len(records) - aside


def _require_joined(batch: OpenBatch, remembered: Positions) -> None:
    """Raises ConfigError if records between the target's positions and this batch would be missing."""
    lost = batch.manifest.sequence > 1 and not any(remembered.values())
    for one in batch.manifest.offsets:
        position = remembered[TopicPartition(one.topic, one.partition)]
        if (lost and one.first) or 0 < position < one.first:
            raise ConfigError(
                said(
                    "{name} begins at {topic}/{partition} offset {first}, and the target has all up to "
                    "{position}: it is not the one that took the batches before, or an older state of "
                    "it. Apply those anew with --again, while they lie in done/; or begin a new chain "
                    "with empty folders at both ends",
                    name=batch.path.name,
                    topic=one.topic,
                    partition=one.partition,
                    first=one.first,
                    position=position,
                )
            )


def portions(
    records: Iterator[Record], most: int = PORTION, most_bytes: int = PORTION_BYTES
) -> Iterator[list[Record]]:
    """The records in lists of bounded length and size."""
    while portion := list(islice(records, 1)):
        size = len(portion[0].value or b"")
        while len(portion) < most and size < most_bytes and (record := next(records, None)) is not None:
            portion.append(record)
            size += len(record.value or b"")
        yield portion


class Decoded:
    """A ``consumers.target`` as a target of batches: files by day, or a handler's rows in a Postgres.

    ``opened`` must remember positions. What the target raises on a record passes through: the batch stays where it is.
    """

    def __init__(self, opened: Target) -> None:
        self._opened = opened
        self._decoder: SchemaDecoder | None = None

    def prepare(self, schemas: Carried) -> None:
        self._decoder = SchemaDecoder(schemas)

    def claim(self, partitions: Iterable[TopicPartition]) -> Positions:
        remembered = self._opened.claim(partitions)
        if remembered is None:
            raise ConfigError(
                said("batches need a target that remembers positions: consumers.outputs.daily, or postgres")
            )
        return remembered

    def apply(self, records: Sequence[Record], offsets: Positions) -> int:
        assert self._decoder is not None
        # All of them first: a target keeps what it took until it is told to make it lasting.
        for record in [self._decoder.decode(record) for record in records]:
            self._opened.take(record, None)
        self._opened.keep(offsets)
        return 0
