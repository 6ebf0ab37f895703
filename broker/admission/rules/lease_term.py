"""A lease is for twenty years at most: 《民法典》第七百零五条, before it 《合同法》第二百一十四条.

Years are counted as 《民法典》第二百零二条 has it: to the same day of the same month, or the last of a month that lacks it.
"""

from collections.abc import Sequence

from broker.admission.draft import Draft
from broker.admission.model import Candidate
from broker.admission.reasons import Reason, reason
from schemas.catalogue import LIVE_STATUSES
from schemas.dates import years_after

MAX_YEARS = 20
"""As ``max_years`` of ``lease_end`` in the schema states to sources."""


def lease_term(candidate: Candidate, _draft: Draft) -> Sequence[Reason]:
    """LEASE_TOO_LONG if a lease ends later than the day that is twenty years after its first."""
    if candidate.subject != "lease" or candidate.event_type not in LIVE_STATUSES:
        return ()
    if candidate.body["lease_end"] <= years_after(candidate.body["lease_start"], MAX_YEARS):
        return ()
    return (reason("LEASE_TOO_LONG", field="lease_end"),)
