"""What an accepted record brings about: its own new revision, and a new revision of a sale whose lenders changed.

*Interested* organisations are those with a stake in a contract: the lender that a sale names, and the mortgagees of
live mortgages that name the sale. A bank's topic carries only contracts in which it is, or was until now, interested.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from uuid import UUID, uuid5

from broker.admission.model import CONTRACTS, Body, Candidate, Claim, Emission, Entity, EntityKey, View
from schemas.catalogue import LIVE_STATUSES, Catalogue
from schemas.files import latest_version, load_schema

INTEREST_CHANGED = "INTEREST_CHANGED"

GIVEN = frozenset({"revision", "recorded_at", "decision_id", "interested", "interested_before", "status"})
"""What every new revision is given anew."""


def accepted(
    candidate: Candidate, view: View, catalogue: Catalogue, decision_id: str, recorded_at: datetime
) -> tuple[Emission, ...]:
    """The revisions that follow from accepting the candidate; its own comes first."""
    own = _own_revision(candidate, view, catalogue, decision_id, recorded_at)
    if candidate.subject != "mortgage":
        return (own,)
    return (own, *_interest_changes(candidate, own, view, catalogue, decision_id, recorded_at))


def _own_revision(
    candidate: Candidate, view: View, catalogue: Catalogue, decision_id: str, recorded_at: datetime
) -> Emission:
    before = view.entity(candidate.key)
    status = catalogue.transition(candidate.subject, candidate.event_type).to
    body = (
        candidate.body
        | _carried_over(candidate, before)
        | {
            "revision": (before.revision if before else 0) + 1,
            "recorded_at": recorded_at,
            "decision_id": decision_id,
            "interested": _interested(candidate.subject, candidate.body, view, catalogue),
            "interested_before": _interested_before(before),
        }
    )
    if "status" in body:
        body["status"] = status
    return Emission(candidate.key, body, status)


@cache
def exchange_fields(subject: str) -> frozenset[str]:
    """The fields of a subject that the exchange owns, besides those that every revision is given."""
    fields = load_schema(subject, latest_version(subject))["fields"]
    return frozenset(field["name"] for field in fields if field.get("owner") == "exchange") - GIVEN


def needs_state(subject: str) -> bool:
    """Whether deciding on this subject looks at the last accepted record, or only at its status and versions."""
    return subject in CONTRACTS or bool(exchange_fields(subject))


def _carried_over(candidate: Candidate, before: Entity | None) -> Body:
    """What the exchange owns, as it last stood. Whatever a source writes there is passed over: no court may set its own
    place in the queue."""
    state = before.state if before and before.state else {}
    return {name: state.get(name) for name in exchange_fields(candidate.subject)}


def _interested_before(entity: Entity | None) -> list[str]:
    state = entity.state if entity else None
    return list(state["interested"] or ()) if state else []


def _interested(subject: str, body: Body, view: View, catalogue: Catalogue) -> list[str]:
    if subject == "mortgage":
        return _known((body["mortgagee_uscc"],), catalogue)
    if subject == "sale":
        mortgages = view.claims(body["house_code"]).values()
        return _sale_interested(body, mortgages, catalogue)
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


def claim_of(emission: Emission) -> Claim | None:
    """The claim that a contract has on its house after this revision; None if it has none."""
    if emission.status not in LIVE_STATUSES or emission.key.subject not in CONTRACTS:
        return None
    body = emission.body
    linked = body.get("sale_contract_no") if emission.key.subject == "mortgage" else body["contract_no"]
    return Claim(emission.key, emission.status, body["baseline"], linked, tuple(body["interested"]))


def _interest_changes(
    cause: Candidate, own: Emission, view: View, catalogue: Catalogue, decision_id: str, recorded_at: datetime
) -> list[Emission]:
    """New revisions of the live sales on this house whose lenders the mortgage has changed."""
    claims = dict(view.claims(cause.body["house_code"]))
    claims.pop(own.key, None)
    if claim := claim_of(own):
        claims[own.key] = claim
    changes = []
    for sale in [claim for claim in claims.values() if claim.key.subject == "sale"]:
        entity = view.entity(sale.key)
        assert entity is not None, "a claim stands on a known contract"
        assert entity.state is not None, "a claim stands on an accepted contract"
        now = _sale_interested(entity.state, claims.values(), catalogue)
        if now != list(entity.state["interested"] or ()):
            changes.append(_interest_changed(cause, sale.key, entity, now, decision_id, recorded_at))
    return changes


def _interest_changed(
    cause: Candidate, key: EntityKey, entity: Entity, now: list[str], decision_id: str, recorded_at: datetime
) -> Emission:
    assert entity.state is not None
    body = entity.state | {
        "event_id": str(uuid5(UUID(cause.event_id), f"{key.entity_id}:{INTEREST_CHANGED}")),
        "event_type": INTEREST_CHANGED,
        "revision": entity.revision + 1,
        "recorded_at": recorded_at,
        "decision_id": decision_id,
        "interested": now,
        "interested_before": list(entity.state["interested"] or ()),
    }
    return Emission(key, body, entity.status)
