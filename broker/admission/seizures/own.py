"""A seizure's own revision: its status, and what the exchange says of it besides the court.

``effective_kind``, ``queue_place``, ``bound_house_code`` and, for the first of the queue, ``effective_from`` and
``effective_until``. One that is held has none of these. One that has ended has no kind and no place; the days stay.
"""

from broker.admission.draft import Draft
from broker.admission.model import Body, Candidate, EntityKey
from broker.admission.seizures.queue import (
    QUEUED,
    Placement,
    Standing,
    arrange,
    is_formal,
    is_registered,
    standings,
)
from broker.admission.seizures.terms import (
    Term,
    first_limits_of,
    limits_of,
    own_term,
    renewed_term,
    restated_term,
)
from schemas.policies import Policy

NO_PLACE: Body = {"effective_kind": None, "queue_place": None}
NO_TERM: Body = {"effective_from": None, "effective_until": None}


def own_fields(draft: Draft, candidate: Candidate) -> tuple[Body, str]:
    """The exchange's fields of a seizure that its source's record changes, and its status after that record."""
    if candidate.event_type == "RELEASED":
        return dict(NO_PLACE), "RELEASED"
    house, entity = candidate.house_code, draft.entity(candidate.key)
    queued = entity is not None and entity.status in QUEUED
    if house is None or not (queued or draft.is_active_unit(house)):
        return {"bound_house_code": None} | NO_PLACE | NO_TERM, "HELD"
    return placed(draft, candidate.key, candidate.body, house)


def placed(draft: Draft, key: EntityKey, body: Body, house: str) -> tuple[Body, str]:
    """The place that a seizure takes, by its newest record ``body``, in the queue of a house, and its status there."""
    entity = draft.entity(key)
    was = entity.state if entity else None
    formal = is_formal(body, was) or is_registered(draft, house)
    others = [one for one in standings(draft, house) if one.entity_id != key.entity_id]
    place = arrange([*others, Standing(key.entity_id, body["served_at"], formal)])[key.entity_id]
    in_force = was if entity is not None and entity.status == "EFFECTIVE" else None
    return {"bound_house_code": house} | place.fields | _days(
        place, body, in_force, draft.policy
    ), place.status


def _days(place: Placement, body: Body, in_force: Body | None, policy: Policy) -> Body:
    """``in_force``: the record by which the seizure was the first of its queue already."""
    if not place.first:
        return NO_TERM
    if in_force is None:
        return days(own_term(body, first_limits_of(body, policy)))
    change = renewed_term if body["event_type"] == "RENEWED" else restated_term
    return days(change(body, in_force, limits_of(body, policy)))


def days(term: Term) -> Body:
    """A term as the seizure's revision carries it."""
    return {"effective_from": term.begin, "effective_until": term.until}
