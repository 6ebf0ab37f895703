"""One unit, one live sale: a unit that is sold cannot be sold again until that contract ends."""

from collections.abc import Sequence

from broker.admission.model import Candidate, EntityKey, View
from broker.admission.reasons import Evidence, Reason, reason
from schemas.catalogue import LIVE_STATUSES


def unit_free(candidate: Candidate, view: View) -> Sequence[Reason]:
    """UNIT_ALREADY_SOLD if another live sale that is no stock data stands on the house."""
    if candidate.subject != "sale" or candidate.event_type not in LIVE_STATUSES:
        return ()
    others = [
        claim.key
        for claim in view.claims(candidate.house_code or "").values()
        if claim.key.subject == "sale" and claim.key != candidate.key and not claim.baseline
    ]
    return tuple(
        reason("UNIT_ALREADY_SOLD", field="house_code", evidence=(_seen(view, key),)) for key in others
    )


def _seen(view: View, key: EntityKey) -> Evidence:
    other = view.entity(key)
    return Evidence(key.subject, key.entity_id, other.revision if other else None)
