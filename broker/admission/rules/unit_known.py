"""A contract stands on a unit of the building table (楼盘表), or it cannot be filed (建房规〔2020〕4号)."""

from collections.abc import Sequence

from broker.admission.draft import Draft
from broker.admission.model import CONTRACTS, Candidate, EntityKey
from broker.admission.reasons import Reason, reason

#: A contract may always end, even when its unit was withdrawn meanwhile.
ENDINGS = frozenset({"CANCELLED", "REVOKED", "VOIDED", "COMPLETED"})


def unit_known(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """UNIT_UNKNOWN if a contract names a unit that is not registered, or no longer."""
    if candidate.subject not in CONTRACTS or candidate.event_type in ENDINGS:
        return ()
    key = EntityKey("unit", candidate.house_code or "")
    unit = draft.entity(key)
    if unit is not None and unit.status == "ACTIVE":
        return ()
    return (reason("UNIT_UNKNOWN", field="house_code", evidence=(draft.evidence(key),)),)
