"""From a filing in JSON form to the bytes on intake: the same content always gives the same bytes.

That is what makes sending it again safe: a filing is known by its event id and the SHA-256 of its bytes. Numbers,
times and fields that are left out have one form in the record, whatever their form in JSON.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.admission.intake import require_envelope
from broker.admission.model import Body
from broker.api.access import require
from broker.api.problems import ProblemError, invalid
from broker.api.tokens import FILE, Token
from broker.codec import MAX_RECORD_BYTES, Encode
from broker.errors import DecodeError
from broker.events import InvalidEvent, checked_record
from broker.kafka import Outgoing
from broker.slots import slot_key, slot_of
from broker.topics import intake_topic
from schemas.catalogue import Catalogue
from schemas.jsonform import Problem


@dataclass(frozen=True, slots=True)
class Filing:
    """A filing that is fit for the intake of its principal."""

    principal: str
    event_id: str
    sha256: str
    message: Outgoing


@dataclass(frozen=True, slots=True)
class Forms:
    """What turning JSON into records takes: the catalogue, an encoder a subject, and the number of slots."""

    catalogue: Catalogue
    encoders: Mapping[str, Encode]
    slots: int

    def filing(self, token: Token, subject: str, event: Any) -> Filing:
        """Check and encode a filing of a known subject. Raises ProblemError 403, 413 or 422; then nothing was written."""
        _allowed(self.catalogue, token, subject, event)
        try:
            record = checked_record(self.catalogue, token.principal, subject, event)
        except InvalidEvent as error:
            raise invalid(error.problems) from None
        key = slot_key(self.catalogue, subject, record).encode()
        slot = slot_of(key.decode(), self.slots)
        message = Outgoing(intake_topic(token.principal), slot, key, self.encoders[subject](record))
        return Filing(token.principal, record["event_id"], _digest(message, record), message)


def _digest(message: Outgoing, record: Body) -> str:
    """What a filing is known by. What admission would quarantine has no decision to wait for, so it is not taken."""
    value = message.value or b""
    if len(value) > MAX_RECORD_BYTES:
        raise ProblemError(
            "too-large",
            f"a record of {len(value)} bytes; {MAX_RECORD_BYTES} are taken",
            "send less; name attachments by their address",
        )
    try:
        require_envelope(record)
    except DecodeError as error:
        raise invalid([Problem("", error.detail, "mend the ids of the filing")]) from None
    return hashlib.sha256(value).hexdigest()


def _allowed(catalogue: Catalogue, token: Token, subject: str, event: Any) -> None:
    """What the token may not do is said before what is wrong with the content."""
    require(token, FILE, subject)
    if not isinstance(event, dict):
        raise invalid([Problem("", "JSON that is no object", "put the filing in { }")])
    if event.get("source", token.principal) != token.principal:
        raise ProblemError(
            "forbidden",
            "source names another than the token's principal",
            f"write {token.principal}, or leave source out",
        )
    sends = catalogue.principal(token.principal).sends.get(subject, frozenset())
    event_type = event.get("event_type")
    known = catalogue.subject(subject).lifecycle
    if isinstance(event_type, str) and event_type in known and event_type not in sends:
        raise ProblemError(
            "forbidden",
            "event_type is none that this principal may send",
            f"use one of {', '.join(sorted(sends))}",
        )
