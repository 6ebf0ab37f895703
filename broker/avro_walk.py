"""A strict walk over Avro bytes, for the rare ones that are not in canonical form. It builds no values.

Accepts all that the Avro 1.12 specification allows (several blocks, blocks with sizes) and nothing else: union indexes
in range, varints within 64 bits, ints within 32, decimals within their precision, every byte consumed.
"""

from collections.abc import Callable
from typing import Any

from broker.errors import DecodeError
from schemas.said import said

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_FIXED_WIDTH = {"boolean": 1, "float": 4, "double": 8}


def walk(parsed: Any, body: bytes) -> None:
    """Raises DecodeError (UNDECODABLE) at the first byte that breaks the specification."""
    walker = _Walker(body, _named(parsed, {}))
    walker.value(parsed)
    if walker.at != len(body):
        raise DecodeError("UNDECODABLE", said("{count} bytes follow the record", count=len(body) - walker.at))


class _Walker:
    def __init__(self, body: bytes, named: dict[str, Any]) -> None:
        self.body = body
        self.at = 0
        self.named = named

    def value(self, schema: Any) -> None:
        if isinstance(schema, list):
            self._union(schema)
        elif isinstance(schema, str):
            self._primitive(schema, {}) if schema not in self.named else self.value(self.named[schema])
        elif schema["type"] == "record":
            for field in schema["fields"]:
                self.value(field["type"])
        elif schema["type"] == "array":
            self._array(schema["items"])
        else:
            self._primitive(schema["type"], schema)

    def _union(self, branches: list[Any]) -> None:
        index = self._long()
        if not 0 <= index < len(branches):
            raise DecodeError(
                "UNDECODABLE",
                said("union index {index} of {count} branches", index=index, count=len(branches)),
            )
        self.value(branches[index])

    def _array(self, items: Any) -> None:
        while count := self._long():
            end = None
            if count < 0:
                count = -count
                size = self._long()
                end = self.at + size
                if size < 0 or end > len(self.body):
                    raise DecodeError("UNDECODABLE", said("an array block is longer than the record"))
            for _ in range(count):
                self.value(items)
            if end is not None and self.at != end:
                raise DecodeError("UNDECODABLE", said("an array block's size is wrong"))

    def _primitive(self, name: str, schema: dict[str, Any]) -> None:
        if name == "null":
            return
        if name in _FIXED_WIDTH:
            self._take(_FIXED_WIDTH[name])
        elif name == "int":
            if not _INT_MIN <= self._long() <= _INT_MAX:
                raise DecodeError("UNDECODABLE", said("an int is out of its 32 bits"))
        elif name == "long":
            self._long()
        else:
            self._bytes(name, schema)

    def _bytes(self, name: str, schema: dict[str, Any]) -> None:
        raw = self._take(self._long())
        if name == "string":
            raw.decode("utf-8")
        elif schema.get("logicalType") == "decimal":
            unscaled = int.from_bytes(raw, "big", signed=True)
            if len(str(abs(unscaled))) > schema["precision"]:
                raise DecodeError(
                    "UNDECODABLE", said("a decimal has more than {schema} digits", schema=schema["precision"])
                )

    def _take(self, length: int) -> bytes:
        if length < 0 or self.at + length > len(self.body):
            raise DecodeError("UNDECODABLE", said("a length runs past the end of the record"))
        self.at += length
        return self.body[self.at - length : self.at]

    def _long(self) -> int:
        shift = accumulated = 0
        while True:
            byte = self._take(1)[0]
            accumulated |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
            if shift > 63:
                raise DecodeError("UNDECODABLE", said("a number is longer than 64 bits"))
        if accumulated >= 2**64:
            raise DecodeError("UNDECODABLE", said("a number is longer than 64 bits"))
        return (accumulated >> 1) ^ -(accumulated & 1)


def _named(schema: Any, found: dict[str, Any]) -> dict[str, Any]:
    """All named records within a schema, by full name, so that later references can be followed."""
    if isinstance(schema, list):
        for branch in schema:
            _named(branch, found)
    elif isinstance(schema, dict):
        if schema["type"] == "record":
            found[schema["name"]] = schema
            for field in schema["fields"]:
                _named(field["type"], found)
        elif schema["type"] == "array":
            _named(schema["items"], found)
    return found


def int_check(parsed: Any) -> Callable[[Any], bool]:
    """A function that says whether all ``int`` values of a decoded record fit 32 bits, which fastavro does not check."""
    check = _int_check(parsed, _named(parsed, {}))
    return check or (lambda _record: True)


def _int_check(schema: Any, named: dict[str, Any]) -> Callable[[Any], bool] | None:
    if isinstance(schema, str):
        return _fits if schema == "int" else _int_check(named[schema], named) if schema in named else None
    if isinstance(schema, list):
        return next((check for branch in schema if (check := _int_check(branch, named))), None)
    if schema["type"] == "record":
        return _record_int_check(schema, named)
    if schema["type"] == "array":
        item = _int_check(schema["items"], named)
        return (lambda value: all(map(item, value or ()))) if item else None
    # A date is an int too, but fastavro itself refuses one that is out of the calendar.
    return _fits if schema["type"] == "int" and "logicalType" not in schema else None


def _record_int_check(schema: Any, named: dict[str, Any]) -> Callable[[Any], bool] | None:
    checks = [(f["name"], check) for f in schema["fields"] if (check := _int_check(f["type"], named))]
    if not checks:
        return None
    return lambda record: record is None or all(check(record[name]) for name, check in checks)


def _fits(value: Any) -> bool:
    return not isinstance(value, int) or _INT_MIN <= value <= _INT_MAX
