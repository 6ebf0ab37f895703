"""The mortgages of a house have ranks of their own (《民法典》第四百零九条、第四百一十四条), and should not exceed its value.

That what is secured stays within the value of the house is no bar since the 物权法, so it only warns; a loan is measured
by the lower of filed price and appraisal (建房〔2020〕61号 二).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from broker.admission.draft import Draft
from broker.admission.model import Candidate, Claim
from broker.admission.reasons import Reason, reason
from schemas.catalogue import LIVE_STATUSES


def mortgage_terms(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """MORTGAGE_RANK_TAKEN for other live mortgages of this rank; MORTGAGE_OVER_VALUE for all, if they exceed the appraisal."""
    if candidate.subject != "mortgage" or candidate.event_type not in LIVE_STATUSES:
        return ()
    house_code = candidate.house_code or ""
    claims = draft.claims(house_code)
    others = [claims[key] for key in draft.standing(house_code, "mortgage") if key != candidate.key]
    return (*_rank_taken(candidate, others, draft), *_over_value(candidate, others, draft))


def _rank_taken(candidate: Candidate, others: Sequence[Claim], draft: Draft) -> Iterator[Reason]:
    if holders := tuple(draft.evidence(o.key) for o in others if o.rank == candidate.body["rank"]):
        yield reason("MORTGAGE_RANK_TAKEN", field="rank", evidence=holders)


def _over_value(candidate: Candidate, others: Sequence[Claim], draft: Draft) -> Iterator[Reason]:
    value: Decimal | None = candidate.body["appraisal_price"]
    secured = sum((other.amount or Decimal(0) for other in others), candidate.body["secured_principal"])
    if value is not None and secured > value:
        seen = tuple(draft.evidence(other.key) for other in others)
        yield reason("MORTGAGE_OVER_VALUE", field="secured_principal", evidence=seen)
