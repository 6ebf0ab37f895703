"""Corrections (校核纠错): who reports a wrong record hears what has become of the report.

A *report* is a feedback of kind CORRECTION on any record. An *answer* is a feedback too, of whoever answers for the
record's subject (the catalogue says who): it names the report (``answers_entity_id``) and says whether it is ACCEPTED or
REJECTED (``result``), why, and by which revision the record was corrected (``about_revision``). Only an entity's own
source changes it, so an answer cannot change the report. Its slot asks the report's slot to note it there (``ANSWERED``),
a revision that the reporter receives.
"""

from collections.abc import Sequence

from broker.admission.draft import Draft
from broker.admission.model import Body, Candidate, Emission
from broker.admission.reasons import Reason, reason
from broker.admission.requests import ANSWERED, UNNOTED, caused
from schemas.catalogue import Catalogue

CORRECTION = "CORRECTION"
ANSWERS = frozenset({"ACCEPTED", "REJECTED"})


def may_answer(candidate: Candidate, catalogue: Catalogue) -> bool:
    """Whether a record is no answer, or one of a principal that answers for that subject."""
    body = candidate.body
    if candidate.subject != "feedback" or not body["answers_entity_id"]:
        return True
    return catalogue.may_answer(candidate.principal, body["about_subject"])


def interested(feedback: Body, catalogue: Catalogue) -> list[str]:
    """Who hears of a feedback: its source, and of a correction whoever answers for the subject."""
    answering = catalogue.answering(feedback["about_subject"])
    hears = answering if feedback["feedback_kind"] == CORRECTION else []
    return sorted({feedback["source"], *hears})


def ask(draft: Draft, own: Emission, cause: str) -> None:
    """An answer asks the slot of the report to note it."""
    if own.key.subject != "feedback" or not own.body["answers_entity_id"]:
        return
    report = own.body["answers_entity_id"]
    asked = {"entity_id": report, "event_type": ANSWERED, "event_id": caused(cause, report, ANSWERED)}
    draft.request("feedback", own.body | _as_answer(own) | UNNOTED | asked | {"house_code": None})


def _as_answer(own: Emission) -> Body:
    body = own.body
    stands = own.status == "ACTIVE" and body["result"] in ANSWERS
    return {
        "answer": body["result"] if stands else None,
        "answer_explanation": body["explanation"] if stands else None,
        "answered_by": body["source"] if stands else None,
        "answered_at": body["occurred_at"] if stands else None,
        "answer_entity_id": body["entity_id"],
        "answer_revision": body["about_revision"] if stands else None,
    }


def answered(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """Note an answer on its report, in place of an earlier one; one that is withdrawn is taken off."""
    report, body = draft.entity(candidate.key), candidate.body
    if report is None or report.status != "ACTIVE" or not _fits(report.known, body, draft.catalogue):
        return (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)
    noted = {
        name: value for name, value in body.items() if name.startswith("answer") and name in report.known
    }
    del noted["answers_entity_id"]
    draft.change(candidate.key, ANSWERED, candidate.event_id, **noted)
    return ()


def _fits(report: Body, answer: Body, catalogue: Catalogue) -> bool:
    """Whether it is a correction that the answer's source answers for, and not yet answered by another feedback."""
    open_to = report["answer"] is None or report["answer_entity_id"] == answer["answer_entity_id"]
    kind = report["feedback_kind"] == CORRECTION
    return kind and open_to and catalogue.may_answer(answer["source"], report["about_subject"])
