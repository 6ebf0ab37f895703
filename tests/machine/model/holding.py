"""Seizures whose house is not known (yet): held, bound when it is, and handed over to that house."""

from typing import Any

from tests.machine.model import queue
from tests.machine.model.state import Body, State, Thing

CONTRACTS = ("sale", "lease", "mortgage")


def unit_is_there(state: State, house: str) -> bool:
    unit = state.get("unit", house)
    return unit is not None and unit.status == "ACTIVE"


def target_house(state: State, body: Body) -> str | None:
    """The house of the contract or realty unit that a seizure names, if that is known."""
    if body["contract_no"]:
        named = [
            t for s in CONTRACTS for t in state.all(s) if t.body.get("contract_no") == body["contract_no"]
        ]
    else:
        units = [t for t in state.all("unit") if t.status == "ACTIVE"]
        named = [t for t in units if t.body["realty_unit_no"] == body["realty_unit_no"]]
    return named[0].body["house_code"] if named else None


def names(held: Thing, subject: str, body: Body) -> bool:
    """Whether a held seizure names this contract or unit."""
    if held.status != "HELD" or held.body["house_code"]:
        return False
    if held.body["contract_no"]:
        return subject in CONTRACTS and bool(held.body["contract_no"] == body["contract_no"])
    number = held.body["realty_unit_no"]
    return subject == "unit" and number is not None and bool(number == body["realty_unit_no"])


NO_PLACE = {"effective_kind": None, "queue_place": None}
NO_TERM = {"effective_from": None, "effective_until": None}


def hand_over(state: State, thing: Thing, house: str) -> None:
    """From now on the house's slot decides on it; that is asked to bind it."""
    thing.house = house
    state.requests.append(("seizure", "BOUND", thing.key, house))


def own_fields(state: State, body: Body, thing: Thing) -> dict[str, Any]:
    """The status and the exchange's fields of a seizure's own new revision."""
    event_type = body["event_type"]
    if event_type == "RELEASED":
        return NO_PLACE
    house = thing.house
    if house is None or (thing.status in (None, "HELD") and not unit_is_there(state, house)):
        return {"status": "HELD", "bound_house_code": None, **NO_PLACE, **NO_TERM}
    status, fields = queue.placed(state, body, thing, house)
    return {"status": status, "bound_house_code": house, **fields}


def bind(state: State, held: Thing, house: str) -> None:
    """Take a place in the queue of the house."""
    status, fields = queue.placed(state, held.body, held, house)
    more = {} if held.body["house_code"] else {"house_code": house}
    state.do(held, "BOUND", status, bound_house_code=house, **more, **fields)
