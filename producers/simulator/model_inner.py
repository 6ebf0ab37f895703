"""What comes of that which the exchange asks of itself. Each says whether it still has to be done, and does it.

``NOT_DUE``: a term has not run out, or was dealt with. ``MOOT``: what was to be done has no object any more.
"""

from producers.simulator import model_conflicts, model_queue, model_unit
from producers.simulator.model_state import Entity, Hand
from producers.simulator.model_words import Asked, Internal


def answer(hand: Hand, word: Internal, asked: Asked | None, entity: Entity | None) -> str | None:
    """Do what is asked. A code: nothing was done, and why."""
    if word.event_type == "EXPIRED":
        if word.subject == "defaulter":
            model_queue.fire_listing(hand, word.entity_id)
        elif entity is not None and entity.house is not None:
            model_queue.fire(hand, entity.house)
        return None if hand.revisions else "NOT_DUE"
    assert asked is not None, "only timers come unasked"
    house = asked.house or ""
    if word.event_type == "BOUND":
        return None if _bound(hand, word, house, entity, is_there=bool(asked.about)) else "MOOT"
    if word.event_type == "NOTED":
        return None if model_unit.note(hand, house) else "MOOT"
    key = (word.subject, word.entity_id)
    return None if model_conflicts.answer(hand, word.event_type, key, house, asked.about) else "MOOT"


def _bound(hand: Hand, word: Internal, house: str, entity: Entity | None, *, is_there: bool) -> bool:
    """Both halves of binding: in the seizure's own slot it is handed over, in the house's slot it takes its place."""
    if entity is None or entity.status != "HELD":
        return False
    if is_there:
        model_queue.bind(hand, entity, house, word.event_id)
    elif entity.house is None:
        model_queue.hand_over(hand, entity, house)
    else:
        return False
    return True
