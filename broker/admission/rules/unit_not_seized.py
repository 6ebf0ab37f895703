"""A seized or pre-seized unit is neither sold nor mortgaged until the seizure ends.

《城市房地产管理法》第三十八条第二项 (no transfer), 《民法典》第三百九十九条第五项 (no mortgage), 法发〔2004〕5号 (no registration).
A seizure that waits in the queue blocks nothing of itself: the one in force before it does. Contracts may always end.
"""

from collections.abc import Sequence

from broker.admission.draft import Draft
from broker.admission.model import Candidate
from broker.admission.reasons import Reason, reason
from schemas.catalogue import LIVE_STATUSES

FORBIDDEN = frozenset({"sale", "mortgage"})
"""Leases stay lawful; they do not bind whoever the seizing court sells the house to."""


def unit_not_seized(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """UNIT_SEIZED for the seizure in force on the house of a sale or mortgage."""
    if candidate.subject not in FORBIDDEN or candidate.event_type not in LIVE_STATUSES:
        return ()
    house_code = candidate.house_code or ""
    claims = draft.claims(house_code)
    return tuple(
        reason("UNIT_SEIZED", field="house_code", evidence=(draft.evidence(key),))
        for key in draft.standing(house_code, "seizure")
        if claims[key].status == "EFFECTIVE"
    )
