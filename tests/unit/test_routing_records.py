"""Records for routing tests, made from the schemas: every field filled with a value of its own, reproducibly."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro

from schemas.derive import Schema, is_protected, named_types, resolved
from schemas.files import latest_version, load_schema, parsed, subjects

Record = dict[str, Any]


class Filler:
    """Fills a schema; text is ``<path>#<number>``, so that each value says where it came from."""

    def __init__(self, schema: Schema, items: int = 2) -> None:
        self._named = named_types(schema)
        self._items = items
        self._count = 0

    def record(self, schema: Schema, prefix: str = "") -> Record:
        return {f["name"]: self._value(f["type"], f"{prefix}{f['name']}") for f in schema["fields"]}

    def _value(self, type_: Any, path: str) -> Any:
        self._count += 1
        found = resolved(type_, self._named)
        if is_protected(found):
            return {"key_id": "clear", "nonce": b"", "ciphertext": f"{path}#{self._count}".encode()}
        if isinstance(found, dict) and found["type"] == "record":
            return self.record(found, path + ".")
        if isinstance(found, dict) and found["type"] == "array":
            return [self._value(found["items"], path) for _ in range(self._items)]
        return self._plain(found, path)

    def _plain(self, found: Any, path: str) -> Any:
        logical = found.get("logicalType") if isinstance(found, dict) else None
        if logical == "decimal":
            return Decimal(self._count % 7).scaleb(-found["scale"])
        if logical == "date":
            return date(2020, 1, 1) + timedelta(days=self._count)
        if logical == "timestamp-micros":
            return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=self._count)
        kind = found["type"] if isinstance(found, dict) else found
        plain = {"string": f"{path}#{self._count}", "int": self._count, "long": self._count, "boolean": True}
        return plain[kind]


def schema_of(subject: str) -> Schema:
    return load_schema(subject, latest_version(subject))


def filled(subject: str, **changes: Any) -> Record:
    """A record with no null in it, revision 7, interesting nobody."""
    schema = schema_of(subject)
    record = Filler(schema).record(schema)
    return record | {"revision": 7, "interested": [], "interested_before": []} | changes


def exchange_bytes(subject: str, record: Record) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, parsed(subject, latest_version(subject)), record)
    return out.getvalue()


def avro_bytes(schema: Schema, record: Record) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def test_every_subject_can_be_filled() -> None:
    for subject in subjects():
        assert exchange_bytes(subject, filled(subject))
