"""Notices: what a refusal tells those whose seizure or listing brought it about.

A sale or mortgage that is refused because a court's seizure is in force on the house, or because a buyer is on a court's
list, is a fact for that court: somebody has tried to dispose of what it holds. So such a refusal issues a notice, for
the source of the seizure or listing (the *cause*) and for whoever filed.

One notice an *attempt* and cause, for ever. An attempt is the refused entity: the same contract sent again under new
event ids, mended or not, is the same attempt and tells nothing new; another contract on the same house is another
attempt. A refusal with several causes issues one notice each, so that no court reads of another's case.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from broker.admission.draft import Draft
from broker.admission.facts import buyers, noticed_key, source_of
from broker.admission.model import Candidate, EntityKey
from broker.admission.reasons import Evidence, Reason, Severity
from broker.admission.requests import caused

NOTICED = frozenset({"UNIT_SEIZED", "LISTED_BUYER"})
"""Refusals because of what a court has ordered; their evidence is what it ordered."""

ISSUED = "ISSUED"


class _Cause(NamedTuple):
    """A seizure or listing, with its source and its case as far as that is known."""

    seen: Evidence
    source: str
    case_no: str | None


def notice_id(attempt: EntityKey, cause: EntityKey) -> str:
    """The same for the same attempt and cause, however often it is refused."""
    return str(uuid5(NAMESPACE_URL, f"qianbei:notice:{'/'.join(attempt)}:{'/'.join(cause)}"))


def issue(draft: Draft, candidate: Candidate, reasons: Sequence[Reason]) -> None:
    """Add to a refusal's draft the notices that it brings about, but for those that stand already."""
    refusing = [item for item in reasons if item.code in NOTICED and item.severity is Severity.REFUSE]
    known = {fact.entity_id for fact in draft.look("noticed", noticed_key(candidate.key))} if refusing else ()
    for cause in dict.fromkeys(seen for item in refusing for seen in item.evidence):
        entity_id = notice_id(candidate.key, EntityKey(cause.subject, cause.entity_id))
        if entity_id not in known:
            _issue(draft, candidate, entity_id, _cause(draft, candidate, cause), refusing)


def _issue(
    draft: Draft, candidate: Candidate, entity_id: str, cause: _Cause, reasons: Sequence[Reason]
) -> None:
    body, seen = candidate.body, cause.seen
    addressed = sorted({cause.source, candidate.principal})
    draft.create(
        "notice",
        entity_id,
        ISSUED,
        caused(candidate.event_id, entity_id, ISSUED),
        ISSUED,
        interested=addressed,
        addressed_to=addressed,
        county_code=body["county_code"],
        about_subject=candidate.subject,
        about_entity_id=candidate.key.entity_id,
        about_event_id=candidate.event_id,
        about_event_type=candidate.event_type,
        about_decision_id=draft.decision_id,
        house_code=candidate.house_code,
        reasons=list(_of_cause(reasons, seen)),
        issued_at=draft.at,
        cause_subject=seen.subject,
        cause_entity_id=seen.entity_id,
        cause_revision=seen.revision,
        case_no=cause.case_no,
    )


def _of_cause(reasons: Sequence[Reason], seen: Evidence) -> Iterator[dict[str, Any]]:
    """The reasons that rest on this cause, with no other evidence than it."""
    for item in reasons:
        if seen in item.evidence:
            yield replace(item, evidence=(seen,)).fields


def _cause(draft: Draft, candidate: Candidate, seen: Evidence) -> _Cause:
    if seen.subject == "seizure":
        seizure = draft.known(EntityKey(seen.subject, seen.entity_id))
        return _Cause(seen, seizure.source, seizure.known["case_no"])
    listings = (
        fact
        for ref in buyers(candidate.body)
        for same in draft.same_party(ref)
        for fact in draft.facts("listing", same)
    )
    listing = next(fact for fact in listings if fact.entity_id == seen.entity_id)
    return _Cause(seen, source_of(listing), listing.detail("case_no"))
