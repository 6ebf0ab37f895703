"""Whether a decision really saw what it says it saw of other slots."""

from collections.abc import Iterable, Mapping
from typing import Any

from producers.simulator.model_state import World
from producers.simulator.model_words import Seen

Parties = Mapping[str, tuple[str, str]]

_BY_PARTY = frozenset({"listing", "alias", "buyer"})


def unseen(world: World, seen: Iterable[Seen], parties: Parties) -> tuple[Seen, ...]:
    """What is not as it says: another revision than the present one, or nothing where something is."""
    return tuple(fact for fact in seen if not _is_so(world, fact, parties))


def _is_so(world: World, fact: Seen, parties: Parties) -> bool:
    if fact.revision is not None:
        entity = world.find((fact.subject, fact.entity_id))
        return entity is not None and entity.revision == fact.revision
    key: Any = fact.entity_id
    if fact.subject in _BY_PARTY:
        key = parties.get(fact.entity_id)
    elif fact.subject == "held":
        key = tuple(fact.entity_id.split(":", 1))
    return not world.told(fact.subject, key)
