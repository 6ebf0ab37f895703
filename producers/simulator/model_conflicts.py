"""Late conflicts: two that stand on one house though the law would have refused the later, had it come in this order.

Raised once while open; resolved when one side no longer stands. A listing is of no house: its slot asks the houses of its
party's live sales, which decide by what stands there then.
"""

from collections.abc import Iterable, Iterator
from uuid import NAMESPACE_URL, uuid5

from producers.simulator.model_rules import blocking, blocks
from producers.simulator.model_state import Clash, Entity, Hand, World
from producers.simulator.model_tables import LIVE
from producers.simulator.model_words import Key

LISTED_BUYER = "LISTED_BUYER"


def conflict_id(kind: str, sides: Iterable[Key]) -> str:
    """The id of the conflict of these two sides."""
    named = ":".join(sorted("/".join(side) for side in sides))
    return str(uuid5(NAMESPACE_URL, f"qianbei:{kind}:{named}"))


def settle(hand: Hand, house: str) -> None:
    """Raise what the decision has brought together on a house, and resolve what it has ended."""
    for key in dict.fromkeys((r.subject, r.entity_id) for r in hand.revisions):
        entity = hand.world.entities[key]
        if key[0] in ("sale", "mortgage", "seizure") and entity.house == house:
            for kind, other in _clashes(hand, entity, house):
                lift(hand, Clash(kind, frozenset({key, other})), house)
            if not entity.stands:
                _resolve_all(hand, key, house)


def _clashes(hand: Hand, own: Entity, house: str) -> Iterator[tuple[str, Key]]:
    sales = hand.world.on(house, "sale")
    if own.key[0] == "seizure" and own.status == "EFFECTIVE":
        yield from (("SEIZED_UNIT_SOLD", sale.key) for sale in sales)
    elif own.key == hand.head_before and own.status == "WAITING":
        yield from (("SEIZURE_ORDER", head) for head in _in_force(hand.world, house))
    elif own.key[0] == "mortgage" and own.status in LIVE and own.key not in hand.live_before:
        paid = own.facts.sale_contract_no
        yield from (("MORTGAGE_ON_SOLD_UNIT", s.key) for s in sales if s.facts.terms["contract_no"] != paid)
    elif own in sales and own.facts.baseline:
        yield from (("DOUBLE_SALE", sale.key) for sale in sales if sale is not own)
        yield from (("SEIZED_UNIT_SOLD", head) for head in _in_force(hand.world, house))
        yield from (
            (LISTED_BUYER, one.key) for one in blocking(hand.world, own.facts.terms["parties"], hand.today)
        )


def _in_force(world: World, house: str) -> Iterator[Key]:
    return (one.key for one in world.on(house, "seizure") if one.status == "EFFECTIVE")


def lift(hand: Hand, clash: Clash, house: str) -> bool:
    """Raise a conflict unless it is open. Says whether it was raised."""
    key = ("conflict", conflict_id(clash.kind, clash.sides))
    entity = hand.world.entities.setdefault(key, Entity(key, "internal", house, 0))
    if entity.status == "OPEN":
        return False
    entity.clash = clash
    hand.make(entity, "RAISED", "OPEN")
    return True


def _resolve_all(hand: Hand, ended: Key, house: str) -> None:
    for conflict in hand.world.on(house, "conflict"):
        if conflict.clash is not None and ended in conflict.clash.sides:
            hand.make(conflict, "RESOLVED", "RESOLVED")


# -- between slots ----------------------------------------------------------------------------------------------------


def ask(hand: Hand, own: Entity) -> None:
    """What a listing or an alias asks of the houses of the live sales that it meets."""
    world = hand.world
    if own.key[0] == "defaulter" and own.status != "LISTED":
        for conflict in world.told("clash", own.key[1]):
            hand.ask("conflict", "RESOLVED", conflict.key[1], conflict.house or "", own.key)
        return
    for listing in _concerned(world, own):
        for sale in _told_of(world, "buyer", listing):
            sides = (listing.key, sale.key)
            hand.ask("conflict", "RAISED", conflict_id(LISTED_BUYER, sides), sale.house or "", *sides)


def _concerned(world: World, own: Entity) -> list[Entity]:
    if own.key[0] == "defaulter":
        return [own]
    return _told_of(world, "listing", own) if own.key[0] == "alias" and own.status == "LINKED" else []


def _told_of(world: World, kind: str, own: Entity) -> list[Entity]:
    """Those told of any document of an entity's parties, each once."""
    same = sorted(set().union(*(world.same_party(party) for party in own.facts.terms["parties"])))
    return list({one.key: one for party in same for one in world.told(kind, party)}.values())


def answer(hand: Hand, event_type: str, conflict: Key, house: str, sides: tuple[Key, ...]) -> bool:
    """What the house does when it is asked. Says whether there was anything to do."""
    world = hand.world
    if event_type == "RESOLVED":
        known = world.find(conflict)
        if known is None or known.status != "OPEN":
            return False
        hand.make(known, "RESOLVED", "RESOLVED")
        return True
    listing, sale = world.entities[sides[0]], world.entities[sides[1]]
    if not sale.stands or not blocks(listing, hand.today):
        return False
    return lift(hand, Clash(LISTED_BUYER, frozenset(sides)), house)
