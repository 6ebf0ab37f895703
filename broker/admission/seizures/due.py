"""What time alone brings about: a seizure expires and the next takes its place; a listing ends.

No document is needed for it (民诉法解释 485): a term that has run out is over, whenever the exchange comes to say so. So
each event happened at its due time, and the next one's term begins on the day after.
"""

from collections.abc import Sequence

from broker.admission.draft import Draft
from broker.admission.model import Candidate, EntityKey
from broker.admission.reasons import Reason, reason
from broker.admission.seizures.follow import rearrange
from broker.admission.seizures.own import NO_PLACE
from broker.admission.seizures.queue import queue
from broker.admission.seizures.terms import ONE_DAY
from broker.admission.timers import EXPIRED, expiry


def fire(draft: Draft, house: str) -> None:
    """All that is due on a house by now, in order of due time."""
    while head := next(iter(queue(draft, house)), None):
        until = draft.state(head)["effective_until"]
        if until >= draft.today:
            return
        timer = expiry(head.entity_id, until)
        draft.change(head, EXPIRED, timer.event_id, EXPIRED, occurred_at=timer.due_at, **NO_PLACE)
        rearrange(draft, house, timer.event_id, begins=until + ONE_DAY, at=timer.due_at)


def fire_listing(draft: Draft, key: EntityKey) -> None:
    """The end of a listing whose last day is past."""
    entity = draft.entity(key)
    last_day = entity.known["expires_on"] if entity and entity.status == "LISTED" else None
    if last_day is not None and last_day < draft.today:
        timer = expiry(key.entity_id, last_day)
        draft.change(key, EXPIRED, timer.event_id, EXPIRED, occurred_at=timer.due_at)


def expired(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """The sweep's call for a seizure: let happen what is due on its house."""
    if candidate.house_code is not None:
        fire(draft, candidate.house_code)
    return _fired(draft, candidate)


def listing_expired(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """The sweep's call for a listing."""
    fire_listing(draft, candidate.key)
    return _fired(draft, candidate)


def _fired(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    if draft.emissions:
        return ()
    return (reason("NOT_DUE", evidence=(draft.evidence(candidate.key),)),)
