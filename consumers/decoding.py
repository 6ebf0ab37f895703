"""From a record's bytes to what a department's code gets to see; schemas are found by their ids, each fetched once."""

from fastavro import parse_schema

from broker.codec import HEADER_BYTES, Decoder, Released
from broker.errors import DecodeError
from broker.kafka import Record
from broker.released import OWN_MAX_BYTES
from consumers.delivery import UndecodableRecord
from consumers.feed import Schemas
from consumers.records import LEFT, DepartmentRecord
from schemas.derive import KEYS
from schemas.said import said


class SchemaDecoder:
    """Decodes records of any schema that the registry knows."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._decoders: dict[int, Decoder] = {}

    def decode(self, record: Record) -> DepartmentRecord:
        """Raises UndecodableRecord with the record's place, Unavailable if the registry does not answer."""
        try:
            _, value = self._decoder(record).decode(record.value)
        except DecodeError as error:
            raise UndecodableRecord(said("{where}: {error}", where=_place(record), error=error)) from None
        if not all(name in value for name in KEYS):
            raise UndecodableRecord(
                said(
                    "{record}: no department's record, it lacks {keys}",
                    record=_place(record),
                    keys=" or ".join(KEYS),
                )
            )
        event_type = value["event_type"]
        return DepartmentRecord(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            entity_id=value["entity_id"],
            revision=value["revision"],
            event_type=event_type,
            value=value,
            left=event_type == LEFT,
        )

    def _decoder(self, record: Record) -> Decoder:
        schema_id = int.from_bytes((record.value or b"")[1:HEADER_BYTES], "big")
        if schema_id not in self._decoders:
            schema = self._schemas.schema(schema_id)
            known = (
                {}
                if schema is None
                else {schema_id: Released(record.topic, 1, schema_id, parse_schema(schema))}
            )
            self._decoders[schema_id] = Decoder(known, max_bytes=OWN_MAX_BYTES)
        return self._decoders[schema_id]


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition} at offset {record.offset}"
