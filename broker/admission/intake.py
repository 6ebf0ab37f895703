"""From bytes in an intake topic to a candidate, or to the reason why they are quarantined."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from broker.admission.model import Candidate, Place, Redriven
from broker.admission.redriven import redriven_of
from broker.admission.requests import request_key
from broker.codec import Decoder
from broker.errors import DecodeError
from broker.kafka import Record
from broker.slots import slot_key, slot_of
from broker.topics import REDRIVE, principal_of
from schemas.catalogue import INTERNAL, Catalogue
from schemas.said import said

#: What may stand in an id or a key: visible characters of any script, no blanks and no control characters. Postgres
#: cannot hold a NUL, and an id that cannot be stored cannot be decided.
_IDENTIFIER = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,120}")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that cannot be decided, with the reason. ``detail`` holds no personal value."""

    place: Place
    sha256: str
    principal: str
    reason: str
    detail: str


def read(record: Record, decoder: Decoder, catalogue: Catalogue, slots: int) -> Candidate | Quarantined:
    """Decode a record and check that it lies in its place. Raises nothing, whatever the bytes are."""
    place = Place(record.topic, record.partition, record.offset)
    sha256 = hashlib.sha256(record.value or b"").hexdigest()
    principal = principal_of(record.topic)
    redriven: Redriven | None = None
    try:
        if principal == REDRIVE:
            redriven = redriven_of(record.headers, sha256, catalogue)
            principal = redriven.principal
        subject, body = decoder.decode(record.value)
        require_envelope(body)
        key_of = request_key if principal == INTERNAL else slot_key
        _placed(record, key_of(catalogue, subject, body), slots)
    except DecodeError as error:
        return Quarantined(place, sha256, principal, error.code, error.detail)
    return Candidate(place, sha256, principal, subject, body, redriven)


def require_envelope(body: dict[str, Any]) -> None:
    """What even a refusal needs: an event id and ids that can be stored and answered to."""
    try:
        canonical = str(UUID(body["event_id"])) == body["event_id"]
    except ValueError:
        canonical = False
    if not canonical:
        raise DecodeError(
            "BAD_ENVELOPE", said("event_id is no UUID in its usual form (8-4-4-4-12, lower case)")
        )
    for name in ("entity_id", "house_code", "source", "event_type"):
        value = body.get(name)
        if value is not None and not _IDENTIFIER.fullmatch(value):
            raise DecodeError(
                "BAD_ENVELOPE",
                said("{name} is empty, longer than 120 or holds a blank or control character", name=name),
            )


def _placed(record: Record, key: str, slots: int) -> None:
    if record.key != key.encode():
        raise DecodeError("MISROUTED", said("the key must be {key}", key=_shown(key)))
    slot = slot_of(key, slots)
    if record.partition != slot:
        raise DecodeError(
            "MISROUTED",
            said(
                "key {key} belongs in partition {slot}: use the murmur2 partitioner",
                key=_shown(key),
                slot=slot,
            ),
        )


def _shown(key: str) -> str:
    return key if key.isascii() else f"<{len(key)} characters>"
