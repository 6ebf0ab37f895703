"""A filing as both ends know it: its canonical form, its digest, and the lines of a batch.

The canonical form is JSON in UTF-8 with sorted keys and no blanks, of the filing's key, event, day, county and items. Its
SHA-256 is the filing's digest, which the receiver computes anew from what it stores.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from consumers.upload.items import SUBJECTS, is_empty
from schemas.said import said

MAX_LINE_BYTES = 1024 * 1024


class Key(NamedTuple):
    """What a filing is known by."""

    subject: str
    entity_id: str
    revision: int


class Op(StrEnum):
    """What the receiver does with a line."""

    ADD = "ADD"
    """A filing that was never sent."""

    PUT = "PUT"
    """A repair: whatever is stored under the key gives way to this."""

    DROP = "DROP"
    """A repair: nothing was sent under the key, so what is stored goes."""


@dataclass(frozen=True, slots=True)
class Filing:
    """One revision in the standard's items. ``day`` is an ISO date."""

    key: Key
    event_type: str
    day: str
    county: str
    items: dict[str, Any]

    @property
    def canonical(self) -> str:
        """The canonical form."""
        return _canonical(self.as_object())

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.key._asdict(),
            "event_type": self.event_type,
            "day": self.day,
            "county": self.county,
            "items": self.items,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch; a DROP has no filing."""

    op: Op
    key: Key
    filing: Filing | None

    def encoded(self) -> bytes:
        """As it stands in the batch."""
        body = self.key._asdict() if self.filing is None else self.filing.as_object()
        return (_canonical({"op": self.op.value, **body}) + "\n").encode()


class BadLine(ValueError):
    """A line that is no filing; says what is wrong and no value."""


def parse_line(content: bytes) -> Line:
    """Read a line. Raises BadLine: no JSON, a field of another type, an unknown subject, a national item left empty."""
    if len(content) > MAX_LINE_BYTES:
        raise BadLine(said("longer than {most} bytes", most=MAX_LINE_BYTES))
    try:
        found = json.loads(content)
        op = Op(found.pop("op"))
        if op is Op.DROP:
            return Line(op, _key(found), None)
        return Line(op, _key(found), filing_of(found))
    except BadLine:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadLine(said("no line of a batch ({kind})", kind=type(error).__name__)) from None


def filing_of(found: dict[str, Any]) -> Filing:
    """A filing from its JSON object. Raises BadLine, KeyError or TypeError."""
    day, county, event_type, items = (found[name] for name in ("day", "county", "event_type", "items"))
    if not isinstance(items, dict) or not items or not isinstance(event_type, str):
        raise BadLine(said("items or event_type are not what they should be"))
    if date.fromisoformat(day).isoformat() != day or not isinstance(county, str):
        raise BadLine(said("day is no ISO date, or county no text"))
    if _has_empty(items):
        raise BadLine(said("an item is empty"))
    return Filing(_key(found), event_type, day, county, items)


def _key(found: dict[str, Any]) -> Key:
    key = Key(found["subject"], found["entity_id"], found["revision"])
    if key.subject not in SUBJECTS or not isinstance(key.entity_id, str) or type(key.revision) is not int:
        raise BadLine(said("subject, entity_id or revision are not what they should be"))
    return key


def _has_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_empty(one) for one in value.values())
    if isinstance(value, list):
        return any(_has_empty(one) for one in value)
    return is_empty(value)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
