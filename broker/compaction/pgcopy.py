"""Values in the binary form of Postgres' COPY: a 4-byte length and the bytes, or the length -1 for null.

Only what the transcoder needs. The types' forms are those of Postgres' ``*_recv`` functions.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from psycopg import postgres

SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_LENGTH = Struct(">i").pack
_INT4 = Struct(">ii").pack
_INT8 = Struct(">iq").pack
_COUNT = Struct(">h").pack
_NUMERIC = Struct(">ihhHh").pack
_ARRAY = Struct(">iiIii").pack

_EPOCH_MICROS = 946_684_800_000_000  # Postgres counts from 2000-01-01, Avro from 1970-01-01
_EPOCH_DAYS = 10_957
_TEXT_OID = postgres.types["text"].oid


class Lengths(dict[int, bytes]):
    """The 4-byte form of a length; small ones are made once."""

    def __init__(self) -> None:
        super().__init__((n, _LENGTH(n)) for n in range(2048))

    def __missing__(self, n: int) -> bytes:
        return _LENGTH(n)


def columns(count: int) -> bytes:
    """The head of a row of so many columns."""
    return _COUNT(count)


def long(value: int) -> bytes:
    """A bigint. Raises struct.error beyond 64 bits."""
    return _INT8(8, value)


def integer(value: int) -> bytes:
    """An integer. Raises struct.error beyond 32 bits."""
    return _INT4(4, value)


def timestamp(micros: int) -> bytes:
    """A timestamptz from microseconds since 1970. Raises struct.error beyond 64 bits."""
    return _INT8(8, micros - _EPOCH_MICROS)


@lru_cache(maxsize=8192)
def date(days: int) -> bytes:
    """A date from days since 1970. Raises struct.error beyond 32 bits."""
    return _INT4(4, days - _EPOCH_DAYS)


BOOLEAN = (b"\x00\x00\x00\x01\x00", b"\x00\x00\x00\x01\x01")


@lru_cache(maxsize=65536)
def numeric(unscaled: bytes, scale: int) -> bytes:
    """A numeric from Avro's big-endian two's complement; whether it fits its column is for Postgres to say."""
    value = int.from_bytes(unscaled, "big", signed=True)
    fraction_groups = -(-scale // 4)
    rest = abs(value) * 10 ** (4 * fraction_groups - scale)
    groups = []
    while rest:
        rest, group = divmod(rest, 10_000)
        groups.append(group)
    weight = len(groups) - fraction_groups - 1
    groups.reverse()
    while groups and not groups[-1]:
        groups.pop()
    head = _NUMERIC(8 + 2 * len(groups), len(groups), weight, 0x4000 if value < 0 else 0, scale)
    return head + b"".join(map(_COUNT, groups))


def text_array(items: Sequence[bytes]) -> bytes:
    """A text[] from UTF-8 strings."""
    if not items:
        return _LENGTH(12) + _ARRAY(0, 0, _TEXT_OID, 0, 0)[:12]
    body = b"".join(_LENGTH(len(item)) + item for item in items)
    return _LENGTH(20 + len(body)) + _ARRAY(1, 0, _TEXT_OID, len(items), 1) + body


def jsonb(value: Any) -> bytes:
    """A jsonb in canonical form: sorted keys, no spaces, no escapes but those that JSON demands."""
    body = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return _LENGTH(len(body) + 1) + b"\x01" + body
