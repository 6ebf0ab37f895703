"""Erasing a person from a record that is needed no more: a revision of it without what was protected of him.

What stays says that there was a party of that role, not who: the reference goes too, so that nothing finds the record by
the person. Erased with the last of its persons is what the record holds about nobody in particular (its own protected
fields). Who asks, and that nothing in the law stands against it, is the matter of ``qianbei erase``; here it is only looked
at that the record has not come to life again meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from broker.admission.draft import Draft
from broker.admission.model import Body, Candidate
from broker.admission.reasons import Reason, reason
from broker.keys.places import PARTY_REF, Places, places_of_subject
from broker.protected import erased as erased_value
from schemas.catalogue import Transition
from schemas.retention import PARTY_ERASED, erasable

ERASABLE = erasable()
"""Subjects that name persons."""


def erase(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """Erase the persons whom the request names in its party lists from the entity as it is now."""
    entity = draft.entity(candidate.key)
    if entity is None or not entity.revision:
        return (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)
    step = draft.catalogue.transition(candidate.subject, PARTY_ERASED)
    if not has_ended(step, entity.status, entity.known, draft.today):
        return (reason("ILLEGAL_TRANSITION", field="event_type", evidence=(draft.evidence(candidate.key),)),)
    places = places_of_subject(candidate.subject)
    changes = without(places, entity.known, named(places, candidate.body))
    if not changes:
        return (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)
    # When it ended counts for how long the other persons' data are kept: that it happened stays as it was told last.
    ended = entity.known["occurred_at"]
    draft.change(candidate.key, PARTY_ERASED, candidate.event_id, occurred_at=ended, **changes)
    return ()


def has_ended(step: Transition, status: str | None, state: Mapping[str, Any], today: date) -> bool:
    """Whether persons may be erased from an entity in that state. ``step`` is its subject's ``PARTY_ERASED``.

    No event ends a lease that runs out: after its last day it is over in any status.
    """
    if status is None or step.leads_from(status) is None:
        return False
    until: date | None = state.get("lease_end")
    return status not in ("FILED", "AMENDED") or (until is not None and until < today)


def named(places: Places, body: Mapping[str, Any]) -> frozenset[str]:
    """The references of all persons of a record."""
    return frozenset(
        item[PARTY_REF] for name, _ in places.lists for item in body[name] or () if item[PARTY_REF]
    )


def only(places: Places, state: Body, refs: Collection[str]) -> Body:
    """The state with these persons alone in its party lists, by their references: what a request says."""
    kept = {
        name: [
            _emptied(item, inner) | {PARTY_REF: item[PARTY_REF]}
            for item in state[name] or ()
            if item[PARTY_REF] in refs
        ]
        for name, inner in places.lists
    }
    return state | kept | dict.fromkeys(places.own)


def without(places: Places, state: Mapping[str, Any], refs: Collection[str]) -> Body:
    """The fields of a state that change as these persons are erased; none if it names none of them."""
    changes: Body = {}
    left = False
    for name, inner in places.lists:
        items = state[name] or []
        kept = [_emptied(item, inner) if item[PARTY_REF] in refs else item for item in items]
        left = left or any(item[PARTY_REF] for item in kept)
        if kept != items:
            changes[name] = kept
    if changes and not left:
        changes |= {name: erased_value() for name in places.own if state[name] is not None}
    return changes


def _emptied(item: Mapping[str, Any], protected: Collection[str]) -> Body:
    values = {name: erased_value() for name in protected if item[name] is not None}
    return {**item, **values, PARTY_REF: None}
