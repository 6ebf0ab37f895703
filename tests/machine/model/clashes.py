"""Late conflicts: what stands on a house though it could not have been accepted in this order.

Raised once while open, by two sides; resolved when one side no longer stands. A listing and a sale meet in the sale's
house: whoever lists, or links a party's documents, asks that house (``RAISED``), and so does whoever ends a listing
(``RESOLVED``).
"""

from tests.machine.model.rules import blocks, listings
from tests.machine.model.state import (
    LIVE,
    STANDING,
    Deed,
    Key,
    State,
    Thing,
    conflict_key,
    people,
    same_people,
)


def settle(state: State, house: str, former_head: Thing | None, live_before: set[Key]) -> None:
    """Raise what the decision has brought together on a house, resolve what it has ended."""
    for deed in list(state.deeds):
        if deed.key[0] in ("sale", "mortgage", "seizure"):
            for key in _raised_by(state, deed, house, former_head, live_before):
                lift(state, house, key)
            if deed.status not in STANDING[deed.key[0]]:
                _resolve(state, house, deed.key)


def _raised_by(
    state: State, deed: Deed, house: str, former_head: Thing | None, live_before: set[Key]
) -> list[Key]:
    own, sales = state.things[deed.key], state.on(house, "sale")
    effective = [s for s in state.on(house, "seizure") if s.status == "EFFECTIVE"]
    if deed.key[0] == "seizure" and deed.status == "EFFECTIVE":
        return [conflict_key("SEIZED_UNIT_SOLD", [own.key, sale.key]) for sale in sales]
    if own is former_head and own.status == "WAITING":
        return [conflict_key("SEIZURE_ORDER", [own.key, head.key]) for head in effective]
    if deed.key[0] == "mortgage" and own.status in LIVE and own.key not in live_before:
        others = [s for s in sales if s.body["contract_no"] != own.body["sale_contract_no"]]
        return [conflict_key("MORTGAGE_ON_SOLD_UNIT", [own.key, s.key]) for s in others]
    if deed.key[0] == "sale" and deed.event_type in LIVE and own in sales and own.body["baseline"]:
        found = [conflict_key("DOUBLE_SALE", [own.key, s.key]) for s in sales if s is not own]
        found += [conflict_key("SEIZED_UNIT_SOLD", [s.key, own.key]) for s in effective]
        listed = {t.key for person in people(own.body, "BUYER") for t in listings(state, person)}
        return found + [conflict_key("LISTED_BUYER", [key, own.key]) for key in listed]
    return []


def _resolve(state: State, house: str, ended: Key) -> None:
    for conflict in state.on(house, "conflict"):
        if ended in conflict.key[1][1]:
            state.do(conflict, "RESOLVED", "RESOLVED")


def lift(state: State, house: str, key: Key) -> bool:
    """Raise a conflict unless it is open. Says whether it was raised."""
    thing = state.things.get(key) or Thing(key, "internal", house)
    if thing.status == "OPEN":
        return False
    thing.highest = 1
    thing.body = {"kind": key[1][0], "house_code": house, "baseline": False}
    state.do(thing, "RAISED", "OPEN")
    return True


# -- between houses ------------------------------------------------------------------------------------------------------


def ask(state: State, own: Thing) -> None:
    """What a listing or an alias asks of the houses whose live sales it meets."""
    if own.key[0] == "defaulter" and own.status != "LISTED":
        for conflict in state.all("conflict"):
            if conflict.stands and own.key in conflict.key[1][1]:
                state.requests.append(("conflict", "RESOLVED", conflict.key))
        return
    for listing in _concerned(state, own):
        same = set().union(*(same_people(state, person) for person in people(listing.body)))
        for sale in state.all("sale"):
            if sale.stands and people(sale.body, "BUYER") & same:
                key = conflict_key("LISTED_BUYER", [listing.key, sale.key])
                state.requests.append(("conflict", "RAISED", key))


def _concerned(state: State, own: Thing) -> list[Thing]:
    if own.key[0] == "defaulter":
        return [own]
    if own.key[0] == "alias" and own.status == "LINKED":
        same = set().union(*(same_people(state, person) for person in people(own.body)))
        return [t for t in state.all("defaulter") if t.status == "LISTED" and people(t.body) & same]
    return []


def answer(state: State, event_type: str, key: Key | None, house: str) -> bool:
    """What the house does when it is asked. Says whether there was anything to do."""
    if key is None:
        return False
    if event_type == "RESOLVED":
        conflict = state.things.get(key)
        if conflict is None or conflict.status != "OPEN":
            return False
        state.do(conflict, "RESOLVED", "RESOLVED")
        return True
    listing, sale = (state.things.get(side) for side in sorted(key[1][1]))
    if listing is None or sale is None or not sale.stands:
        return False
    return blocks(listing, state.today) and lift(state, house, key)
