"""One record of a topic as a line of a batch's data file, and back, to the byte.

::

    {"partition": 2, "offset": 1041, "timestamp_ms": 1795510200000, "key": "HT-2020-000001",
     "headers": [["qb_revision", "3"], …], "value": "AAAAABEc…"}

``value`` is base64 of the bytes as they lie in Kafka (0, the schema's id in 4 bytes, the Avro body); null where there are
none. Keys and headers are text; bytes in them that are no UTF-8 are written as ``\\udc80`` to ``\\udcff``.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

from broker.batches import BadBatch, FileEntry, OpenBatch
from broker.batches.errors import MAKE_ANEW
from broker.kafka import Record, TopicPartition
from broker.topics import OWN_RECORD_BYTES
from schemas.said import said

LONGEST = 2 * OWN_RECORD_BYTES
"""No line is longer: base64 takes a third more than the bytes."""


def line_of(record: Record) -> bytes:
    """The line of a record, with its line break."""
    found = {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": None if record.key is None else _text(record.key),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "value": None if record.value is None else b64encode(record.value).decode(),
    }
    return json.dumps(found).encode() + b"\n"


def record_of(topic: str, line: bytes) -> Record:
    """The record of a line. Raises ValueError, TypeError or KeyError for what is none."""
    found: dict[str, Any] = json.loads(line)
    key, value = found["key"], found["value"]
    return Record(
        topic,
        _count(found["partition"]),
        _count(found["offset"]),
        _count(found["timestamp_ms"]),
        None if key is None else _bytes(key),
        None if value is None else b64decode(value, validate=True),
        tuple((str(name), _bytes(text)) for name, text in found["headers"]),
    )


def records_of(batch: OpenBatch) -> Iterator[Record]:
    """All records of a batch, file by file. Raises BadBatch for a line that is none, or lies outside the offsets."""
    spans = {TopicPartition(o.topic, o.partition): (o.first, o.next) for o in batch.manifest.offsets}
    for entry in batch.manifest.files:
        if entry.kind == "records":
            yield from _records(batch, entry, spans)


def _records(
    batch: OpenBatch, entry: FileEntry, spans: dict[TopicPartition, tuple[int, int]]
) -> Iterator[Record]:
    reached: dict[TopicPartition, int] = {}
    for number, line in enumerate(batch.lines(entry, LONGEST), start=1):
        if not line.strip():
            continue
        where = f"{batch.path.name}/{entry.name}, line {number}"
        record = _read(entry.topic, line, where)
        place = TopicPartition(record.topic, record.partition)
        first, end = spans.get(place, (0, 0))
        if not max(first, reached.get(place, 0)) <= record.offset < end:
            raise BadBatch(
                "BAD_RECORD",
                where,
                said("its offset is not within the manifest's, or not in order"),
                MAKE_ANEW,
            )
        reached[place] = record.offset + 1
        yield record


def _read(topic: str | None, line: bytes, where: str) -> Record:
    try:
        if topic is not None and len(line) <= LONGEST:
            return record_of(topic, line)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise BadBatch("BAD_RECORD", where, said("is no record of a topic"), MAKE_ANEW)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    if not isinstance(text, str):
        raise TypeError
    return text.encode("utf-8", "surrogateescape")
