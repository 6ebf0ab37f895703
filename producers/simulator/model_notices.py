"""Notices: a sale or mortgage refused because of a seizure or a listing is told to its court and to the filer, once."""

from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from producers.simulator.ledger import Facts
from producers.simulator.model_rules import blocking, judged_buyers
from producers.simulator.model_state import Entity, Hand
from producers.simulator.model_words import Key


def notice_id(attempt: Key, cause: Key) -> str:
    """The id of the notice of this refused entity and this seizure or listing."""
    return str(uuid5(NAMESPACE_URL, f"qianbei:notice:{'/'.join(attempt)}:{'/'.join(cause)}"))


def issue(hand: Hand, facts: Facts, refused: frozenset[str]) -> None:
    """Tell whose seizure or listing it was, unless it was told of this attempt already."""
    attempt = (facts.subject, facts.entity_id)
    for cause in _causes(hand, facts, refused):
        key = ("notice", notice_id(attempt, cause.key))
        if key not in hand.world.entities:
            notice = hand.world.entities[key] = Entity(key, "internal", facts.house_code, 0)
            hand.make(notice, "ISSUED", "ISSUED", interested=sorted({cause.source, facts.principal}))


def _causes(hand: Hand, facts: Facts, refused: frozenset[str]) -> Iterator[Entity]:
    if "UNIT_SEIZED" in refused:
        standing = hand.world.on(facts.house_code or "", "seizure")
        yield from (one for one in standing if one.status == "EFFECTIVE")
    if "LISTED_BUYER" in refused:
        entity = hand.world.entities[facts.subject, facts.entity_id]
        barred = blocking(hand.world, sorted(judged_buyers(facts, entity)), hand.today)
        yield from {one.key: one for one in barred}.values()
