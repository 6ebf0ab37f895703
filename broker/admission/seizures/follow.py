"""What the seizures of a house go through when something else happens there: another seizure, a unit, a title."""

from datetime import date, datetime

from broker.admission.draft import Draft
from broker.admission.model import Emission, EntityKey
from broker.admission.requests import caused
from broker.admission.seizures.own import NO_PLACE, NO_TERM, days, placed
from broker.admission.seizures.queue import Placement, is_registered, places, queue
from broker.admission.seizures.terms import first_limits_of, promoted_term


def follow(draft: Draft, own: Emission) -> None:
    """Add what follows for the seizures of the house from the revision of an accepted seizure, unit or title."""
    house, cause = own.house_code, str(own.body["event_id"])
    if house is None:
        return
    if own.key.subject == "seizure":
        if _disposed_of_whole(draft, own):
            _lapse(draft, house, cause)
        rearrange(draft, house, cause, begins=draft.today)
    elif own.key.subject == "unit" and own.status == "ACTIVE":
        _bind_held(draft, house, cause)
    elif own.key.subject == "title" and own.status == "ACTIVE" and is_registered(draft, house):
        rearrange(draft, house, cause, begins=draft.today)


def bind(draft: Draft, key: EntityKey, house: str, event_id: str) -> None:
    """A held seizure takes its place in the queue of its house, and the others make room."""
    fields, status = placed(draft, key, draft.state(key), house)
    draft.change(key, "BOUND", event_id, status, house_code=house, **fields)
    rearrange(draft, house, event_id, begins=draft.today)


def rearrange(draft: Draft, house: str, cause: str, *, begins: date, at: datetime | None = None) -> None:
    """Give everyone in the queue of a house the place that he has now, first to last.

    ``PROMOTED``: who is first now and was not, in force from ``begins``. ``REQUEUED``: whose place is another; who was
    first has no term any more. ``CONVERTED``: a pre-seizure that is a seizure now, with the term that it had
    (法发〔2004〕5号). ``cause`` is the event by which they moved, ``at`` when (now if not given).
    """
    for entity_id, place in places(draft, house).items():
        key = EntityKey("seizure", entity_id)
        moved = _move(draft, key, place, begins)
        if moved is not None:
            event_type, fields = moved
            event_id = caused(cause, entity_id, event_type)
            draft.change(
                key, event_type, event_id, place.status, occurred_at=at or draft.at, **place.fields, **fields
            )


def _move(
    draft: Draft, key: EntityKey, place: Placement, begins: date
) -> tuple[str, dict[str, date | None]] | None:
    """The event by which a seizure comes to its place, and its days if they change; None if it stands there already."""
    status, state = draft.known(key).status, draft.state(key)
    if place.first and status == "WAITING":
        return "PROMOTED", days(promoted_term(state, begins, first_limits_of(state, draft.policy)))
    if not place.first and status == "EFFECTIVE":
        return "REQUEUED", NO_TERM
    if state["queue_place"] != place.place:
        return "REQUEUED", {}
    return ("CONVERTED", {}) if state["effective_kind"] != place.kind else None


def _disposed_of_whole(draft: Draft, own: Emission) -> bool:
    """Whether the house was sold or given in payment as a whole by the court whose seizure was in force."""
    before = draft.before(own.key)
    in_force = before is not None and before.status == "EFFECTIVE"
    return in_force and own.status == "RELEASED" and own.body.get("disposal") == "WHOLE"


def _lapse(draft: Draft, house: str, cause: str) -> None:
    """Nothing is left for those who wait (法发〔2004〕5号 art. 20)."""
    for key in queue(draft, house):
        draft.change(key, "LAPSED", caused(cause, key.entity_id, "LAPSED"), "LAPSED", **NO_PLACE)


def _bind_held(draft: Draft, house: str, cause: str) -> None:
    """The unit is known now: all that was held for it takes its place, in the order of service."""
    claims = draft.claims(house)
    held = [key for key in draft.standing(house, "seizure") if claims[key].status == "HELD"]
    for key in sorted(held, key=lambda key: (draft.state(key)["served_at"], key.entity_id)):
        bind(draft, key, house, caused(cause, key.entity_id, "BOUND"))
