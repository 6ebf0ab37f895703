"""A home is sold before completion under a presale permit in force: 《城市房地产管理法》第四十五条, 《城市商品房预售管理办法》.

The permit must be one of an active project, and valid on the day of signing, which the contract states; both ends of
its term are days of it, and a term that is not given has no end.
"""

from collections.abc import Sequence
from datetime import date, datetime

from broker.admission.draft import CHINA, Draft
from broker.admission.model import Candidate, Fact
from broker.admission.reasons import Evidence, Reason, reason

OFF_PLAN = "11"
"""The contract kind 新建商品房预售."""
JUDGED = frozenset({"SIGNED", "FILED"})


def presale_permit(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """NO_PRESALE_PERMIT if an off-plan sale names a permit that no project has, or that was not valid when it was signed."""
    body = candidate.body
    if candidate.subject != "sale" or candidate.event_type not in JUDGED or body["contract_kind"] != OFF_PLAN:
        return ()
    number = body["presale_permit_no"] or ""
    permits = draft.facts("permit", number)
    signed_at: datetime = body["signed_at"]
    if any(_valid(permit, signed_at.astimezone(CHINA).date()) for permit in permits):
        return ()
    return (reason("NO_PRESALE_PERMIT", field="presale_permit_no", evidence=_seen(permits, number)),)


def _valid(permit: Fact, on: date) -> bool:
    begins, until = permit.detail("valid_from"), permit.detail("valid_until")
    return (begins is None or date.fromisoformat(begins) <= on) and (
        until is None or on <= date.fromisoformat(until)
    )


def _seen(permits: Sequence[Fact], number: str) -> tuple[Evidence, ...]:
    """The projects whose permit it is; without any, the number that none has (it is public, no personal value)."""
    found = tuple(Evidence(permit.subject, permit.entity_id, permit.revision) for permit in permits)
    return found or (Evidence("permit", number, None),)
