"""What a notice of seizure must say: what it seizes, and for how long at most (民诉法解释 485; before 2015 法发〔2004〕5号)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from broker.admission.draft import Draft
from broker.admission.facts import target_of
from broker.admission.model import Body, Candidate
from broker.admission.reasons import Reason, reason
from broker.admission.seizures import terms
from schemas.dates import years_after

RENEWAL_KIND = "5"


def seizure_terms(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """NO_TARGET, RENEWAL_IS_AN_EVENT, TERM_TOO_LONG or RENEWAL_TOO_SHORT."""
    if candidate.subject != "seizure" or candidate.event_type == "RELEASED":
        return ()
    entity = draft.entity(candidate.key)
    was = entity.state if entity else None
    if candidate.event_type == "RENEWED":
        return tuple(_renewal(candidate, was, draft))
    return tuple(_notice(candidate, was, draft))


def _notice(candidate: Candidate, was: Body | None, draft: Draft) -> Iterator[Reason]:
    body = candidate.body
    if candidate.house_code is None and target_of(body) is None:
        yield reason("NO_TARGET", field="house_code")
    if body["kind"] == RENEWAL_KIND:
        yield reason("RENEWAL_IS_AN_EVENT", field="kind")
    # A term that was taken already, perhaps by a renewal, is not judged anew with each change of something else.
    if body["end_date"] is not None and (was is None or body["end_date"] != was["end_date"]):
        limits = terms.limits_of(body, draft.policy)
        longest = terms.last_day(terms.stated_begin(body), limits.first_years)
        if body["end_date"] > max(longest, (was and was["effective_until"]) or longest):
            yield replace(reason("TERM_TOO_LONG", field="end_date"), legal_basis=limits.legal_basis)


def _renewal(candidate: Candidate, was: Body | None, draft: Draft) -> Iterator[Reason]:
    """A renewal ends later than the term that it renews, and no more years later than the law allows."""
    now: date | None = was["effective_until"] if was else None
    if now is None:
        # Stock data may begin with a renewal; there is no term to hold it against.
        return
    ends, seen = candidate.body["end_date"], (draft.evidence(candidate.key),)
    if ends is None or ends <= now:
        yield reason("RENEWAL_TOO_SHORT", field="end_date", evidence=seen)
        return
    limits = terms.limits_of(candidate.body, draft.policy)
    if ends > years_after(now, limits.renewal_years):
        too_long = reason("TERM_TOO_LONG", field="end_date", evidence=seen)
        yield replace(too_long, legal_basis=limits.legal_basis)
