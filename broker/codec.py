"""Confluent's wire format (magic 0, 4-byte schema id, Avro body), with a decoder that trusts no byte.

fastavro is fast but lenient: it ignores trailing bytes, takes a negative union index, rounds a decimal and accepts an
``int`` of 2^40. The guard decodes, encodes again and compares: what comes back the same is canonical and sound. Avro
allows other encodings of the same value (several array blocks, blocks with sizes), so a difference alone is no fault:
those bytes are walked strictly (``broker.avro_walk``). Only schemas that we released are ever used to read, so a
hostile schema is never parsed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

import fastavro

from broker.avro_walk import int_check, walk
from broker.errors import DecodeError
from schemas.said import said

Record = dict[str, Any]
Encode = Callable[[Record], bytes]

MAX_RECORD_BYTES = 256 * 1024
HEADER_BYTES = 5


class Released(NamedTuple):
    """A released schema version and the id under which the registry knows it."""

    subject: str
    version: int
    schema_id: int
    parsed: Any


def wire_header(schema_id: int) -> bytes:
    """The five bytes before each Avro body."""
    return b"\x00" + schema_id.to_bytes(4, "big")


def encoder(schema_id: int, parsed: Any) -> Encode:
    """A function from a record to its wire bytes. Raises ValueError for a record that does not fit the schema."""
    header = wire_header(schema_id)
    write = fastavro.schemaless_writer

    def encode(record: Record) -> bytes:
        out = BytesIO()
        out.write(header)
        write(out, parsed, record)
        return out.getvalue()

    return encode


@dataclass(frozen=True, slots=True)
class _Reader:
    released: Released
    ints_fit: Callable[[Any], bool]


class Decoder:
    """Decodes wire bytes of known schemas.

    ``known`` maps registry ids to released versions; any other id is UNKNOWN_SCHEMA. ``newest`` maps a subject to the
    parsed schema that readers want; older records are resolved to it by Avro's rules.
    """

    def __init__(self, known: Mapping[int, Released], *, max_bytes: int = MAX_RECORD_BYTES) -> None:
        self._readers = {
            sid: _Reader(released, int_check(released.parsed)) for sid, released in known.items()
        }
        self._max_bytes = max_bytes
        newest: dict[str, Released] = {}
        for released in known.values():
            if released.subject not in newest or newest[released.subject].version < released.version:
                newest[released.subject] = released
        self._newest = newest

    def decode(self, value: bytes | None) -> tuple[str, Record]:
        """The subject and the record. Raises DecodeError with a quarantine reason; nothing else."""
        reader, body = self._open(value)
        record = _guarded(reader, body)
        newest = self._newest[reader.released.subject]
        if newest.version == reader.released.version:
            return reader.released.subject, record
        resolved = fastavro.schemaless_reader(BytesIO(body), reader.released.parsed, newest.parsed)
        return reader.released.subject, _as_record(resolved)

    def _open(self, value: bytes | None) -> tuple[_Reader, bytes]:
        if value is None:
            raise DecodeError("TOMBSTONE", said("a null value: removal is an event of its own"))
        if len(value) > self._max_bytes:
            raise DecodeError(
                "TOO_LARGE",
                said(
                    "{count} bytes, at most {max_bytes} are taken",
                    count=len(value),
                    max_bytes=self._max_bytes,
                ),
            )
        if len(value) < HEADER_BYTES or value[0] != 0:
            raise DecodeError("BAD_MAGIC", said("does not begin with 0 and a 4-byte schema id"))
        schema_id = int.from_bytes(value[1:HEADER_BYTES], "big")
        reader = self._readers.get(schema_id)
        if reader is None:
            raise DecodeError(
                "UNKNOWN_SCHEMA",
                said("schema id {schema_id} is none of a released version", schema_id=schema_id),
            )
        return reader, value[HEADER_BYTES:]


def _guarded(reader: _Reader, body: bytes) -> Record:
    parsed = reader.released.parsed
    try:
        record = fastavro.schemaless_reader(BytesIO(body), parsed, None)
        again = BytesIO()
        fastavro.schemaless_writer(again, parsed, record)
        if again.getvalue() != body:
            walk(parsed, body)
        sound = reader.ints_fit(record)
    except DecodeError:
        raise
    except Exception as error:  # noqa: BLE001 - any bytes may come, and each must end in quarantine, not in a crash
        raise DecodeError(
            "UNDECODABLE",
            said("no {subject} record: {kind}", subject=reader.released.subject, kind=type(error).__name__),
        ) from None
    if not sound:
        raise DecodeError(
            "UNDECODABLE",
            said("no {subject} record: an int is out of its 32 bits", subject=reader.released.subject),
        )
    return _as_record(record)


def _as_record(value: Any) -> Record:
    assert isinstance(value, dict)
    return value
