"""Reading Avro by the schema id that a record names, with fastavro and the registry alone.

Two readings: *plain* leaves logical types as they lie on the wire (an exact comparison at less cost: a time is a number,
a decimal its bytes), *full* gives times, dates and decimals.
"""

import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import fastavro

from schemas.said import said

Schema = dict[str, Any]
Record = dict[str, Any]

HEADER_BYTES = 5
ENVELOPE = ("key_id", "nonce", "ciphertext")
"""The fields of a protected value, by which its record is known."""

_BROKEN = (ValueError, LookupError, EOFError, TypeError, ArithmeticError, struct.error)


class Unreadable(Exception):
    """Bytes that are no record of a schema that the registry knows. The text holds no value."""


class Reader:
    """Reads records of one registered schema."""

    def __init__(self, schema_id: int, schema: Schema) -> None:
        self.schema_id = schema_id
        self.schema = schema
        self._full: Any = fastavro.parse_schema(_copy(schema), _force=True)
        self._plain: Any = fastavro.parse_schema(without_logical_types(schema), _force=True)

    def plain(self, value: bytes) -> Record:
        """The record, logical types as on the wire. Raises Unreadable."""
        return self._read(value, self._plain)

    def full(self, value: bytes) -> Record:
        """The record with its logical types. Raises Unreadable."""
        return self._read(value, self._full)

    def _read(self, value: bytes, parsed: Any) -> Record:
        body = BytesIO(value)
        body.seek(HEADER_BYTES)
        try:
            record = fastavro.schemaless_reader(body, parsed, None)
        except _BROKEN as error:
            raise Unreadable(
                said(
                    "no record of schema {schema_id} ({kind})",
                    schema_id=self.schema_id,
                    kind=type(error).__name__,
                )
            ) from None
        if body.tell() != len(value):
            raise Unreadable(said("{count} bytes are left over", count=len(value) - body.tell()))
        assert isinstance(record, dict)
        return record


class Readers:
    """The reader of each record, by the schema id in its first bytes. ``fetch`` asks the registry."""

    def __init__(self, fetch: Callable[[int], Schema | None]) -> None:
        self._fetch = fetch
        self._known: dict[bytes, Reader] = {}

    def of(self, value: bytes | None) -> Reader:
        """Raises Unreadable for a value that names no schema of the registry."""
        if value is None:
            raise Unreadable(said("a null value"))
        reader = self._known.get(value[:HEADER_BYTES])
        if reader is not None:
            return reader
        if len(value) < HEADER_BYTES or value[0] != 0:
            raise Unreadable(said("does not begin with 0 and a schema id"))
        schema_id = int.from_bytes(value[1:HEADER_BYTES], "big")
        schema = self._fetch(schema_id)
        if schema is None:
            raise Unreadable(said("the registry knows no schema {schema_id}", schema_id=schema_id))
        return self._known.setdefault(value[:HEADER_BYTES], Reader(schema_id, schema))


# --- schemas --------------------------------------------------------------------------------------------------------


def _copy(avro: Any) -> Any:
    if isinstance(avro, list):
        return [_copy(branch) for branch in avro]
    if isinstance(avro, Mapping):
        return {name: _copy(value) for name, value in avro.items()}
    return avro


def without_logical_types(avro: Any) -> Any:
    """A schema that reads the same bytes and leaves them as they are."""
    if isinstance(avro, list):
        return [without_logical_types(branch) for branch in avro]
    if not isinstance(avro, Mapping):
        return avro
    if "logicalType" in avro:
        return avro["type"]
    return {
        name: without_logical_types(value) if name in ("type", "items", "fields") else value
        for name, value in avro.items()
    }


def records_in(avro: Any) -> dict[str, Schema]:
    """Every record that a schema defines, by its short name: references give the full or the short one."""
    found: dict[str, Schema] = {}
    _collect(avro, found)
    return found


def _collect(avro: Any, found: dict[str, Schema]) -> None:
    if isinstance(avro, list):
        for branch in avro:
            _collect(branch, found)
    elif isinstance(avro, Mapping) and "type" in avro:
        if avro["type"] == "record":
            found[_short(avro["name"])] = dict(avro)
            for field in avro["fields"]:
                _collect(field["type"], found)
        _collect(avro.get("items"), found)
        if isinstance(avro["type"], (list, Mapping)):
            _collect(avro["type"], found)


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def meant(avro: Any, named: Mapping[str, Schema]) -> Any:
    """A type without its null branch, a reference replaced by the record that it names."""
    if isinstance(avro, list):
        others = [branch for branch in avro if branch != "null"]
        return meant(others[0], named) if len(others) == 1 else avro
    return named.get(_short(avro), avro) if isinstance(avro, str) else avro


def is_record(avro: Any) -> bool:
    """Whether a type (as ``meant``) is a record."""
    return isinstance(avro, Mapping) and avro["type"] == "record"


def is_envelope(avro: Any) -> bool:
    """Whether a type (as ``meant``) is a protected value."""
    return is_record(avro) and tuple(field["name"] for field in avro["fields"]) == ENVELOPE


def items_of(avro: Any, named: Mapping[str, Schema]) -> Any:
    """What an array holds (as ``meant``), None if the type is no array."""
    return meant(avro["items"], named) if isinstance(avro, Mapping) and avro["type"] == "array" else None
