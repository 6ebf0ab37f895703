"""Rows and what is new about them. Pure: a row's text, its digest, and the event that it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from producers.database.config import Events
from producers.stock.values import BadCell
from schemas.said import said

_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as text, by column, and its key. ``at``: where it stands in the outbox, or its watermark."""

    key: str
    cells: Mapping[str, str]
    at: Any = None
    event_type: str | None = None
    """What happened, where the row says so itself (an outbox)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a key: the digest of the row as it was last looked at, and whether its entity is gone."""

    digest: bytes
    gone: bool


def text_of(value: Any) -> str:
    """A database's value as the cell of a table. Times with a zone become Chinese time, which is what cells are in."""
    match value:
        case None:
            text = ""
        case bool():
            text = "是" if value else "否"
        case datetime():
            local = value.astimezone(_ZONE).replace(tzinfo=None) if value.tzinfo else value
            text = local.isoformat(sep=" ")
        case Decimal():
            text = f"{value:f}"
        case dict() | list():
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = str(value)
    return text


def digest(cells: Mapping[str, str], columns: Mapping[str, object]) -> bytes:
    """Of the columns that are mapped: a change of any other is no news."""
    content = json.dumps([[name, cells.get(name, "")] for name in sorted(columns)], ensure_ascii=False)
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


def happened(events: Events, cells: Mapping[str, str], *, new: bool) -> list[str]:
    """The events that a row is news of, in order. Raises BadCell if its column says something unknown."""
    if events.column is not None:
        word = cells.get(events.column, "").strip()
        if word not in events.codes:
            raise BadCell(
                said("a word that is no event"),
                said("add it to events.codes; known are {codes}", codes=", ".join(events.codes)),
            )
        last = events.codes[word]
    else:
        assert events.new is not None
        assert events.changed is not None
        last = events.new if new else events.changed
    return [*(events.before.get(last, ()) if new else ()), last]
