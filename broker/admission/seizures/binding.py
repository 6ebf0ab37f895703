"""Seizures that name no house: held in the slot of their own id until it is known, then handed to the house's slot.

A held seizure waits for a contract or a realty unit. Whoever is accepted under that number tells its slot (``BOUND``
without a house code); that slot hands the entity over and asks the house's slot to bind it (``BOUND`` with one).
"""

from collections.abc import Sequence

from broker.admission.draft import Draft
from broker.admission.facts import target_of
from broker.admission.model import CONTRACTS, Candidate, Emission, EntityKey
from broker.admission.reasons import Reason, reason
from broker.admission.requests import caused
from broker.admission.seizures.follow import bind

BOUND = "BOUND"


def ask(draft: Draft, own: Emission) -> None:
    """After an acceptance: hand over a held seizure whose house is known, or tell those that waited for this number."""
    if own.key.subject == "seizure":
        _look_for_house(draft, own)
    elif own.key.subject in CONTRACTS:
        _tell_held(draft, own, f"contract:{own.body['contract_no']}")
    elif own.key.subject == "unit" and own.status == "ACTIVE" and own.body["realty_unit_no"]:
        _tell_held(draft, own, f"realty_unit:{own.body['realty_unit_no']}")


def _look_for_house(draft: Draft, own: Emission) -> None:
    target = target_of(own.body)
    if own.status != "HELD" or target is None:
        return
    kind, _, number = target.partition(":")
    houses = {fact.house_code for fact in draft.facts(kind, number) if fact.house_code}
    if houses:
        _hand_over(draft, own.key.entity_id, min(houses), str(own.body["event_id"]))


def _tell_held(draft: Draft, own: Emission, target: str) -> None:
    for fact in draft.facts("held", target):
        entity = draft.entity(fact.entity)
        if entity is not None and entity.status == "HELD":
            event_id = caused(own.body["event_id"], fact.entity_id, BOUND)
            named = {"event_type": BOUND, "event_id": event_id, "bound_house_code": own.house_code}
            draft.request("seizure", entity.known | named)


def bound(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    """Both halves of binding: hand over in the seizure's own slot, or take the place in the house's slot."""
    entity = draft.entity(candidate.key)
    if entity is None or entity.status != "HELD":
        return (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)
    if candidate.house_code is None:
        return _handed_over(draft, candidate)
    if draft.is_active_unit(candidate.house_code):
        bind(draft, candidate.key, candidate.house_code, candidate.event_id)
    else:
        # The house is known by its contract, but its unit is not (or no longer): it waits there for the unit.
        house = candidate.house_code
        draft.change(
            candidate.key, BOUND, candidate.event_id, "HELD", house_code=house, bound_house_code=house
        )
    return ()


def _handed_over(draft: Draft, candidate: Candidate) -> Sequence[Reason]:
    entity = draft.known(candidate.key)
    if entity.house_code is not None:
        return (reason("MOOT", evidence=(draft.evidence(candidate.key),)),)
    _hand_over(draft, candidate.key.entity_id, candidate.body["bound_house_code"], candidate.event_id)
    return ()


def _hand_over(draft: Draft, entity_id: str, house: str, cause: str) -> None:
    key = EntityKey("seizure", entity_id)
    draft.hand_over(key, house)
    event_id = caused(cause, f"{entity_id}:{house}", BOUND)
    named = {"event_type": BOUND, "event_id": event_id, "house_code": house, "bound_house_code": house}
    draft.request("seizure", draft.state(key) | named)
