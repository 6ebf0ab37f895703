"""What the exchange asks of itself: decided in the slot whose entity it concerns, like any record, but by no stages.

A request says that something may have to be done; its handler looks whether it still has, and does it. So a request
that comes late, twice or for nothing does no harm.
"""

from collections.abc import Callable, Mapping, Sequence

from broker.admission import conflicts, corrections, erasing, seizures, standing, watches
from broker.admission.draft import Draft
from broker.admission.model import Candidate
from broker.admission.reasons import Reason, reason
from schemas.retention import PARTY_ERASED

Handler = Callable[[Draft, Candidate], Sequence[Reason]]

TIMERS: frozenset[tuple[str, str]] = frozenset({("seizure", "EXPIRED"), ("defaulter", "EXPIRED")})

HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("seizure", "EXPIRED"): seizures.expired,
    ("seizure", "BOUND"): seizures.bound,
    ("defaulter", "EXPIRED"): seizures.listing_expired,
    ("conflict", "RAISED"): conflicts.raised,
    ("conflict", "RESOLVED"): conflicts.resolved,
    ("feedback", "NOTED"): standing.noted,
    ("feedback", "ANSWERED"): corrections.answered,
    ("watch", "SOUGHT"): watches.sought,
    ("watch", "HIT"): watches.hit,
    **{(subject, PARTY_ERASED): erasing.erase for subject in erasing.ERASABLE},
}


def fires_itself(candidate: Candidate) -> bool:
    """Whether the candidate is the wake-up call for what is due: then its own handler lets it take effect."""
    return candidate.principal == "internal" and (candidate.subject, candidate.event_type) in TIMERS


def answer(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """Do what is asked, with all that follows from it. Reasons: nothing was done, because of them."""
    handler = HANDLERS.get((candidate.subject, candidate.event_type))
    if handler is None:
        return (reason("EVENT_NOT_PERMITTED", field="event_type"),)
    refused = handler(draft, candidate)
    if refused or not draft.emissions:
        return refused
    own, cause = draft.emissions[0], candidate.event_id
    conflicts.settle(draft, cause)
    standing.restate(draft, cause)
    conflicts.ask(draft, own, cause)
    watches.tell(draft, None)
    return ()
