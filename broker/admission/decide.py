"""The decision on one record: a pure function of the record, the view and the time.

First the same event again: a DUPLICATE, or refused if its bytes differ; likewise what an operator sends in again and was
decided before. Then what is due on the record's house or
listing takes effect, whatever becomes of the record. Then the stages, each of which ends the decision with its reasons
if it refuses:

1. identity: may this source say this of this entity;
2. version: is it the next one — up to here a refusal does not use the version up;
3. fields: is each value, and are they together, what the standard asks for;
4. lifecycle: is the step legal from the present status;
5. rules: does the law allow it.

What the exchange asks of itself (principal ``internal``) passes no stages: see ``internal``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from broker.admission import conflicts, internal, notices, seizures, stages, standing, watches
from broker.admission.draft import Draft
from broker.admission.effects import accept
from broker.admission.model import Candidate, Outcome, Place, Verdict, View
from broker.admission.reasons import Reason, Severity, reason
from broker.admission.requests import NOTED
from broker.admission.rules import objections
from schemas.catalogue import INTERNAL, Catalogue, KeyKind
from schemas.policies import Policy
from schemas.reckoning import Reckoning, load_reckoning

Checks = Callable[[Candidate, datetime], Sequence[Reason]]
Judgement = Callable[[], Sequence[Reason]]


@dataclass(frozen=True, slots=True)
class Law:
    """What decisions go by: who may say what, what a record must look like, which rules are in force where, and by what
    figures a lender's desk is told of something."""

    catalogue: Catalogue
    policy: Policy
    checks: Checks
    reckoning: Reckoning = field(default_factory=load_reckoning)

    def draft(self, candidate: Candidate, view: View, at: datetime) -> Draft:
        """The beginning of a decision on a candidate."""
        place = candidate.place
        return Draft(
            view, self.catalogue, self.policy, decision_id_of(place), at, place.partition, self.reckoning
        )


def decision_id_of(place: Place) -> str:
    """The id of the decision on the record at this place: the same however often it is decided anew."""
    return str(uuid5(NAMESPACE_URL, f"qianbei:{place.topic}/{place.partition}/{place.offset}"))


def decide(candidate: Candidate, view: View, law: Law, now: datetime) -> Verdict:
    """Decide one candidate. Raises nothing for any candidate: every one has a verdict."""
    decision_id = decision_id_of(candidate.place)
    earlier = view.decided(candidate.principal, candidate.event_id)
    if earlier is not None:
        # What the exchange asks of itself has one event id for one thing to be done, however it is worded.
        if earlier.sha256 == candidate.sha256 or candidate.principal == INTERNAL:
            return Verdict(Outcome.DUPLICATE, decision_id, now, first_decision_id=earlier.decision_id)
        return Verdict(Outcome.REFUSED, decision_id, now, (reason("EVENT_ID_REUSED", field="event_id"),))
    if candidate.redriven is not None and view.settled(candidate.redriven.origin) is not None:
        # Edited once more, under another event id: the one record that its source sent must not take effect twice.
        return Verdict(Outcome.REFUSED, decision_id, now, (reason("ALREADY_REDRIVEN"),))
    due = what_is_due(candidate, law.draft(candidate, view, now))
    draft = law.draft(candidate, due, now)
    if candidate.principal == INTERNAL:
        return _verdict(draft, due, internal.answer(draft, candidate), advances=False)
    if refused := stages.identity(candidate, draft, law.catalogue) or stages.version(candidate, draft):
        return _verdict(draft, due, refused, advances=False)
    reasons = _judged(candidate, draft, law)
    if _refuses(reasons):
        notices.issue(draft, candidate, reasons)
    else:
        draft.warnings = frozenset(item.code for item in reasons)
        accept(candidate, draft)
    return _verdict(draft, due, reasons, advances=True)


def what_is_due(candidate: Candidate, draft: Draft) -> Draft:
    """What time alone has brought about on the candidate's house or listing, and all that follows from it."""
    if internal.fires_itself(candidate):
        return draft
    if (house := _house_of(candidate, draft)) is not None:
        seizures.fire(draft, house)
    elif candidate.subject == "defaulter":
        seizures.fire_listing(draft, candidate.key)
    if draft.emissions:
        cause = draft.emissions[0].body["event_id"]
        conflicts.settle(draft, cause)
        if candidate.subject == "defaulter":
            conflicts.ask(draft, draft.emissions[0], cause)
        standing.restate(draft, cause)
        watches.tell(draft, None)
    return draft


def _house_of(candidate: Candidate, draft: Draft) -> str | None:
    """The house in whose slot the candidate is decided. A feedback or a watch may name one of another slot."""
    noted = candidate.principal == INTERNAL and candidate.event_type == NOTED
    if noted or draft.catalogue.subject(candidate.subject).key is KeyKind.HOUSE_CODE:
        return candidate.house_code
    return None


def _judged(candidate: Candidate, draft: Draft, law: Law) -> Sequence[Reason]:
    """The reasons of the first stage that refuses, after all warnings before it."""
    judgements: tuple[Judgement, ...] = (
        lambda: law.checks(candidate, draft.at),
        lambda: stages.lifecycle(candidate, draft, law.catalogue),
        lambda: objections(candidate, draft),
    )
    found: list[Reason] = []
    for judgement in judgements:
        found += judgement()
        if _refuses(found):
            break
    return found


def _refuses(reasons: Sequence[Reason]) -> bool:
    return any(item.severity is Severity.REFUSE for item in reasons)


def _verdict(draft: Draft, due: Draft, reasons: Sequence[Reason], *, advances: bool) -> Verdict:
    refused, revisions = _refuses(reasons), tuple(draft.emissions)
    return Verdict(
        Outcome.REFUSED if refused else Outcome.ACCEPTED,
        draft.decision_id,
        draft.at,
        tuple(reasons),
        advances=advances,
        emissions=() if refused else revisions,
        fired=tuple(due.emissions),
        notices=revisions if refused else (),
        requests=(*due.requests, *draft.requests),
        seen=tuple(dict.fromkeys((*due.seen, *draft.seen))),
        handed_over=draft.handed_over,
    )
