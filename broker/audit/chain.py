"""Chaining records: pure, and the only place where the service says which bytes are hashed.

All integers are big-endian and signed. A string of bytes is its length in 4 bytes (-1 for null), then the bytes.

    content   key, value, number of headers in 4 bytes, then name (UTF-8) and value of each header
    mark      offset in 8 bytes, timestamp in 8 (ms), the first 8 of SHA-256(content)
    head      H(head before ‖ offset ‖ timestamp ‖ content); before the first: H("qianbei audit 1\\n<topic>\\n<partition>")
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

from broker.kafka import Record, TopicPartition

MOST_RECORDS = 1_000
_PLACE = Struct(">qq")
_LENGTH = Struct(">i")
_NULL = _LENGTH.pack(-1)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: after so many records, ``number`` segments of them, the last one at offset ``last``."""

    number: int
    last: int
    records: int
    sha256: bytes
    sm3: bytes
    places_sha256: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of records of one partition, the marks of all, and the head after them."""

    partition: TopicPartition
    first: int
    records: int
    marks: bytes
    head: Head


def beginning(partition: TopicPartition) -> Head:
    """The head of a chain without records."""
    seed = f"qianbei audit 1\n{partition.topic}\n{partition.partition}".encode()
    return Head(0, -1, 0, hashlib.sha256(seed).digest(), hashlib.new("sm3", seed).digest(), bytes(32))


def content(record: Record) -> bytes:
    """The bytes of a record that do not depend on its place."""
    parts = [_sized(record.key), _sized(record.value), _LENGTH.pack(len(record.headers))]
    for name, value in record.headers:
        parts += (_sized(name.encode()), _sized(value))
    return b"".join(parts)


def _sized(value: bytes | None) -> bytes:
    return _NULL if value is None else _LENGTH.pack(len(value)) + value


def chained(
    head: Head, records: Sequence[Record], digest_places: Callable[[bytes, Sequence[Record]], bytes]
) -> Iterator[Segment]:
    """Segments of these records of one partition, in offset order; ``digest_places`` extends the digest of their index."""
    for begin in range(0, len(records), MOST_RECORDS):
        some = records[begin : begin + MOST_RECORDS]
        segment = _segment(head, some, digest_places(head.places_sha256, some))
        head = segment.head
        yield segment


def _segment(head: Head, records: Sequence[Record], places_sha256: bytes) -> Segment:
    sha256, sm3 = head.sha256, head.sm3
    marks: list[bytes] = []
    for record in records:
        body = content(record)
        place = _PLACE.pack(record.offset, record.timestamp_ms)
        sha256 = hashlib.sha256(sha256 + place + body).digest()
        sm3 = hashlib.new("sm3", sm3 + place + body).digest()
        marks += (place, hashlib.sha256(body).digest()[:8])
    return Segment(
        TopicPartition(records[0].topic, records[0].partition),
        records[0].offset,
        len(records),
        b"".join(marks),
        Head(head.number + 1, records[-1].offset, head.records + len(records), sha256, sm3, places_sha256),
    )
