"""The index: in which places a person's, a house's or an entity's records lie.

Records of ``exchange.*`` are decoded for it; those of ``dept.*`` have what is needed in key and header. Other topics have
no index. What cannot be decoded is indexed by its key alone.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
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
    event_type: str | None
    parties: Mapping[str, Sequence[str]]
    """In which lists and roles each person stands, such as ``parties.BUYER`` or ``occupants``."""

    def canonical(self) -> bytes:
        """The row as it enters the digest: one line of JSON; the time in microseconds."""
        micros = (self.recorded_at - _EPOCH) // timedelta(microseconds=1)
        row = [self.offset, self.subject, self.entity_id, self.revision, self.house_code, self.county]
        row += [self.event_id, micros, list(self.parties)]
        if self.event_type is not None or self.parties:
            row += [self.event_type, [list(stands) for stands in self.parties.values()]]
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"


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
        body["recorded_at"] or record.appended_at,
        _text(body.get("event_type")),
        stands_of(body),
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
        record.appended_at,
        _event_type(record),
        {},
    )


def _event_type(record: Record) -> str | None:
    """Of the header: a department's record is not decoded, and its ``LEFT`` discloses nothing but its key."""
    header = (record.header("ce_type") or b"").decode(errors="replace")
    return _text(header.rpartition(".")[2]) or None


def _text(value: object) -> str | None:
    # Postgres takes no NUL.
    return None if value is None else str(value).replace("\0", "\ufffd")


def stands_of(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Every person in a record by ``party_ref``, in order, with the lists and roles in which he stands."""
    found: dict[str, set[str]] = {}
    for ref, stand in _stands(body, ""):
        found.setdefault(ref, set()).add(stand)
    return {ref: sorted(found[ref]) for ref in sorted(found)}


def _stands(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _stands(item, path)
    elif isinstance(value, Mapping):
        ref, role = value.get("party_ref"), value.get("role")
        if isinstance(ref, str):
            yield ref, ".".join(filter(None, (path, role)))
        for name, inner in value.items():
            yield from _stands(inner, f"{path}.{name}" if path else name)
