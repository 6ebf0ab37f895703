"""Finding a record's fields in its Avro bytes without building values.

A *scanner* takes the bytes and a position, and gives back the position after one field, and the field's *piece*: its
bytes as a department's schema writes them, that is as the second branch of a union with null (``02`` and the value, or
``00`` for null). As every field of a department's schema is nullable, a piece can be copied as it is.

Pieces that cannot be copied have another shape: a protected value is its three inner values (or None), an inner record
the list of its pieces (or None), a list of records the list of those.

Any bytes that are no canonical record end in a DecodeError of the caller: an IndexError here, a position that is not
the end, or a ``Malformed``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from broker.errors import ConfigError
from schemas.derive import Schema, is_protected, item_record, resolved
from schemas.said import said

Scan = Callable[[bytes, int], tuple[int, Any]]
Read = Callable[[bytes, int], tuple[int, list[Any]]]
Sealed = tuple[bytes, bytes, bytes]

NULL = b"\x00"
_SOME = b"\x02"
_SHORT = tuple(bytes((value << 1,)) for value in range(0x40))
_WIDTH = {"boolean": 1, "float": 4, "double": 8}


class Malformed(Exception):
    """The bytes break Avro's rules in a way that does not show otherwise."""


def zigzag(value: int) -> bytes:
    """A non-negative Avro long."""
    if value < 0x40:
        return _SHORT[value]
    value <<= 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text_piece(text: str) -> bytes:
    """The piece of a string."""
    raw = text.encode()
    return _SOME + zigzag(len(raw)) + raw


def varint(buf: bytes, pos: int) -> tuple[int, int]:
    """The position after an Avro long, and the long."""
    shift = value = 0
    while True:
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return pos, (value >> 1) ^ -(value & 1)
        shift += 7
        if shift > 63:
            raise Malformed(said("a number is longer than 64 bits"))


def _length(buf: bytes, pos: int) -> tuple[int, int]:
    pos, value = varint(buf, pos)
    if value < 0:
        raise Malformed(said("a negative length"))
    return pos, value


def raw_bytes(buf: bytes, pos: int) -> tuple[int, bytes]:
    """A length-prefixed value without its length."""
    length = buf[pos]
    if length < 0x80 and not length & 1:
        end = pos + 1 + (length >> 1)
        return end, buf[pos + 1 : end]
    start, long_length = _length(buf, pos)
    return start + long_length, buf[start : start + long_length]


# --- scanners ---------------------------------------------------------------------------------------------------------


def _sized(buf: bytes, pos: int) -> tuple[int, bytes]:
    # Strings, bytes and decimals are most of a record: the one-byte length is handled without a further call.
    length = buf[pos]
    if length < 0x80 and not length & 1:
        end = pos + 1 + (length >> 1)
    else:
        start, long_length = _length(buf, pos)
        end = start + long_length
    return end, _SOME + buf[pos:end]


def _nullable_sized(buf: bytes, pos: int) -> tuple[int, bytes]:
    tag = buf[pos]
    if tag == 0:
        return pos + 1, NULL
    if tag != 2:
        raise Malformed(said("a union index out of range"))
    length = buf[pos + 1]
    if length < 0x80 and not length & 1:
        end = pos + 2 + (length >> 1)
    else:
        start, long_length = _length(buf, pos + 1)
        end = start + long_length
    return end, buf[pos:end]


def _number(buf: bytes, pos: int) -> tuple[int, bytes]:
    end = pos
    while buf[end] >= 0x80:
        end += 1
    end += 1
    if end - pos > 10:
        raise Malformed(said("a number is longer than 64 bits"))
    return end, _SOME + buf[pos:end]


def _fixed(width: int) -> Scan:
    return lambda buf, pos: (pos + width, _SOME + buf[pos : pos + width])


def _sealed(buf: bytes, pos: int) -> tuple[int, Sealed]:
    pos, key_id = raw_bytes(buf, pos)
    pos, nonce = raw_bytes(buf, pos)
    pos, ciphertext = raw_bytes(buf, pos)
    return pos, (key_id, nonce, ciphertext)


def _nullable(scan: Scan, null: Any) -> Scan:
    def scan_nullable(buf: bytes, pos: int) -> tuple[int, Any]:
        tag = buf[pos]
        if tag == 2:
            return scan(buf, pos + 1)
        if tag != 0:
            raise Malformed(said("a union index out of range"))
        return pos + 1, null

    return scan_nullable


def _list(scan: Scan) -> Scan:
    """The pieces of all items, whatever the blocks they lie in."""

    def scan_list(buf: bytes, pos: int) -> tuple[int, list[Any]]:
        items: list[Any] = []
        pos, count = varint(buf, pos)
        while count:
            if count < 0:
                pos, _size = varint(buf, pos)
                count = -count
            for _ in range(count):
                pos, item = scan(buf, pos)
                items.append(item)
            pos, count = varint(buf, pos)
        return pos, items

    return scan_list


def _copied(scan: Scan) -> Scan:
    """A list of plain values is copied whole."""

    def scan_copied(buf: bytes, pos: int) -> tuple[int, bytes]:
        end, _items = scan(buf, pos)
        return end, _SOME + buf[pos:end]

    return scan_copied


def strings(piece: bytes) -> Sequence[str]:
    """The values of a list of strings, from its piece."""
    if piece == NULL:
        return ()
    _end, items = _list(raw_bytes)(piece, 1)
    return [item.decode() for item in items]


# --- from a schema ----------------------------------------------------------------------------------------------------


def scanner(type_: Any, named: Mapping[str, Schema], inner: Read | None) -> Scan:
    """The scanner of a field's type; ``inner`` reads the record within it, if it has one.

    Raises ConfigError for a type that our schemas do not use.
    """
    nullable = isinstance(type_, list)
    if nullable and type_[0] != "null":
        raise ConfigError(said("a union must begin with null: {type_}", type_=type_))
    found = resolved(type_, named)
    if is_protected(found):
        return _nullable(_sealed, None) if nullable else _sealed
    if record := item_record(type_, named):
        assert inner is not None
        scan = _list(inner) if record[1] else inner
        return _nullable(scan, None) if nullable else scan
    return _plain(found, nullable)


def _plain(type_: Any, nullable: bool) -> Scan:
    kind = type_["type"] if isinstance(type_, dict) else type_
    if kind in ("string", "bytes"):
        return _nullable_sized if nullable else _sized
    if kind in ("int", "long"):
        scan: Scan = _number
    elif kind in _WIDTH:
        scan = _fixed(_WIDTH[kind])
    elif kind == "array":
        scan = _copied(_list(_plain(type_["items"], False)))
    else:
        raise ConfigError(said("routing does not know the Avro type {kind}", kind=kind))
    return _nullable(scan, NULL) if nullable else scan
