"""The unit registry: how a unit stands for sale and by what it is restricted, from what stands on its house.

Of a unit's ``sale_status`` and ``restrictions`` the source says one part and the exchange knows the other. The source's
word is kept as *declared*; what the exchange publishes is both together: a restriction that no claim accounts for (a
demolition, a lock, a mortgage from before the exchange) stays until the source takes it back. The public word is the
first of those that hold, in the order of the code list ``public_status``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from broker.admission.draft import Draft
from broker.admission.model import Body, Candidate, Claim, Emission, EntityKey
from broker.admission.reasons import Reason, reason
from broker.admission.requests import NOTED, UNNOTED, caused
from broker.admission.seizures.queue import REGISTERED
from schemas.catalogue import KeyKind
from schemas.codelists import code_list

FOR_SALE, SIGNED, FILED, TITLED = "10", "30", "40", "50"

_SEIZURES = {"1": "SEIZED", "2": "WAIT_SEIZED", "3": "PRE_SEIZED", "4": "WAIT_SEIZED"}
_MORTGAGES = {"41": "MORTGAGED", "42": "PRE_MORTGAGED", "43": "PROJECT_MORTGAGED"}
_TITLES = {"PRE_NOTICE": "PRE_NOTICE", "OBJECTION": "OBJECTION"}
_SALES = {"SIGNED": SIGNED, "FILED": FILED, "AMENDED": FILED}


class Standing(NamedTuple):
    """How a unit stands. ``counts`` are in the order of the code list of restrictions, none zero."""

    sale_status: str
    counts: tuple[tuple[str, int], ...]

    @property
    def fields(self) -> Body:
        """As the unit's revision carries it."""
        return {
            "sale_status": self.sale_status,
            "restrictions": [name for name, _ in self.counts],
            "restriction_counts": [{"restriction": name, "count": count} for name, count in self.counts],
            "public_status": self.public_status,
        }

    @property
    def public_status(self) -> str:
        holding = {self.sale_status, *(name for name, _ in self.counts)}
        return next(code for code in code_list("public_status").by_code if code in holding)


def stand(claims: Iterable[Claim], declared_status: str | None, declared: Iterable[str]) -> Standing:
    """How a unit stands with these claims on it and this word of its source."""
    claims = tuple(claims)
    found = Counter(name for claim in claims if (name := _restriction(claim)) is not None)
    found.update(name for name in set(declared) if name not in found)
    order = tuple(code_list("restriction").by_code)
    counts = tuple(sorted(found.items(), key=lambda item: order.index(item[0])))
    return Standing(_sale_status(claims, declared_status), counts)


def _restriction(claim: Claim) -> str | None:
    kind = claim.kind or ""
    if claim.key.subject == "lease":
        return "LEASED"
    by_kind = {"seizure": _SEIZURES, "mortgage": _MORTGAGES, "title": _TITLES}.get(claim.key.subject, {})
    return by_kind.get(kind)


def _sale_status(claims: Sequence[Claim], declared: str | None) -> str:
    sales = [_SALES[claim.status] for claim in claims if claim.key.subject == "sale"]
    if sales:
        return max(sales)
    if any(claim.key.subject == "title" and claim.kind in REGISTERED for claim in claims):
        return TITLED
    return declared or FOR_SALE


# -- on the house ------------------------------------------------------------------------------------------------


def own_fields(draft: Draft, candidate: Candidate) -> Body:
    """What the exchange says of a unit in its own revision, beside what the source declares."""
    declared = _declares(candidate.body)
    return declared | _now(draft, str(candidate.house_code), declared).fields


def restate(draft: Draft, cause: str) -> None:
    """A revision of each unit whose standing the draft has changed."""
    for house in dict.fromkeys(_houses(draft)):
        key = EntityKey("unit", house or "")
        unit = draft.entity(key)
        if unit is None or not unit.revision:
            continue
        state = unit.known
        declared = _declared(state)
        now = _now(draft, key.entity_id, declared).fields
        if any(state[name] != value for name, value in now.items()):
            event_id = caused(cause, key.entity_id, "RESTATED")
            draft.change(key, "RESTATED", event_id, **(declared | now))


def _houses(draft: Draft) -> Iterator[str | None]:
    """The houses that this slot decides on. A feedback or a watch names one of another slot, which is not ours to say."""
    for emission in draft.emissions:
        if draft.catalogue.subject(emission.key.subject).key is KeyKind.HOUSE_CODE:
            yield emission.house_code


def _declared(state: Body) -> Body:
    """What the source said. In revisions from before the exchange restated units, all of it is the source's word."""
    if state["public_status"] is None:
        return _declares(state)
    return {name: state[name] for name in ("declared_sale_status", "declared_restrictions")}


def _declares(body: Body) -> Body:
    return {
        "declared_sale_status": body["sale_status"],
        "declared_restrictions": body["restrictions"] or [],
    }


def _now(draft: Draft, house: str, declared: Body) -> Standing:
    return stand(
        draft.claims(house).values(),
        declared["declared_sale_status"],
        declared["declared_restrictions"] or (),
    )


# -- what departments feed back ----------------------------------------------------------------------------------


def ask(draft: Draft, own: Emission, cause: str) -> None:
    """A feedback on a house asks that house's slot to note it on the unit."""
    if own.key.subject == "feedback" and own.body["house_code"]:
        event_id = caused(cause, own.key.entity_id, NOTED)
        draft.request("feedback", own.body | UNNOTED | {"event_type": NOTED, "event_id": event_id})


def noted(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """Note a feedback on its unit, in place of what the same feedback said before; a withdrawn one is taken off."""
    key = EntityKey("unit", str(candidate.house_code))
    unit = draft.entity(key)
    if unit is None or not unit.revision:
        return (reason("MOOT", evidence=(draft.evidence(key),)),)
    body = candidate.body
    kept = [item for item in unit.known["reports"] or () if item["entity_id"] != body["entity_id"]]
    if body["status"] == "ACTIVE":
        kept.append(
            {
                "source": body["source"],
                "feedback_kind": body["feedback_kind"],
                "entity_id": body["entity_id"],
                "result": body["result"],
                "reported_at": body["occurred_at"],
            }
        )
    draft.change(key, "REPORTED", caused(candidate.event_id, key.entity_id, "REPORTED"), reports=kept)
    return ()
