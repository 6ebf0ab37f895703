"""The stages of a decision before the rules: who speaks, which version, and whether the step is a legal one.

Each stage is pure and returns its reasons. The first stage with a refusal ends the decision; see ``decide``.
"""

from collections.abc import Sequence

from broker.admission.model import CONTRACTS, Candidate, Entity
from broker.admission.reasons import Evidence, Reason, reason
from schemas.catalogue import NONE, Catalogue


def identity(candidate: Candidate, entity: Entity | None, catalogue: Catalogue) -> Sequence[Reason]:
    """Whether this principal may say this of this entity. Only an entity's source changes it."""
    if candidate.body["source"] != candidate.principal:
        return (reason("SOURCE_MISMATCH", field="source"),)
    if not catalogue.may_send(candidate.principal, candidate.subject, candidate.event_type):
        return (reason("EVENT_NOT_PERMITTED", field="event_type"),)
    if entity is None:
        return ()
    seen = (Evidence(candidate.subject, candidate.key.entity_id, entity.revision or None),)
    if entity.source != candidate.principal:
        return (reason("FOREIGN_ENTITY", field="entity_id", evidence=seen),)
    if entity.house_code != candidate.house_code and entity.house_code is not None:
        return (reason("UNIT_CHANGED", field="house_code", evidence=seen),)
    return ()


def version(candidate: Candidate, entity: Entity | None) -> Sequence[Reason]:
    """Whether this is the next version of its source, counted over refused ones too."""
    highest = entity.highest_version if entity else 0
    offered = candidate.body["version"]
    if offered <= highest:
        return (reason("STALE", field="version"),)
    if offered > highest + 1 and not (candidate.body["baseline"] and highest == 0):
        return (reason("VERSION_GAP", field="version"),)
    return ()


def lifecycle(candidate: Candidate, entity: Entity | None, catalogue: Catalogue) -> Sequence[Reason]:
    """Whether the step is legal from the last accepted status (domain rule: 草签, 网签, 备案, 变更, 注销 …)."""
    step = catalogue.transition(candidate.subject, candidate.event_type)
    status = (entity.status if entity else None) or NONE
    if status not in step.allowed_from and not (candidate.body["baseline"] and status == NONE):
        seen = (
            (Evidence(candidate.subject, candidate.key.entity_id, entity.revision or None),) if entity else ()
        )
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
