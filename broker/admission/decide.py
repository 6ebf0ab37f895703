"""The decision on one record: a pure function of the record, the view and the time.

The stages, in order; each ends the decision with its reasons if it refuses:

1. the same event again (DUPLICATE, or refused if its bytes differ);
2. identity: may this source say this of this entity;
3. version: is it the next one — up to here a refusal does not use the version up;
4. fields: is each value, and are they together, what the standard asks for;
5. lifecycle: is the step legal from the present status;
6. rules: does the law allow it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from broker.admission import stages
from broker.admission.effects import accepted
from broker.admission.model import Candidate, Outcome, Place, Verdict, View
from broker.admission.reasons import Reason, Severity, reason
from broker.admission.rules import objections
from schemas.catalogue import Catalogue

Checks = Callable[[Candidate, datetime], Sequence[Reason]]
Judgement = Callable[[], Sequence[Reason]]


def decision_id_of(place: Place) -> str:
    """The id of the decision on the record at this place: the same however often it is decided anew."""
    return str(uuid5(NAMESPACE_URL, f"qianbei:{place.topic}/{place.partition}/{place.offset}"))


def decide(candidate: Candidate, view: View, catalogue: Catalogue, checks: Checks, now: datetime) -> Verdict:
    """Decide one candidate. Raises nothing for any candidate: every one has a verdict."""
    decision_id = decision_id_of(candidate.place)
    earlier = view.decided(candidate.principal, candidate.event_id)
    if earlier is not None and earlier.sha256 == candidate.sha256:
        return Verdict(Outcome.DUPLICATE, decision_id, now, first_decision_id=earlier.decision_id)
    if earlier is not None:
        return Verdict(Outcome.REFUSED, decision_id, now, (reason("EVENT_ID_REUSED", field="event_id"),))

    entity = view.entity(candidate.key)
    if refused := stages.identity(candidate, entity, catalogue) or stages.version(candidate, entity):
        return Verdict(Outcome.REFUSED, decision_id, now, tuple(refused))

    warnings: list[Reason] = []
    judgements: tuple[Judgement, ...] = (
        lambda: checks(candidate, now),
        lambda: stages.lifecycle(candidate, entity, catalogue),
        lambda: objections(candidate, view),
    )
    for judgement in judgements:
        found = judgement()
        if any(item.severity is Severity.REFUSE for item in found):
            return Verdict(Outcome.REFUSED, decision_id, now, (*warnings, *found), advances=True)
        warnings += found

    emissions = accepted(candidate, view, catalogue, decision_id, now)
    return Verdict(Outcome.ACCEPTED, decision_id, now, tuple(warnings), advances=True, emissions=emissions)
