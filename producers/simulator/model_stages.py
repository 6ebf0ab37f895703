"""Who may say what, which version is the next, and which step is a legal one (the design's "Versions"; domain page 2.5)."""

from producers.simulator.ledger import Facts
from producers.simulator.model_state import Entity
from producers.simulator.model_tables import CONTRACTS, LIFECYCLES, MAY_SEND, NONE


def identity(facts: Facts, entity: Entity | None, slot: int) -> str | None:
    """The code by which a record is refused for who sends it, or where."""
    if facts.source != facts.principal:
        return "SOURCE_MISMATCH"
    if facts.subject not in MAY_SEND[facts.principal] or facts.event_type not in LIFECYCLES[facts.subject]:
        return "EVENT_NOT_PERMITTED"
    if entity is None:
        return None
    return "FOREIGN_ENTITY" if entity.source != facts.principal else _place(facts, entity, slot)


def _place(facts: Facts, entity: Entity, slot: int) -> str | None:
    """An entity belongs to one house for ever; a seizure of a contract or realty unit from when that house is known."""
    if entity.house is None:
        named = facts.subject == "seizure" and facts.house_code
        return "STILL_HELD" if named or slot != entity.slot else None
    if entity.house == facts.house_code:
        return None
    return "UNIT_CHANGED" if facts.house_code else "REKEY"


def version(facts: Facts, entity: Entity | None) -> str | None:
    """The code of a version that is not the next one. Stock data may begin anywhere."""
    highest = entity.highest if entity else 0
    if facts.version <= highest:
        return "STALE"
    begins_anywhere = facts.baseline and highest == 0
    return "VERSION_GAP" if facts.version > highest + 1 and not begins_anywhere else None


def lifecycle(facts: Facts, entity: Entity) -> str | None:
    """The code of a step that is not legal from the present status."""
    before, after = LIFECYCLES[facts.subject][facts.event_type]
    begins_anywhere = facts.baseline and entity.status == NONE
    if entity.status not in before and not begins_anywhere:
        return "ILLEGAL_TRANSITION"
    if facts.subject not in CONTRACTS:
        return None
    if facts.contract_status != after:
        return "STATUS_MISMATCH"
    if entity.filing_no is not None and facts.filing_no != entity.filing_no:
        return "FILING_NO_CHANGED"
    return None
