"""The sweep: asking the exchange to let happen what is due and what no record has let happen yet, and to erase those whose
erasure was asked for."""

from collections.abc import Collection
from datetime import datetime, timedelta

from broker.admission.erasing import only
from broker.admission.model import Request
from broker.admission.store import AskedErasure, DueTimer, asked_erasures, due_timers
from broker.codec import Decoder
from broker.keys.places import places_of_subject
from broker.store.connect import Connection
from schemas.retention import PARTY_ERASED

MOST_AT_ONCE = 500
"""A whole term may end in one night for many; they are asked for in batches, like records."""

AGAIN_AFTER = timedelta(minutes=1)
"""A request that is decided by a clock behind ours comes to nothing (``NOT_DUE``), and must be made again."""


def asking(due: DueTimer, decoder: Decoder) -> Request:
    """The request that lets a due timer happen: the entity as it is, with the timer's event. ``decoder`` reads states.

    It says what was known when it was asked. Whether it is still due is decided where it is decided.
    """
    subject, state = decoder.decode(due.state)
    timer = due.timer
    event = {"event_id": timer.event_id, "event_type": timer.event_type, "occurred_at": timer.due_at}
    return Request(subject, state | event)


def asking_erasure(asked: AskedErasure, decoder: Decoder, now: datetime) -> Request:
    """The request that erases persons from an entity: the entity as it is, with them alone. ``decoder`` reads states."""
    subject, state = decoder.decode(asked.state)
    event = {"event_id": asked.event_id, "event_type": PARTY_ERASED, "occurred_at": now}
    return Request(subject, only(places_of_subject(subject), state, asked.refs) | event)


class Sweep:
    """What one session has asked for. Another session may ask again: the second answer is a duplicate."""

    def __init__(self, decoder: Decoder, most: int = MOST_AT_ONCE) -> None:
        self._decoder = decoder
        self._most = most
        self._asked: dict[str, datetime] = {}

    def due(self, db: Connection, slots: Collection[int], now: datetime) -> list[Request]:
        """What is due in these slots at ``now`` and was not just asked by this session, the earliest first."""
        asked = {event_id: at for event_id, at in self._asked.items() if now - at < AGAIN_AFTER}
        # Those asked but not yet decided stand first: without room for them they would keep out those behind.
        timers = due_timers(db, slots, now, self._most + len(asked))
        new = [timer for timer in timers if timer.timer.event_id not in asked][: self._most]
        erasures = asked_erasures(db, slots, self._most + len(asked))
        unasked = [one for one in erasures if one.event_id not in asked][: self._most]
        # What is not found any more has happened, or will not: forgotten, so that a long session does not grow.
        found = {timer.timer.event_id for timer in timers} | {one.event_id for one in erasures}
        self._asked = {event_id: at for event_id, at in asked.items() if event_id in found}
        self._asked |= {timer.timer.event_id: now for timer in new} | {one.event_id: now for one in unasked}
        return [
            *(asking(timer, self._decoder) for timer in new),
            *(asking_erasure(one, self._decoder, now) for one in unasked),
        ]
