"""The hashes of chains, computed anew from their definition (docs/audit.md, "What is hashed")."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from broker.kafka import Record

MARK_BYTES = 24


class Mark(NamedTuple):
    """A record as its chain remembers it."""

    offset: int
    timestamp_ms: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Sums:
    """Both hashes of a chain."""

    sha256: bytes
    sm3: bytes


def start(topic: str, partition: int) -> Sums:
    """Of a chain without records."""
    return begun(f"qianbei audit 1\n{topic}\n{partition}".encode())


def after(before: Sums, record: Record) -> Sums:
    """Of the chain with one record more."""
    body = (
        record.offset.to_bytes(8, "big", signed=True)
        + record.timestamp_ms.to_bytes(8, "big", signed=True)
        + content_of(record)
    )
    return Sums(hashlib.sha256(before.sha256 + body).digest(), hashlib.new("sm3", before.sm3 + body).digest())


def mark_of(record: Record) -> Mark:
    """What a segment's row should remember of this record."""
    return Mark(record.offset, record.timestamp_ms, hashlib.sha256(content_of(record)).digest()[:8])


def content_of(record: Record) -> bytes:
    """Key, value and headers, each with its length."""
    body = _sized(record.key) + _sized(record.value) + len(record.headers).to_bytes(4, "big")
    for name, value in record.headers:
        body += _sized(name.encode()) + _sized(value)
    return body


def marks_of(packed: bytes) -> list[Mark]:
    """The marks of a segment's row. Raises ValueError if they are no whole number of marks."""
    if len(packed) % MARK_BYTES:
        raise ValueError(len(packed))
    return [
        Mark(
            int.from_bytes(packed[at : at + 8], "big", signed=True),
            int.from_bytes(packed[at + 8 : at + 16], "big", signed=True),
            packed[at + 16 : at + 24],
        )
        for at in range(0, len(packed), MARK_BYTES)
    ]


def _sized(value: bytes | None) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    return len(value).to_bytes(4, "big") + value


def begun(seed: bytes) -> Sums:
    """Both hashes of what a chain begins with."""
    return Sums(hashlib.sha256(seed).digest(), hashlib.new("sm3", seed).digest())
