"""A sale that others rely on is not amended or cancelled by its parties before they let go of it.

A pre-notice (预告登记) of the sale binds its parties (《民法典》第二百二十一条); a mortgage that stands on the sale must be
cleared first (《民法典》第四百零六条; 建房规〔2020〕4号). Only what names this contract counts. An authority or court revokes
whatever stands (REVOKED), and a completed transfer (COMPLETED) is what the pre-notice was for.
"""

from collections.abc import Iterator, Sequence

from broker.admission.draft import Draft
from broker.admission.model import Candidate, EntityKey
from broker.admission.reasons import Reason, reason

JUDGED = frozenset({"AMENDED", "CANCELLED"})


def contract_unencumbered(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """CHANGE_UNDER_NOTICE and CHANGE_UNDER_MORTGAGE for each pre-notice and live mortgage of the sale."""
    if candidate.subject != "sale" or candidate.event_type not in JUDGED:
        return ()
    numbers = _numbers(candidate, draft)
    notices = (
        reason("CHANGE_UNDER_NOTICE", field="event_type", evidence=(draft.evidence(key),))
        for key in _notices(candidate.house_code or "", numbers, draft)
    )
    mortgages = (
        reason("CHANGE_UNDER_MORTGAGE", field="event_type", evidence=(draft.evidence(key),))
        for key in _mortgages(candidate.house_code or "", numbers, draft)
    )
    return (*notices, *mortgages)


def _numbers(candidate: Candidate, draft: Draft) -> frozenset[str]:
    """The contract's number, and the one before: else a new number would shake off all that names the old one."""
    entity = draft.entity(candidate.key)
    states = [candidate.body, *([entity.state] if entity and entity.state else [])]
    return frozenset(state["contract_no"] for state in states)


def _notices(house_code: str, numbers: frozenset[str], draft: Draft) -> Iterator[EntityKey]:
    claims = draft.claims(house_code)
    for key in draft.standing(house_code, "title"):
        entity = draft.entity(key)
        if claims[key].kind == "PRE_NOTICE" and entity and entity.known["sale_contract_no"] in numbers:
            yield key


def _mortgages(house_code: str, numbers: frozenset[str], draft: Draft) -> Iterator[EntityKey]:
    claims = draft.claims(house_code)
    return (key for key in draft.standing(house_code, "mortgage") if claims[key].contract_no in numbers)
