"""What an accepted record brings about: its own new revision, and all that follows from it, in this order.

*Interested* organisations are those with a stake in a contract: the lender that a sale names, and the mortgagees of
live mortgages that name the sale. A bank's topic carries only contracts in which it is, or was until now, interested.
"""

from collections.abc import Iterable
from functools import cache
from uuid import UUID, uuid5

from broker.admission import aml, conflicts, corrections, seizures, standing, watches
from broker.admission.draft import Draft
from broker.admission.model import Body, Candidate, Claim, Emission, Entity
from schemas.catalogue import Catalogue
from schemas.files import latest_version, load_schema

INTEREST_CHANGED = "INTEREST_CHANGED"

GIVEN = frozenset({"revision", "recorded_at", "decision_id", "interested", "interested_before", "status"})
"""What every new revision is given anew."""


def accept(candidate: Candidate, draft: Draft) -> None:
    """Add the candidate's own revision to the draft, then those that follow from it, then what others must do."""
    own, cause = _own_revision(candidate, draft), candidate.event_id
    draft.emit(own)
    seizures.follow(draft, own)
    if candidate.subject == "mortgage":
        _interest_changes(candidate, draft)
    conflicts.settle(draft, cause)
    standing.restate(draft, cause)
    conflicts.ask(draft, own, cause)
    standing.ask(draft, own, cause)
    seizures.ask(draft, own)
    corrections.ask(draft, own, cause)
    aml.raise_(draft, own, cause)
    watches.tell(draft, own)
    watches.ask(draft, own, cause)


def _own_revision(candidate: Candidate, draft: Draft) -> Emission:
    before = draft.entity(candidate.key)
    given, status = _own_fields(candidate, draft)
    body = (
        candidate.body
        | _carried_over(candidate, before)
        | given
        | {
            "revision": (before.revision if before else 0) + 1,
            "recorded_at": draft.at,
            "decision_id": draft.decision_id,
            "interested": _interested(candidate.subject, candidate.body, draft),
            "interested_before": _interested_before(before),
        }
    )
    if "status" in body:
        body["status"] = status
    return Emission(candidate.key, body, status)


def _own_fields(candidate: Candidate, draft: Draft) -> tuple[Body, str]:
    """The status that the event leads to, and what the exchange says of the entity besides its source."""
    if candidate.subject == "seizure":
        return seizures.own_fields(draft, candidate)
    status = draft.catalogue.transition(candidate.subject, candidate.event_type).to
    if candidate.subject == "unit":
        return standing.own_fields(draft, candidate), status
    return {}, status


@cache
def exchange_fields(subject: str) -> frozenset[str]:
    """The fields of a subject that the exchange owns, besides those that every revision is given."""
    fields = load_schema(subject, latest_version(subject))["fields"]
    return frozenset(field["name"] for field in fields if field.get("owner") == "exchange") - GIVEN


def _carried_over(candidate: Candidate, before: Entity | None) -> Body:
    """What the exchange owns, as it last stood. Whatever a source writes there is passed over: no court may set its own
    place in the queue."""
    owned = exchange_fields(candidate.subject)
    state = (before.state if owned and before else None) or {}
    return {name: state.get(name) for name in owned}


def _interested_before(entity: Entity | None) -> list[str]:
    state = entity.state if entity else None
    return list(state["interested"] or ()) if state else []


def _interested(subject: str, body: Body, draft: Draft) -> list[str]:
    if subject == "mortgage":
        return _known((body["mortgagee_uscc"],), draft.catalogue)
    if subject == "sale":
        return _sale_interested(body, draft.claims(body["house_code"]).values(), draft.catalogue)
    if subject == "feedback":
        return corrections.interested(body, draft.catalogue)
    return []


def _sale_interested(sale: Body, claims: Iterable[Claim], catalogue: Catalogue) -> list[str]:
    lenders = _known((sale.get("lender_uscc"),), catalogue)
    mortgagees = [
        principal
        for claim in claims
        if claim.key.subject == "mortgage" and claim.contract_no == sale["contract_no"]
        for principal in claim.principals
    ]
    return sorted({*lenders, *mortgagees})


def _known(usccs: Iterable[str | None], catalogue: Catalogue) -> list[str]:
    found = (catalogue.principal_by_uscc(uscc) for uscc in usccs if uscc)
    return sorted({principal.name for principal in found if principal is not None})


def _interest_changes(cause: Candidate, draft: Draft) -> None:
    """New revisions of the live sales on this house whose lenders the mortgage has changed."""
    house = cause.body["house_code"]
    for key in draft.standing(house, "sale"):
        entity = draft.entity(key)
        assert entity is not None, "a claim stands on a known contract"
        now = _sale_interested(entity.known, draft.claims(house).values(), draft.catalogue)
        if now != list(entity.known["interested"] or ()):
            event_id = str(uuid5(UUID(cause.event_id), f"{key.entity_id}:{INTEREST_CHANGED}"))
            source_time = entity.known["occurred_at"]
            draft.change(key, INTEREST_CHANGED, event_id, interested=now, occurred_at=source_time)
