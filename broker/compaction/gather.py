"""Gathering a batch: of each key only the newest revision is kept, and nothing is decoded yet.

The key and the revision are read from the record's key and its header ``qb_revision``, so a superseded record costs no
more than a look. What a batch holds is bounded by its distinct keys, not by its records: catching up with a long log
it can span hundreds of thousands of records.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from broker.compaction.rejects import Place, Rejected, rejected
from broker.kafka import Header, Record, TopicPartition

HEADER = "qb_revision"
_DIGITS = 18  # well within a bigint
_PARTITION = itemgetter(0, 1)


class Candidate(NamedTuple):
    """The newest record of a key so far. ``hides`` says that the batch had others of that key, which it let go."""

    revision: int
    record: Record
    hides: bool

    @property
    def place(self) -> Place:
        """Where the record lies."""
        return Place(self.record.topic, self.record.partition, self.record.offset)


@dataclass(slots=True)
class Batch:
    """Records on their way into the tables.

    ``known_bad`` are places of records that turned out to be unfit: they are set aside instead of hiding others.
    ``size`` is the number of bytes that are held for decoding.
    """

    known_bad: Mapping[Place, Rejected] = field(default_factory=dict)
    newest: dict[str, dict[bytes, Candidate]] = field(default_factory=dict)
    rejections: list[Rejected] = field(default_factory=list)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    records: int = 0
    size: int = 0

    def add(self, records: Sequence[Record]) -> None:
        """Take more records, in offset order within each partition."""
        self.records += len(records)
        for (topic, partition), run in groupby(records, key=_PARTITION):
            newest = self.newest.setdefault(topic, {})
            record = None
            for record in run:
                if self.known_bad and Place(topic, partition, record.offset) in self.known_bad:
                    self.rejections.append(self.known_bad[Place(topic, partition, record.offset)])
                else:
                    self._take(newest, record)
            if record is not None:
                self.offsets[TopicPartition(topic, partition)] = record.offset + 1

    def _take(self, newest: dict[bytes, Candidate], record: Record) -> None:
        key, value, revision = record.key, record.value, revision_of(record.headers)
        if key is None or value is None or revision is None:
            why = "NO_KEY" if key is None else "NO_VALUE" if value is None else "NO_REVISION"
            self.rejections.append(rejected(Place(record.topic, record.partition, record.offset), value, why))
            return
        known = newest.get(key)
        # Headers take more memory than the rest of the record and have said what they had to say. Not by ``_replace``, which takes
        # as long as all of this.
        record = Record(record.topic, record.partition, record.offset, record.timestamp_ms, key, value, ())
        if known is None:
            newest[key] = Candidate(revision, record, False)
            self.size += len(value)
        elif revision > known[0]:
            newest[key] = Candidate(revision, record, True)
            self.size += len(value) - len(known[1].value or b"")
        elif not known.hides:
            newest[key] = known._replace(hides=True)

    def reject(self, unfit: Collection[Rejected]) -> None:
        """Set aside records that turned out to be unfit."""
        self.rejections += unfit

    def candidates(self) -> Iterator[tuple[str, list[Candidate]]]:
        """The newest record of each key, by topic."""
        for topic, newest in self.newest.items():
            if newest:
                yield topic, list(newest.values())


def revision_of(headers: Sequence[Header]) -> int | None:
    """The revision that a record's headers name; None if they name none."""
    for name, value in reversed(headers):
        if name == HEADER:
            return int(value) if value and value.isdigit() and len(value) <= _DIGITS else None
    return None
