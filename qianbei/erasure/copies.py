"""Where a person's data lie besides: every topic is read once, and what holds them is counted.

In ``exchange.*`` a record names him by his reference. What is sealed there goes with his key; what is in clear stays, for
that log is never changed. Elsewhere he is found by what he is called in clear: in ``intake.*`` and ``quarantine.*`` by his
document's number, in the topics of departments by that or by any other value, in records of the same entities.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.codec import Decoder
from broker.errors import DecodeError
from broker.kafka import PartitionReader, Record
from broker.keys.keyring import Keyring
from broker.keys.places import PARTY_REF, places_of_subject
from broker.protected import is_sealed
from broker.replay.reading import read_out, whole
from broker.topics import TopicSpec
from qianbei.documents import Document

Tell = Callable[[int, int], None]
_OTHERS = ("intake", "quarantine", "dept", "dlq")
_OF_ENTITY = ("dept", "dlq")
_TOLD_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Copy:
    """Records of one topic that hold something of the person in clear. ``until``: the newest is gone then; None: never."""

    topic: str
    records: int
    until: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "topic": self.topic,
            "records": self.records,
            "until": self.until.isoformat() if self.until else None,
        }


@dataclass(slots=True)
class Found:
    """What was found. ``sealed`` counts, by topic, records all of whose values are encrypted."""

    sealed: Counter[str] = field(default_factory=Counter)
    clear: Counter[str] = field(default_factory=Counter)
    newest: dict[str, int] = field(default_factory=dict)
    entities: set[bytes] = field(default_factory=set)
    values: set[bytes] = field(default_factory=set)

    def copies(self, specs: Iterable[TopicSpec]) -> list[Copy]:
        """The copies in clear, in the order of the topics' names."""
        days = {spec.name: spec.days for spec in specs}
        return [Copy(topic, n, self._until(topic, days[topic])) for topic, n in sorted(self.clear.items())]

    def _until(self, topic: str, days: int | None) -> datetime | None:
        if days is None:
            return None
        return datetime.fromtimestamp(self.newest[topic] / 1000, UTC) + timedelta(days=days)

    def note(self, record: Record) -> None:
        """A record that holds something in clear."""
        self.clear[record.topic] += 1
        self.newest[record.topic] = max(self.newest.get(record.topic, 0), record.timestamp_ms)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, and what it takes to recognise it. ``exchange`` decodes records of ``exchange.*``."""

    refs: frozenset[str]
    document: Document
    exchange: Decoder
    keyring: Keyring

    def run(self, reader: PartitionReader, specs: Collection[TopicSpec], tell: Tell) -> Found:
        """Read every topic. Takes as long as the log is: some 100,000 records a second."""
        numbers = tuple(text.encode() for text in self.document.written)
        found = Found(values=set(numbers))
        first = [spec.name for spec in specs if spec.kind == "exchange"]
        then = [spec.name for spec in specs if spec.kind in _OTHERS]
        for record in _told(reader, first, tell):
            self._in_exchange(record, found)
        for record in _told(reader, then, tell):
            if self._elsewhere(record, numbers, found):
                found.note(record)
        return found

    def _in_exchange(self, record: Record, found: Found) -> None:
        value = record.value or b""
        if not any(ref.encode() in value for ref in self.refs):
            return
        try:
            subject, body = self.exchange.decode(value)
        except DecodeError:
            found.note(record)  # it cannot be read, and so not be said to be encrypted
            return
        found.entities.add(record.key or b"")
        envelopes = list(self._envelopes(subject, body))
        found.values.update(text.encode() for one in envelopes if (text := self.keyring.open(one)))
        if envelopes and all(map(is_sealed, envelopes)):
            found.sealed[record.topic] += 1
        elif envelopes:
            found.note(record)

    def _envelopes(self, subject: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for name, inner in places_of_subject(subject).lists:
            for item in body.get(name) or ():
                if item[PARTY_REF] in self.refs:
                    yield from (item[one] for one in inner if item[one] is not None)

    def _elsewhere(self, record: Record, numbers: Collection[bytes], found: Found) -> bool:
        value = record.value or b""
        if any(number in value for number in numbers):
            return True
        kind = record.topic.partition(".")[0]
        return (
            kind in _OF_ENTITY and record.key in found.entities and any(one in value for one in found.values)
        )


def _told(reader: PartitionReader, topics: Iterable[str], tell: Tell) -> Iterator[Record]:
    spans = whole(reader, [p for topic in topics for p in reader.partitions_of(topic)])
    of = sum(span.end - span.first for span in spans.values())
    for n, record in enumerate(read_out(reader, spans)):
        if n % _TOLD_EVERY == 0:
            tell(n, of)
        yield record
    tell(of, of)
