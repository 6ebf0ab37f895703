"""Timers: what time alone brings about for an entity, unless something happens to it first.

A term is a date in China and inclusive, so what ends with it is due at the midnight after. The event is made once,
whoever comes first: the next record on that house or the sweep. Both give it the same id.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from broker.admission.model import Emission

EXPIRED = "EXPIRED"

CHINA = ZoneInfo("Asia/Shanghai")

_ENDS = {("seizure", "EFFECTIVE"): "effective_until", ("defaulter", "LISTED"): "expires_on"}
"""By subject and status, the field with the last day of the term."""


class Timer(NamedTuple):
    """An event that happens to an entity at ``due_at`` (UTC)."""

    event_type: str
    due_at: datetime
    event_id: str


def timer_of(emission: Emission) -> Timer | None:
    """What will happen to the entity by itself after this revision; None if nothing will."""
    field = _ENDS.get((emission.key.subject, emission.status or ""))
    last_day = emission.body[field] if field else None
    # A court may write the last day there is for a term without end.
    return None if last_day in (None, date.max) else expiry(emission.key.entity_id, last_day)


def expiry(entity_id: str, last_day: date) -> Timer:
    """The end of a term whose last day is given."""
    due_at = due_after(last_day)
    name = f"qianbei:{entity_id}:{EXPIRED}:{due_at.isoformat()}"
    return Timer(EXPIRED, due_at, str(uuid5(NAMESPACE_URL, name)))


def due_after(last_day: date) -> datetime:
    """The midnight in China that follows a day, in UTC."""
    return datetime.combine(last_day + timedelta(days=1), time(), CHINA).astimezone(UTC)
