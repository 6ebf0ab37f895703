"""The stages of a decision before the rules: who speaks, which version, and whether the step is a legal one.

Each stage is pure and returns its reasons. The first stage with a refusal ends the decision; see ``decide``.
"""

from collections.abc import Sequence

from broker.admission import corrections
from broker.admission.draft import Draft
from broker.admission.model import CONTRACTS, Candidate, Entity
from broker.admission.reasons import Reason, reason
from schemas.catalogue import NONE, Catalogue


def identity(candidate: Candidate, draft: Draft, catalogue: Catalogue) -> Sequence[Reason]:
    """Whether this principal may say this of this entity. Only an entity's source changes it."""
    entity = draft.entity(candidate.key)
    if candidate.body["source"] != candidate.principal:
        return (reason("SOURCE_MISMATCH", field="source"),)
    if field := _not_permitted(candidate, catalogue):
        return (reason("EVENT_NOT_PERMITTED", field=field),)
    if entity is None:
        return ()
    seen = (draft.evidence(candidate.key),)
    if entity.source != candidate.principal:
        return (reason("FOREIGN_ENTITY", field="entity_id", evidence=seen),)
    if code := _misplaced(candidate, entity):
        return (reason(code, field="house_code", evidence=seen),)
    return ()


def _not_permitted(candidate: Candidate, catalogue: Catalogue) -> str | None:
    """The field that this principal may not send with this value."""
    if not catalogue.may_send(candidate.principal, candidate.subject, candidate.event_type):
        return "event_type"
    return None if corrections.may_answer(candidate, catalogue) else "answers_entity_id"


def _misplaced(candidate: Candidate, entity: Entity) -> str | None:
    """An entity belongs to one house for ever; a seizure of a contract or realty unit, once that house is known."""
    if entity.house_code is None:
        # Even where its house is of the same slot: what is decided must not hang on the number of slots.
        held = candidate.subject == "seizure" and candidate.house_code is not None
        return "STILL_HELD" if held else None
    if candidate.house_code == entity.house_code:
        return None
    return "REKEY" if candidate.house_code is None else "UNIT_CHANGED"


def version(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """Whether this is the next version of its source, counted over refused ones too."""
    entity = draft.entity(candidate.key)
    highest = entity.highest_version if entity else 0
    offered = candidate.body["version"]
    if offered <= highest:
        return (reason("STALE", field="version"),)
    if offered > highest + 1 and not (candidate.body["baseline"] and highest == 0):
        return (reason("VERSION_GAP", field="version"),)
    return ()


def lifecycle(candidate: Candidate, draft: Draft, catalogue: Catalogue) -> Sequence[Reason]:
    """Whether the step is legal from the last accepted status (domain rule: 草签, 网签, 备案, 变更, 注销 …)."""
    entity = draft.entity(candidate.key)
    step = catalogue.transition(candidate.subject, candidate.event_type)
    status = (entity.status if entity else None) or NONE
    if status not in step.allowed_from and not (candidate.body["baseline"] and status == NONE):
        seen = (draft.evidence(candidate.key),) if entity else ()
        return (reason("ILLEGAL_TRANSITION", field="event_type", evidence=seen),)
    if candidate.subject not in CONTRACTS:
        return ()
    if candidate.body["contract_status"] != step.to:
        return (reason("STATUS_MISMATCH", field="contract_status"),)
    return _same_filing(candidate, entity)


def _same_filing(candidate: Candidate, entity: Entity | None) -> Sequence[Reason]:
    """A filed contract keeps its filing number through every amendment."""
    filed_as = entity.state.get("filing_no") if entity and entity.state else None
    if filed_as is None or candidate.body.get("filing_no") == filed_as:
        return ()
    return (reason("FILING_NO_CHANGED", field="filing_no"),)
