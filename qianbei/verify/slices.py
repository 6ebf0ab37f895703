"""Cutting a record of the exchange into the bytes of its fields, so that most departments' records need no decoding.

Comparing 70,000 records value by value takes long; comparing bytes does not. A field's bytes are the same in the
exchange's schema and in a department's, so what a department must have can be put together from them. What comes out
equal is equal; whatever does not, or cannot be cut, is decoded and compared by value (``lanes``), as is a sample of
those that are equal. So this may fail to recognise a record as right, never one as wrong.

A *piece* is a field's bytes as a nullable value: ``00`` for null, else ``02`` and the value; a protected value is its
clear text. The piece of a list of records, or of a record, is None for null, else the pieces of each record.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from qianbei.verify.avro import HEADER_BYTES, Schema, is_envelope, is_record, items_of, meant, records_in
from schemas.said import said

Pieces = tuple[Any, ...]
Slice = Callable[[bytes], Pieces]
NULL = b"\x00"

_LENGTHS = ("string", "bytes")
_NUMBERS = ("int", "long")


class NotSliceable(Exception):
    """A schema or a record that has to be decoded."""


def top_fields(schema: Schema) -> dict[str, int]:
    """Where each field's piece lies."""
    return {field["name"]: at for at, field in enumerate(schema["fields"])}


def slicer(schema: Schema) -> Slice:
    """A function from the wire bytes of a record to its pieces. Raises NotSliceable, as the function does."""
    source = _Source(records_in(schema))
    main = source.function(schema)
    namespace: dict[str, Any] = {"count": _count, "NotSliceable": NotSliceable}
    exec(compile(source.text(), "<slicer>", "exec"), namespace)  # noqa: S102 - made from a schema's structure alone
    cut = namespace[main]

    def slice_record(value: bytes) -> Pieces:
        try:
            end, pieces = cut(value, HEADER_BYTES)
        except IndexError:
            raise NotSliceable(said("ends too early")) from None
        if end != len(value):
            raise NotSliceable(said("has bytes left over"))
        found: Pieces = pieces
        return found

    return slice_record


def _count(b: bytes, i: int) -> tuple[int, int]:
    """A length or a count that begins at ``i``, and where it ends; a negative one is for the decoder."""
    number, shift = 0, 0
    while True:
        byte = b[i]
        number |= (byte & 0x7F) << shift
        i += 1
        if byte < 0x80:
            break
        shift += 7
    if number & 1:
        raise NotSliceable(said("a negative length"))
    return number >> 1, i


def text_of(piece: bytes) -> str | None:
    """The text of a piece, None for null."""
    if piece == NULL:
        return None
    _, start = _count(piece, 1)
    return piece[start:].decode()


def long_of(piece: bytes) -> int | None:
    """The number of a piece, None for null."""
    if piece == NULL:
        return None
    number = 0
    for shift, byte in enumerate(piece[1:]):
        number |= (byte & 0x7F) << 7 * shift
    return (number >> 1) ^ -(number & 1)


def texts_of(piece: bytes) -> list[str]:
    """The texts of a list's piece, none for null."""
    found: list[str] = []
    if piece == NULL:
        return found
    count, i = _count(piece, 1)
    for _ in range(count):
        size, i = _count(piece, i)
        found.append(piece[i : i + size].decode())
        i += size
    return found


def length(number: int) -> bytes:
    """A length or a count as Avro writes it."""
    rest, out = number << 1, bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


# --- generated code: one function a record ------------------------------------------------------------------------------


class _Source:
    """Writes a function for each record; a function returns where the record ends and its pieces."""

    def __init__(self, named: Mapping[str, Schema]) -> None:
        self._named = named
        self._made: dict[str, str] = {}
        self._lines: list[str] = []

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def function(self, record: Schema) -> str:
        """The name of the record's function, written on first use."""
        name = record["name"]
        if name not in self._made:
            self._made[name] = f"cut_{len(self._made)}"
            lines = [
                line for at, field in enumerate(record["fields"]) for line in self._field(at, field["type"])
            ]
            pieces = "".join(f"p{at}, " for at in range(len(record["fields"])))
            self._lines += [f"def {self._made[name]}(b, i):", *_indented(lines), f"    return i, ({pieces})"]
        return self._made[name]

    def _field(self, at: int, avro: Any) -> Iterator[str]:
        """Lines that read one field at ``i`` into ``p<at>``."""
        type_ = meant(avro, self._named)
        if isinstance(type_, list):
            raise NotSliceable(said("a union of several types"))
        if not isinstance(avro, list):
            yield from self._value(at, type_, "b'\\x02' + ")
            return
        if avro[0] != "null":
            raise NotSliceable(said("a union that does not begin with null"))
        null = "None" if self._is_nested(type_) else repr(NULL)
        yield f"if b[i] == 0: p{at} = {null}; i += 1"
        yield "elif b[i] != 2: raise NotSliceable('no such branch')"
        yield "else:"
        yield "    s = i; i += 1"
        yield from _indented(self._value(at, type_, ""))

    def _is_nested(self, type_: Any) -> bool:
        inner = items_of(type_, self._named) or type_
        return is_record(inner) and not is_envelope(type_)

    def _value(self, at: int, type_: Any, head: str) -> Iterator[str]:
        """``head`` is empty where the branch's byte stands before the value at ``s``, and so is part of the piece."""
        items = items_of(type_, self._named)
        if is_envelope(type_):
            yield from self._envelope(at)
        elif is_record(type_):
            yield f"i, p{at} = {self.function(type_)}(b, i)"
        elif is_record(items) and not is_envelope(items):
            yield from self._list(at, items)
        else:
            yield from ([] if not head else ["s = i"])
            yield from self._skip(type_, items)
            yield f"p{at} = {head}b[s:i]"

    def _envelope(self, at: int) -> Iterator[str]:
        yield "if b[i:i + 7] != b'\\x0aclear\\x00': raise NotSliceable('is encrypted')"
        yield "i += 7; s = i"
        yield from _skip_length()
        yield f"p{at} = b'\\x02' + b[s:i]"

    def _list(self, at: int, item: Schema) -> Iterator[str]:
        yield f"n, i = count(b, i); p{at} = []"
        yield "for _ in range(n):"
        yield f"    i, p = {self.function(item)}(b, i); p{at}.append(p)"
        yield from _end_of_blocks()

    def _skip(self, type_: Any, items: Any) -> Iterator[str]:
        name = type_ if isinstance(type_, str) else type_["type"]
        if name in _LENGTHS:
            yield from _skip_length()
        elif name in _NUMBERS:
            yield "while b[i] > 127: i += 1"
            yield "i += 1"
        elif name == "boolean":
            yield "i += 1"
        elif items == "string":
            yield "n, i = count(b, i)"
            yield "for _ in range(n):"
            yield "    m, i = count(b, i); i += m"
            yield from _end_of_blocks()
        else:
            raise NotSliceable(said("the type {name}", name=name))


def _skip_length() -> Iterator[str]:
    yield "n = b[i]; i += 1"
    yield "if n & 129: n, i = count(b, i - 1); i += n"
    yield "else: i += n >> 1"


def _end_of_blocks() -> Iterator[str]:
    yield "if n:"
    yield "    if b[i]: raise NotSliceable('a list in several blocks')"
    yield "    i += 1"


def _indented(lines: Iterator[str] | list[str]) -> list[str]:
    return ["    " + line for line in lines]
