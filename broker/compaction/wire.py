"""Reading Avro's binary encoding, strictly: what is not canonical and complete is refused.

Avro lets a writer encode the same value in several ways (long varints, arrays in several blocks). Readers here take
the one form that writers use; the transcoder brings anything else into it first, or refuses it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from schemas.said import said

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=2000)


class Malformed(ValueError):
    """Bytes that are not the canonical encoding of a record of this schema."""


def varint(b: bytes, i: int) -> tuple[int, int]:
    """The unsigned number that begins at ``i``, and where it ends. Raises Malformed or IndexError."""
    number = b[i]
    if number < 0x80:
        return number, i + 1
    number &= 0x7F
    shift = 7
    while True:
        i += 1
        byte = b[i]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    if not byte or number >> 64:
        raise Malformed(said("a number is too long"))
    return number, i + 1


def long(b: bytes, i: int) -> tuple[int, int]:
    """The signed number that begins at ``i``, and where it ends."""
    n, i = varint(b, i)
    return (n >> 1) ^ -(n & 1), i


def length(b: bytes, i: int) -> tuple[int, int]:
    """A length of bytes or a count of items, and where it ends. A negative one is refused."""
    n, i = varint(b, i)
    if n & 1:
        raise Malformed(said("a length is negative"))
    return n >> 1, i


def string(b: bytes, i: int) -> tuple[bytes, int]:
    """The bytes of a string that begins at ``i``, and where they end."""
    size, i = length(b, i)
    end = i + size
    if end > len(b):
        raise Malformed(said("a length runs past the end"))
    return b[i:end], end


def strings(b: bytes, i: int) -> tuple[list[bytes], int]:
    """An array of strings, in one block."""
    found: list[bytes] = []
    count, i = length(b, i)
    for _ in range(count):
        item, i = string(b, i)
        found.append(item)
    return found, i if not count else _end_of_blocks(b, i)


def _end_of_blocks(b: bytes, i: int) -> int:
    if b[i]:
        raise Malformed(said("an array has several blocks"))
    return i + 1


def plain(b: bytes, i: int, avro: Any, named: Mapping[str, Any]) -> tuple[Any, int]:
    """Any value as plain JSON types, and where it ends: decimals as strings, bytes as hex, times in ISO 8601."""
    if isinstance(avro, str):
        return _primitive(b, i, avro, {}) if avro not in named else plain(b, i, named[avro], named)
    if isinstance(avro, list):
        branch, i = length(b, i)
        return plain(b, i, avro[branch], named)
    if avro["type"] == "record":
        record = {}
        for field in avro["fields"]:
            record[field["name"]], i = plain(b, i, field["type"], named)
        return record, i
    if avro["type"] == "array":
        return _plain_array(b, i, avro["items"], named)
    return _primitive(b, i, avro["type"], avro)


def _plain_array(b: bytes, i: int, items: Any, named: Mapping[str, Any]) -> tuple[list[Any], int]:
    found = []
    count, i = length(b, i)
    if count > len(b):
        raise Malformed(said("an array is longer than the record"))
    for _ in range(count):
        item, i = plain(b, i, items, named)
        found.append(item)
    return found, i if not count else _end_of_blocks(b, i)


def _primitive(b: bytes, i: int, name: str, avro: Mapping[str, Any]) -> tuple[Any, int]:
    logical = avro.get("logicalType")
    match name:
        case "null":
            return None, i
        case "boolean":
            return (False, True)[b[i]], i + 1
        case "int" | "long":
            number, i = long(b, i)
            return _number(number, logical), i
        case "string":
            raw, i = string(b, i)
            return raw.decode(), i
        case _:
            raw, i = string(b, i)
            return (_decimal(raw, avro["scale"]) if logical == "decimal" else raw.hex()), i


def _number(number: int, logical: str | None) -> int | str:
    if logical == "timestamp-micros":
        return (_EPOCH + timedelta(microseconds=number)).isoformat().replace("+00:00", "Z")
    if logical == "date":
        return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
    return number


def _decimal(raw: bytes, scale: int) -> str:
    return format(Decimal(int.from_bytes(raw, "big", signed=True)).scaleb(-scale, _EXACT), "f")
