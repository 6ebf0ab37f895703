"""The queue of a house's seizures (domain page 3.2), and those that are held until their house is known.

The order is that of service. The first is in force, the others wait. Who comes first takes effect by itself: from the day
of a release, or from the day after a term that ran out. A disposal of the whole ends all that wait. A pre-seizure is a
formal one from the registration of the title, with the term that it had.
"""

from datetime import date
from uuid import NAMESPACE_URL, uuid5

from producers.simulator.ledger import Facts
from producers.simulator.model_state import Entity, Hand, Seizure, World, caused, target_of
from producers.simulator.model_tables import CONTRACTS, FORMAL, PRE, REGISTERED
from producers.simulator.model_terms import (
    Span,
    changed_span,
    day_after,
    due_after,
    longest_renewal,
    own_span,
    promoted_span,
)
from producers.simulator.model_words import Key

_QUEUED = frozenset({"WAITING", "EFFECTIVE"})


def queue(world: World, house: str) -> list[Entity]:
    """The seizures that have a place, first to last."""
    return sorted((one for one in world.on(house, "seizure") if one.status in _QUEUED), key=_order)


def _order(seizure: Entity) -> tuple[object, str]:
    return seizure.facts.terms["served_at"], seizure.key[1]


def is_registered(world: World, house: str) -> bool:
    """Whether the title stands in somebody's name."""
    titles = [title.facts.terms for title in world.on(house, "title")]
    return any(t["title_kind"] in REGISTERED and t["rights_status_code"] == "1" for t in titles)


def _kind(world: World, house: str, facts: Facts, seizure: Entity, *, first: bool) -> str:
    """What a seizure is by its place: 1 formal, 2 waiting, 3 pre-seizure, 4 waiting pre-seizure."""
    stated, before = facts.terms["kind"], seizure.seizure.kind
    was = seizure.last.terms["kind"] if seizure.last else None
    if stated in PRE:
        # What was converted stays formal, whatever becomes of the title.
        formal = before in FORMAL and was not in FORMAL
    else:
        formal = stated in FORMAL or before not in PRE
    if formal or is_registered(world, house):
        return "1" if first else "2"
    return "3" if first else "4"


# -- a seizure's own revision -------------------------------------------------------------------------------------


def own_status(world: World, facts: Facts, seizure: Entity, house: str | None) -> str:
    """The status after a record of its source; the entity's place and term are set by it."""
    if facts.event_type == "RELEASED":
        _leave(seizure)
        return "RELEASED"
    if house is None or (seizure.status not in _QUEUED and not world.is_active_unit(house)):
        seizure.seizure = Seizure()
        return "HELD"
    return _take_place(world, facts, seizure, house)


def _leave(seizure: Entity) -> None:
    seizure.seizure = Seizure(span=seizure.seizure.span)


def _take_place(world: World, facts: Facts, seizure: Entity, house: str) -> str:
    served = (facts.terms["served_at"], seizure.key[1])
    place = 1 + sum(_order(other) < served for other in queue(world, house) if other is not seizure)
    kind = _kind(world, house, facts, seizure, first=place == 1)
    if place > 1:
        seizure.seizure = Seizure(place, kind)
        return "WAITING"
    seizure.seizure = Seizure(place, kind, _span(facts, seizure))
    return "EFFECTIVE"


def _span(facts: Facts, seizure: Entity) -> Span:
    span = seizure.seizure.span
    if seizure.status != "EFFECTIVE" or span is None:
        return own_span(facts)
    if facts.event_type == "RENEWED":
        return Span(span.begin, facts.terms["end_date"] or longest_renewal(facts, span.until))
    return changed_span(facts, seizure.facts, span)


# -- what follows for the others ----------------------------------------------------------------------------------


def follow(hand: Hand, own: Entity, before: str) -> None:
    """After an own revision of a seizure, unit or title; ``before`` is its status until then."""
    subject, house = own.key[0], own.house
    if house is None:
        return
    if subject == "seizure":
        whole = own.status == "RELEASED" and own.facts.terms["disposal"] == "WHOLE"
        if whole and before == "EFFECTIVE":
            for waiting in queue(hand.world, house):
                _leave(waiting)
                hand.make(waiting, "LAPSED", "LAPSED")
        rearrange(hand, house, hand.today, hand.cause)
    elif subject == "unit" and own.status == "ACTIVE":
        held = [one for one in hand.world.on(house, "seizure") if one.status == "HELD"]
        for seizure in sorted(held, key=_order):
            bind(hand, seizure, house, caused(hand.cause, seizure.key[1], "BOUND"))
    elif subject == "title" and own.status == "ACTIVE" and is_registered(hand.world, house):
        rearrange(hand, house, hand.today, hand.cause)


def rearrange(hand: Hand, house: str, begin: date, cause: str) -> None:
    """Let everyone have his place: who is first takes effect from ``begin``, who is not any more waits."""
    for place, seizure in enumerate(queue(hand.world, house), 1):
        first, now = place == 1, seizure.seizure
        kind = _kind(hand.world, house, seizure.facts, seizure, first=first)
        if first and seizure.status == "WAITING":
            seizure.seizure = Seizure(place, kind, promoted_span(seizure.facts, begin))
            hand.make(seizure, "PROMOTED", "EFFECTIVE", cause)
        elif place != now.place or (not first and seizure.status == "EFFECTIVE"):
            seizure.seizure = Seizure(place, kind, now.span if first else None)
            hand.make(seizure, "REQUEUED", "EFFECTIVE" if first else "WAITING", cause)
        elif kind != now.kind:
            seizure.seizure = Seizure(place, kind, now.span)
            hand.make(seizure, "CONVERTED", None, cause)


# -- time -----------------------------------------------------------------------------------------------------------


def expiry_id(entity_id: str, last_day: date) -> str:
    """The id of the end of a term, whoever lets it happen."""
    return str(uuid5(NAMESPACE_URL, f"qianbei:{entity_id}:EXPIRED:{due_after(last_day).isoformat()}"))


def fire(hand: Hand, house: str) -> None:
    """Let run out what has run out by now, one after the other."""
    while line := queue(hand.world, house):
        span = line[0].seizure.span
        if span is None or span.until >= hand.today:
            return
        event_id = expiry_id(line[0].key[1], span.until)
        _leave(line[0])
        hand.revise(line[0], "EXPIRED", event_id, "EXPIRED")
        rearrange(hand, house, day_after(span.until), event_id)


def fire_listing(hand: Hand, entity_id: str) -> None:
    """A listing ends by itself after its last day."""
    listing = hand.world.find(("defaulter", entity_id))
    if listing is None or listing.status != "LISTED":
        return
    last_day = listing.facts.terms["expires_on"]
    if last_day is not None and last_day < hand.today:
        hand.revise(listing, "EXPIRED", expiry_id(entity_id, last_day), "EXPIRED")


# -- held -----------------------------------------------------------------------------------------------------------


def bind(hand: Hand, seizure: Entity, house: str, event_id: str) -> None:
    """The house of a held seizure is known. If its unit is not, it is held there until the unit comes."""
    seizure.house = house
    status = "HELD"
    if hand.world.is_active_unit(house):
        status = _take_place(hand.world, seizure.facts, seizure, house)
    hand.revise(seizure, "BOUND", event_id, status)
    rearrange(hand, house, hand.today, event_id)


def look_for_house(hand: Hand, own: Entity) -> None:
    """A seizure of a contract or realty unit finds its house, or a contract or unit is found by those that wait."""
    subject, facts = own.key[0], own.facts
    if subject == "seizure" and own.status == "HELD" and own.house is None:
        target = target_of(facts)
        houses = [one.house for one in hand.world.told(*target) if one.house] if target else []
        if houses:
            hand_over(hand, own, min(houses))
    elif subject in CONTRACTS:
        _tell_held(hand, own, ("contract", facts.terms["contract_no"]))
    elif subject == "unit" and own.status == "ACTIVE" and facts.terms["realty_unit_no"]:
        _tell_held(hand, own, ("realty_unit", facts.terms["realty_unit_no"]))


def _tell_held(hand: Hand, own: Entity, target: Key) -> None:
    for seizure in hand.world.told("held", target):
        hand.ask("seizure", "BOUND", seizure.key[1], own.house or "")


def hand_over(hand: Hand, seizure: Entity, house: str) -> None:
    """From now on the house's slot alone decides on it, which is asked to bind it."""
    seizure.house = house
    name = f"{seizure.key[1]}:{house}"
    hand.ask("seizure", "BOUND", seizure.key[1], house, ("house", house), name=name)
