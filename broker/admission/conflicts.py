"""Conflicts: two things that stand on one house and must not, because one of them came too late to be refused.

A conflict is an entity of its own on the house, with its two *sides*. It is raised when both stand, once, and resolved
when one of them ends. The kinds are those of the code list ``conflict_kind``. A listing is of no house: its slot asks
the house's slot to raise or resolve, which decides by what stands there then.
"""

from collections.abc import Iterator, Sequence
from uuid import NAMESPACE_URL, uuid5

from broker.admission.draft import Draft
from broker.admission.facts import buyers, parties, source_of
from broker.admission.model import STANDING, Body, Candidate, Emission, EntityKey, Fact
from broker.admission.reasons import Reason, reason
from broker.admission.requests import caused
from broker.admission.rules.buyer_not_listed import blocks
from schemas.catalogue import LIVE_STATUSES
from schemas.codelists import code_list

Side = EntityKey | Fact
"""A side by its key; one of another slot by the fact by which it was found."""

Clash = tuple[str, Side, EntityKey]
"""Kind and sides; the side that makes the trouble first."""

SEIZED_UNIT_SOLD, LISTED_BUYER = "SEIZED_UNIT_SOLD", "LISTED_BUYER"
MORTGAGE_ON_SOLD_UNIT, DOUBLE_SALE, SEIZURE_ORDER = "MORTGAGE_ON_SOLD_UNIT", "DOUBLE_SALE", "SEIZURE_ORDER"

CLASHING = frozenset({"UNIT_SEIZED", "UNIT_ALREADY_SOLD", "LISTED_BUYER"})
"""Reasons by which a sale is taken against something that stands, if they only warn."""


def conflict_id(kind: str, one: EntityKey, other: EntityKey) -> str:
    """The same for the same two sides, whichever is named first."""
    sides = ":".join(sorted(f"{key.subject}/{key.entity_id}" for key in (one, other)))
    return str(uuid5(NAMESPACE_URL, f"qianbei:{kind}:{sides}"))


# -- on the house ------------------------------------------------------------------------------------------------


def settle(draft: Draft, cause: str) -> None:
    """Raise what the draft's revisions have brought together, and resolve what they have ended."""
    for emission in tuple(draft.emissions):
        house = emission.house_code
        if house is not None and emission.key.subject in ("sale", "mortgage", "seizure"):
            for kind, one, other in _clashes(draft, emission, house):
                _raise(draft, kind, one, other, house, cause)
            # By this revision, not by what stands in the end: of several in one decision only the last is the ending.
            if emission.status not in STANDING[emission.key.subject]:
                _resolve_ended(draft, emission.key, house, cause)


def _clashes(draft: Draft, emission: Emission, house: str) -> Iterator[Clash]:
    if emission.status not in STANDING[emission.key.subject]:
        return
    sales = draft.standing(house, "sale")
    if emission.key.subject == "seizure":
        yield from _of_seizure(draft, emission, sales)
    elif emission.key.subject == "mortgage":
        yield from _of_mortgage(draft, emission, sales)
    elif _tolerated(draft, emission):
        yield from _of_tolerated(draft, emission, house, sales)


def _of_seizure(draft: Draft, emission: Emission, sales: Sequence[EntityKey]) -> Iterator[Clash]:
    if emission.status == "EFFECTIVE":
        for sale in sales:
            yield SEIZED_UNIT_SOLD, emission.key, sale
    elif _came_out_of_force(draft, emission):
        head = _head(draft, str(emission.house_code))
        if head is not None:
            yield SEIZURE_ORDER, head, emission.key


def _of_mortgage(draft: Draft, emission: Emission, sales: Sequence[EntityKey]) -> Iterator[Clash]:
    """Only when it becomes live: a house that was mortgaged before it was sold (带押过户) is no conflict."""
    before, claims = draft.before(emission.key), draft.claims(str(emission.house_code))
    if before is None or before.status not in STANDING["mortgage"]:
        for sale in sales:
            if claims[sale].contract_no != claims[emission.key].contract_no:
                yield MORTGAGE_ON_SOLD_UNIT, emission.key, sale


def _tolerated(draft: Draft, emission: Emission) -> bool:
    """Whether a sale was taken as stock data, or where a county's rule only warns of what others are refused for."""
    taken = emission.body["baseline"] or not CLASHING.isdisjoint(draft.warnings)
    # Not when only its lenders changed: a mortgage's decision holds no locks on the buyers' listings.
    return taken and emission.body["event_type"] in LIVE_STATUSES


def _came_out_of_force(draft: Draft, emission: Emission) -> bool:
    """Whether a seizure that was in force waits now, because one came that was served before it."""
    before = draft.before(emission.key)
    return before is not None and before.status == "EFFECTIVE" and emission.status == "WAITING"


def _head(draft: Draft, house: str) -> EntityKey | None:
    claims = draft.claims(house)
    heads = [key for key in draft.standing(house, "seizure") if claims[key].status == "EFFECTIVE"]
    return heads[0] if heads else None


def _of_tolerated(
    draft: Draft, emission: Emission, house: str, sales: Sequence[EntityKey]
) -> Iterator[Clash]:
    """What would have refused the sale is a conflict with it."""
    for sale in sales:
        if sale != emission.key:
            yield DOUBLE_SALE, emission.key, sale
    head = _head(draft, house)
    if head is not None:
        yield SEIZED_UNIT_SOLD, head, emission.key
    for ref in sorted(set(buyers(emission.body))):
        for same in draft.same_party(ref):
            for listing in draft.facts("listing", same):
                if blocks(draft, listing, str(emission.body["county_code"])):
                    yield LISTED_BUYER, listing, emission.key


def _raise(draft: Draft, kind: str, one: Side, other: EntityKey, house: str, cause: str) -> None:
    key = EntityKey("conflict", conflict_id(kind, one.entity if isinstance(one, Fact) else one, other))
    known = draft.entity(key)
    if known is not None and known.status == "OPEN":
        return
    event_id = caused(cause, key.entity_id, "RAISED")
    fields: Body = {
        "kind": kind,
        "house_code": house,
        "sides": [_side(draft, one), _side(draft, other)],
        "raised_at": draft.at,
        "explanation": code_list("conflict_kind")[kind].zh,
        "resolved_at": None,
        "resolution": None,
    }
    if known is not None:
        draft.change(key, "RAISED", event_id, "OPEN", **fields)
    else:
        county = draft.state(other)["county_code"]
        draft.create(*key, "RAISED", event_id, "OPEN", county_code=county, **fields)


def _side(draft: Draft, side: Side) -> Body:
    """A side as it is now. A listing is of another slot: its revision is that of the fact that was seen."""
    if isinstance(side, Fact):
        return _fact_side(side)
    entity = draft.known(side)
    return {
        "subject": side.subject,
        "entity_id": side.entity_id,
        "revision": entity.revision,
        "source": entity.source,
    }


def _fact_side(fact: Fact) -> Body:
    """A side that is known by its fact."""
    return {
        "subject": fact.subject,
        "entity_id": fact.entity_id,
        "revision": fact.revision,
        "source": source_of(fact),
    }


def _resolve_ended(draft: Draft, ended: EntityKey, house: str, cause: str) -> None:
    for key in draft.standing(house, "conflict"):
        sides = {EntityKey(side["subject"], side["entity_id"]) for side in draft.state(key)["sides"]}
        if ended in sides:
            event_id = caused(cause, key.entity_id, "RESOLVED")
            _resolve(draft, key, event_id, _ending(draft, ended, draft.state(ended)))


def _ending(draft: Draft, ended: EntityKey, state: Body) -> str:
    """Which side ended, and by what."""
    subject = draft.catalogue.subject(ended.subject)
    return f"一方已终止：{subject.zh} {ended.entity_id}（{subject.transition(state['event_type']).zh}）"


def _resolve(draft: Draft, key: EntityKey, event_id: str, resolution: str) -> None:
    draft.change(key, "RESOLVED", event_id, "RESOLVED", resolved_at=draft.at, resolution=resolution)


# -- between slots -----------------------------------------------------------------------------------------------


def ask(draft: Draft, own: Emission, cause: str) -> None:
    """A listing or an alias asks the houses of live sales to raise a conflict; a listing that ends, to resolve them."""
    if own.key.subject == "defaulter" and own.status == "LISTED":
        for ref in parties(own.body):
            _ask_buyers(draft, own, _side(draft, own.key), ref, cause)
    elif own.key.subject == "defaulter":
        for fact in draft.facts("clash", own.key.entity_id):
            body = _request(own, "RESOLVED", fact.entity_id, str(fact.house_code), cause)
            told = {"sides": [_side(draft, own.key)], "resolution": _ending(draft, own.key, own.body)}
            draft.request("conflict", body | told)
    elif own.key.subject == "alias" and own.status == "LINKED":
        for listing in _listings(draft, own):
            for ref in parties(own.body):
                _ask_buyers(draft, own, _fact_side(listing), ref, cause)


def _listings(draft: Draft, alias: Emission) -> Iterator[Fact]:
    """The listings of all references that an alias brings together, those linked before included."""
    references = dict.fromkeys(same for ref in parties(alias.body) for same in draft.same_party(ref))
    for ref in references:
        yield from draft.facts("listing", ref)


def _ask_buyers(draft: Draft, own: Emission, listing: Body, ref: str, cause: str) -> None:
    for same in draft.same_party(ref):
        for sale in draft.facts("buyer", same):
            _ask(draft, own, listing, sale, cause)


def _ask(draft: Draft, own: Emission, listing: Body, sale: Fact, cause: str) -> None:
    entity_id = conflict_id(LISTED_BUYER, EntityKey("defaulter", listing["entity_id"]), sale.entity)
    body = _request(own, "RAISED", entity_id, str(sale.house_code), cause)
    if body["event_id"] not in {request.body["event_id"] for request in draft.requests}:
        draft.request("conflict", body | {"sides": [listing, _fact_side(sale)]})


def _request(own: Emission, event_type: str, entity_id: str, house: str, cause: str) -> Body:
    """A request to a house about a conflict; what the conflict then says is for the house's slot to fill in."""
    return {
        "event_id": caused(cause, entity_id, event_type),
        "event_type": event_type,
        "entity_id": entity_id,
        "version": 1,
        "source": "internal",
        "occurred_at": own.body["recorded_at"],
        "county_code": own.body["county_code"],
        "baseline": False,
        "kind": LISTED_BUYER,
        "house_code": house,
        "raised_at": own.body["recorded_at"],
        "explanation": None,
        "resolution": None,
    }


def raised(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """A listing asks: raise it if the listing blocks and the sale is live, as they stand now."""
    listing, sale = (EntityKey(side["subject"], side["entity_id"]) for side in candidate.body["sides"])
    house = str(candidate.house_code)
    standing = draft.facts("listed", listing.entity_id)
    if sale in draft.claims(house):
        # Where the house lies, as at signing; the listing's county is that of its court.
        county = str(draft.state(sale)["county_code"])
        for fact in standing:
            if blocks(draft, fact, county):
                _raise(draft, LISTED_BUYER, fact, sale, house, candidate.event_id)
    return () if draft.emissions else (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)


def resolved(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """A listing has ended."""
    entity = draft.entity(candidate.key)
    if entity is None or entity.status != "OPEN":
        return (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)
    event_id = caused(candidate.event_id, candidate.key.entity_id, "RESOLVED")
    _resolve(draft, candidate.key, event_id, candidate.body["resolution"])
    return ()
