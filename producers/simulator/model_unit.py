"""How a unit stands for sale and by what it is restricted, from what stands on its house and what its source declares."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from producers.simulator.ledger import Facts
from producers.simulator.model_state import Hand, World
from producers.simulator.model_tables import REGISTERED

_SEIZED = {"1": "SEIZED", "2": "WAIT_SEIZED", "3": "PRE_SEIZED", "4": "WAIT_SEIZED"}
_MORTGAGED = {"41": "MORTGAGED", "42": "PRE_MORTGAGED", "43": "PROJECT_MORTGAGED"}
_SOLD = {"SIGNED": "30", "FILED": "40", "AMENDED": "40"}
_FOR_SALE, _TITLED = "10", "50"


def standing(world: World, house: str, declared: Facts) -> Any:
    """The sale status, and each restriction with its count. What only the source knows of stays."""
    found = Counter(_restrictions(world, house))
    found.update(name for name in set(declared.terms["restrictions"] or ()) if name not in found)
    return _sale_status(world, house, declared), found


def _restrictions(world: World, house: str) -> Iterator[str]:
    for seizure in world.on(house, "seizure"):
        if seizure.seizure.kind:
            yield _SEIZED[seizure.seizure.kind]
    for mortgage in world.on(house, "mortgage"):
        yield _MORTGAGED[mortgage.facts.terms["contract_kind"]]
    for title in world.on(house, "title"):
        if title.facts.terms["title_kind"] in ("PRE_NOTICE", "OBJECTION"):
            yield title.facts.terms["title_kind"]
    for _ in world.on(house, "lease"):
        yield "LEASED"


def _sale_status(world: World, house: str, declared: Facts) -> str:
    if sales := world.on(house, "sale"):
        return max(_SOLD[sale.status] for sale in sales)
    if any(title.facts.terms["title_kind"] in REGISTERED for title in world.on(house, "title")):
        return _TITLED
    return declared.terms["sale_status"] or _FOR_SALE


def restate(hand: Hand, house: str) -> None:
    """A revision of the unit if it now stands otherwise than it was last published."""
    unit = hand.world.find(("unit", house))
    if unit is None or not unit.revision:
        return
    now = standing(hand.world, house, unit.facts)
    if now != unit.shown:
        unit.shown = now
        hand.make(unit, "RESTATED")


def note(hand: Hand, house: str) -> bool:
    """A department's feedback is noted on the unit. Says whether there is one."""
    unit = hand.world.find(("unit", house))
    if unit is None or not unit.revision:
        return False
    hand.make(unit, "REPORTED")
    return True
