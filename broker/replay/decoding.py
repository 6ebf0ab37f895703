"""Records of any topic, decoded by the schema of the registry that each names."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple

import fastavro

from broker.codec import HEADER_BYTES, Decoder, Released
from broker.errors import DecodeError
from broker.registry import Registry
from broker.released import OWN_MAX_BYTES
from schemas.files import Schema
from schemas.jsonform import to_json
from schemas.said import said


class Opened(NamedTuple):
    """A record with the schema that it fits, as fastavro parsed it."""

    schema: Schema
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The short name of the record's type, in lower case: ``sale``, ``decision``."""
        return str(self.schema["name"]).rpartition(".")[2].lower()


class _Writer(NamedTuple):
    decoder: Decoder
    schema: Schema


@dataclass(slots=True)
class AnyDecoder:
    """Decodes records of any schema that the registry has. Only deployment writes there, so its schemas are sound."""

    registry: Registry
    _writers: dict[bytes, _Writer] = field(default_factory=dict)
    _newest: dict[str, Schema] = field(default_factory=dict)

    def decode(self, value: bytes | None) -> dict[str, Any]:
        """The record in its JSON form. Raises DecodeError, which names no value."""
        opened = self.open(value)
        return to_json(opened.schema, opened.body)

    def open(self, value: bytes | None) -> Opened:
        """The record by the schema that it was written with. Raises DecodeError, which names no value."""
        if value is None:
            raise DecodeError("TOMBSTONE", said("a null value"))
        header = value[:HEADER_BYTES]
        if header not in self._writers:
            self._writers[header] = self._writer(header)
        writer = self._writers[header]
        return Opened(writer.schema, writer.decoder.decode(value)[1])

    def open_newest(self, topic: str, value: bytes | None) -> Opened:
        """The record by the newest schema of its type on this topic, so that all of one type have the same fields."""
        opened = self.open(value)
        newest = self._newest_of(topic, opened.schema)
        if newest is opened.schema:
            return opened
        assert value is not None
        body: Any = fastavro.schemaless_reader(BytesIO(value[HEADER_BYTES:]), opened.schema, newest)
        return Opened(newest, body)

    def _newest_of(self, topic: str, schema: Schema) -> Schema:
        name = str(schema["name"])
        # On intake many types share a topic, and are registered by their own names.
        subject = name if topic.startswith("intake.") else f"{topic}-value"
        if subject not in self._newest:
            found = self.registry.newest(subject)
            self._newest[subject] = _parsed(found[1]) if found else schema
        return self._newest[subject]

    def _writer(self, header: bytes) -> _Writer:
        if len(header) < HEADER_BYTES or header[0] != 0:
            raise DecodeError("BAD_MAGIC", said("does not begin with 0 and a 4-byte schema id"))
        schema_id = int.from_bytes(header[1:], "big")
        schema = self.registry.schema(schema_id)
        if schema is None:
            raise DecodeError(
                "UNKNOWN_SCHEMA", said("the registry knows no schema {schema_id}", schema_id=schema_id)
            )
        parsed = _parsed(schema)
        known = {schema_id: Released(str(parsed["name"]), 1, schema_id, parsed)}
        return _Writer(Decoder(known, max_bytes=OWN_MAX_BYTES), parsed)


def _parsed(schema: Schema) -> Schema:
    parsed: Any = fastavro.parse_schema(schema, _force=True)
    return dict(parsed) if not isinstance(parsed, dict) else parsed
