"""Dirt that is wrong in its context only: who may send what, which step is legal, what the rules forbid."""

from collections.abc import Iterable

from producers.simulator.dirt_basics import Kind, again, right
from producers.simulator.dossier import Dossier
from producers.simulator.ledger import Planned, Record
from producers.simulator.model_tables import CONTRACTS, LIFECYCLES, LIVE, MAY_SEND, QUEUE, SEIZED
from producers.simulator.numbers import house_code, slot_of
from producers.simulator.town import Happen, Town

# --- who sends what -------------------------------------------------------------------------------------------------


def _source_mismatch(_town: Town, happen: Happen) -> Iterable[Planned]:
    other = "tax" if happen.dossier.principal != "tax" else "court"
    return right(happen), again(happen, "source_mismatch", 1, source=other)


def _not_permitted(town: Town, happen: Happen) -> Iterable[Planned] | None:
    barred = [name for name, subjects in MAY_SEND.items() if happen.dossier.subject not in subjects]
    if not barred:
        return None
    sent = right(happen)
    return sent, happen.dossier.foreign("not_permitted", town.rng.choice(barred), happen.event_type, {})


def _foreign_entity(town: Town, happen: Happen) -> Iterable[Planned] | None:
    own = happen.dossier.principal
    others = [
        name for name, subjects in MAY_SEND.items() if happen.dossier.subject in subjects and name != own
    ]
    if not others:
        return None
    sent = right(happen)
    return sent, happen.dossier.foreign("foreign_entity", town.rng.choice(others), happen.event_type, {})


def _unit_changed(town: Town, happen: Happen) -> Iterable[Planned] | None:
    dossier = happen.dossier
    if dossier.subject not in CONTRACTS:
        return None
    # Slots have no order between them: only within one slot is it sure that the entity is known when this comes.
    slot = slot_of(dossier.key, town.slots)
    for _ in range(20):
        other = town.any_home().unit
        if other.key != dossier.key and slot_of(other.key, town.slots) == slot:
            return right(happen), again(happen, "unit_changed", 1, house_code=other.house_code)
    return None


# --- steps and rules ------------------------------------------------------------------------------------------------


def _illegal_transition(town: Town, happen: Happen) -> Iterable[Planned] | None:
    dossier = happen.dossier
    sent = right(happen)
    # Which of its places a seizure has, only the exchange knows.
    now = SEIZED if dossier.status == QUEUE else {dossier.status}
    illegal = [name for name, (before, _) in LIFECYCLES[dossier.subject].items() if not now & before]
    event_type = town.rng.choice(illegal)
    # What a filing sets must be there, or the fields are refused before the step is looked at.
    is_unfiled = dossier.subject in CONTRACTS and dossier.state.record.get("filing_no") is None
    changes = town.contracts.filing(town.clock.now()) if is_unfiled else {}
    return sent, dossier.stray("illegal_transition", event_type, changes)


_OTHER_STATUS = {
    "DRAFTED": "SIGNED",
    "SIGNED": "DRAFT",
    "FILED": "AMENDED",
    "AMENDED": "FILED",
    "VOIDED": "DRAFT",
}


def _status_mismatch(_town: Town, happen: Happen) -> Iterable[Planned] | None:
    if happen.dossier.subject not in CONTRACTS:
        return None
    other = _OTHER_STATUS.get(happen.event_type, "AMENDED")
    wrong = happen.dossier.stray(
        "status_mismatch", happen.event_type, {**happen.changes, "contract_status": other}
    )
    return wrong, right(happen)


def _filing_no_changed(_town: Town, happen: Happen) -> Iterable[Planned] | None:
    filing_no = happen.dossier.state.record.get("filing_no")
    if filing_no is None:
        return None
    wrong = happen.dossier.stray(
        "filing_no_changed", happen.event_type, {**happen.changes, "filing_no": f"{filing_no}改"}
    )
    return wrong, right(happen)


def _double_sale(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if happen.dossier.subject != "sale" or happen.event_type not in LIVE:
        return None
    sent = right(happen)
    return sent, _second_contract(town, happen.dossier, {}).stray("double_sale", "SIGNED", {})


def _unknown_unit(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if happen.dossier.subject not in CONTRACTS:
        return None
    sent = right(happen)
    body = happen.dossier.state.record["house_code"]
    # No building of ours has so many units.
    nowhere = house_code(body[:9], body[9:21], town.rng.randrange(5000, 10_000))
    return sent, _second_contract(town, happen.dossier, {"house_code": nowhere}).stray(
        "unknown_unit", "SIGNED", {}
    )


def _bad_house_code(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if happen.dossier.subject not in CONTRACTS:
        return None
    sent = right(happen)
    good = happen.dossier.state.record["house_code"]
    bad = good[:-1] + str((int(good[-1]) + town.rng.randrange(1, 10)) % 10)
    # A contract of its own: were it mended under the same number, the entity would have changed its house.
    return sent, _second_contract(town, happen.dossier, {"house_code": bad}).stray(
        "bad_house_code", "SIGNED", {}
    )


def _second_contract(town: Town, like: Dossier, changes: Record) -> Dossier:
    number = town.contracts.number("X")
    fresh = {
        "entity_id": number,
        "contract_no": number,
        "filing_no": None,
        "filed_at": None,
        "cancelled_at": None,
    }
    return town.dossier(like.principal, like.subject, like.state.record | fresh | changes)


def _uscc_check(_town: Town, happen: Happen) -> Iterable[Planned] | None:
    # Only an event that ends its contract: every later one would carry the code too, and be warned about.
    if happen.dossier.subject not in CONTRACTS or happen.event_type not in (
        "CANCELLED",
        "COMPLETED",
        "REVOKED",
    ):
        return None
    agency = {"agency_name": "商丘某房产经纪有限公司", "agency_uscc": "91350211M0000XUF46"}
    return (
        happen.dossier.event(happen.event_type, {**happen.changes, **agency})._replace(dirt="uscc_check"),
    )


LAW: dict[str, Kind] = {
    "source_mismatch": _source_mismatch,
    "not_permitted": _not_permitted,
    "foreign_entity": _foreign_entity,
    "unit_changed": _unit_changed,
    "illegal_transition": _illegal_transition,
    "status_mismatch": _status_mismatch,
    "filing_no_changed": _filing_no_changed,
    "double_sale": _double_sale,
    "unknown_unit": _unknown_unit,
    "bad_house_code": _bad_house_code,
    "uscc_check": _uscc_check,
}
