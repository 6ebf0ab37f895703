"""The index: in which places a person's, a house's or an entity's records lie.

Records of ``exchange.*`` are decoded for it; those of ``dept.*`` have what is needed in key and header. Other topics have
no index. What cannot be decoded is indexed by its key alone.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.codec import Decoder
from broker.errors import DecodeError
from broker.kafka import Record
from broker.topics import exchange_topic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXCHANGE = exchange_topic("")


@dataclass(frozen=True, slots=True)
class Place:
    """One record's row in ``audit.place``, with its rows in ``audit.place_party``."""

    topic: str
    partition: int
    offset: int
    subject: str
    entity_id: str
    revision: int
    house_code: str | None
    county: str | None
    event_id: str | None
    recorded_at: datetime
    parties: tuple[str, ...]

    def canonical(self) -> bytes:
        """The row as it enters the digest: one line of JSON; the time in microseconds."""
        micros = (self.recorded_at - _EPOCH) // timedelta(microseconds=1)
        row = [self.offset, self.subject, self.entity_id, self.revision, self.house_code, self.county]
        line = json.dumps([*row, self.event_id, micros, list(self.parties)], separators=(",", ":"))
        return line.encode() + b"\n"


def digest(before: bytes, places: Sequence[Place]) -> bytes:
    """The digest of an index that goes on by these rows."""
    return (
        hashlib.sha256(before + b"".join(place.canonical() for place in places)).digest()
        if places
        else before
    )


def place_of(record: Record, decoder: Decoder) -> Place | None:
    """The index row of a record; None for topics that have no index."""
    if record.topic.startswith(_EXCHANGE):
        return _of_exchange(record, decoder)
    if record.topic.startswith("dept."):
        return _by_key(record, record.topic.rsplit(".", 2)[1])
    return None


def _of_exchange(record: Record, decoder: Decoder) -> Place:
    try:
        subject, body = decoder.decode(record.value)
    except DecodeError:
        return _by_key(record, record.topic.removeprefix(_EXCHANGE))
    return Place(
        record.topic,
        record.partition,
        record.offset,
        subject,
        _text(body["entity_id"]) or "",
        body["revision"] or 0,
        _text(body.get("house_code")),
        _text(body.get("county_code")),
        _text(body.get("event_id")),
        body["recorded_at"] or _appended(record),
        tuple(sorted(set(_party_refs(body)))),
    )


def _by_key(record: Record, subject: str) -> Place:
    revision = record.header("qb_revision") or b""
    return Place(
        record.topic,
        record.partition,
        record.offset,
        subject,
        _text((record.key or b"").decode(errors="replace")) or "",
        int(revision) if revision.isdigit() and len(revision) <= 18 else 0,
        None,
        None,
        None,
        _appended(record),
        (),
    )


def _appended(record: Record) -> datetime:
    return _EPOCH + timedelta(milliseconds=record.timestamp_ms)


def _text(value: object) -> str | None:
    # Postgres takes no NUL.
    return None if value is None else str(value).replace("\0", "\ufffd")


def _party_refs(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _party_refs(item)
    elif isinstance(value, dict):
        ref = value.get("party_ref")
        if isinstance(ref, str):
            yield ref
        for item in value.values():
            yield from _party_refs(item)
