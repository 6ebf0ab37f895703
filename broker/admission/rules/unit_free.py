"""One unit, one live sale: a unit that is sold cannot be sold again until that contract ends.

《商品房销售管理办法》（建设部令第88号）第十条, and 建房规〔2020〕4号 for the filing of all sales.
"""

from collections.abc import Sequence

from broker.admission.draft import Draft
from broker.admission.model import Candidate
from broker.admission.reasons import Reason, reason
from schemas.catalogue import LIVE_STATUSES


def unit_free(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """UNIT_ALREADY_SOLD for each other live sale of the house, stock data included."""
    if candidate.subject != "sale" or candidate.event_type not in LIVE_STATUSES:
        return ()
    return tuple(
        reason("UNIT_ALREADY_SOLD", field="house_code", evidence=(draft.evidence(key),))
        for key in draft.standing(candidate.house_code or "", "sale")
        if key != candidate.key
    )
