"""What is handed to a third party: checkpoints, and a range of records between two signed heads, as lines of JSON."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from broker.errors import ConfigError
from broker.kafka import Connection, PartitionReader, Record, TopicPartition
from broker.settings import Settings
from broker.store.connect import connected, translated
from qianbei.audit import tables
from qianbei.audit.log import Log, TableLog, TopicLog, Unread
from schemas.said import said

Line = dict[str, Any]


def checkpoint_lines(settings: Settings, beyond: int = 0) -> Iterator[Line]:
    """Every checkpoint after this one, in order."""
    dsn = settings.dsn()
    with translated(dsn), connected(dsn, "qianbei audit checkpoint") as db:
        for one in tables.checkpoints(db):
            if one.sequence > beyond:
                yield _checkpoint(one)


def _checkpoint(one: tables.Checkpoint) -> Line:
    return {"checkpoint": one.body, "key_id": one.key_id, "signature": one.signature.hex()}


def range_lines(settings: Settings, topic: str, partition: int, first: int, last: int) -> Iterator[Line]:
    """The records ``first`` to ``last`` of a partition, with those around them up to the next signed heads, and the
    checkpoints that signed these. Raises ConfigError if no checkpoint has signed so far yet, or bytes cannot be read."""
    dsn = settings.dsn()
    with translated(dsn), connected(dsn, "qianbei audit export") as db:
        begin, end = _bounds(db, topic, partition, first, last)
        yield {
            "topic": topic,
            "partition": partition,
            "after": -1 if begin is None else begin[1],
            "to": end[1],
        }
        for known in (begin, end):
            if known is not None:
                yield _checkpoint(known[0])
        start = -1 if begin is None else begin[1]
        if topic.startswith(tables.ACCESS):
            yield from _records(
                TableLog(tables.accesses(db, topic.removeprefix(tables.ACCESS), start)), end[1]
            )
            return
        with PartitionReader(Connection.of(settings)) as reader:
            place = TopicPartition(topic, partition)
            begins, ends = reader.beginning_offsets([place]), reader.end_offsets([place])
            log = TopicLog(reader, place, begins[place], ends[place])
            log.start_at(start + 1)
            yield from _records(log, end[1])


def _bounds(
    db: tables.Database, topic: str, partition: int, first: int, last: int
) -> tuple[tuple[tables.Checkpoint, int] | None, tuple[tables.Checkpoint, int]]:
    """The newest signed head before ``first`` (None: the chain's beginning), and the oldest at or after ``last``."""
    begin = None
    for one in tables.checkpoints(db):
        for head_topic, head_partition, at, *_ in json.loads(one.body)["heads"]:
            if (head_topic, head_partition) == (topic, partition):
                if at >= last:
                    return begin, (one, at)
                if at < first:
                    begin = (one, at)
    raise ConfigError(
        said(
            "no checkpoint has signed {topic}/{partition} up to {last} yet: check the place, or wait for the next one",
            topic=topic,
            partition=partition,
            last=last,
        )
    )


def _records(log: Log, until: int) -> Iterator[Line]:
    for one in log.until(until):
        if isinstance(one, Unread):
            raise ConfigError(
                said(
                    "the records from {offset} on cannot be read: run `qianbei audit verify`",
                    offset=one.offset,
                )
            )
        yield _record(one)


def _record(record: Record) -> Line:
    return {
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": _base64(record.key),
        "value": _base64(record.value),
        "headers": [[name, _base64(value)] for name, value in record.headers],
    }


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
