"""Every other kind of dirt. A kind takes a happening and gives all records to send in its place, itself among them.

It gives None where it does not fit, and is then tried with a later happening. What is wrong is sent besides the right
record, as a source does that errs and mends; so the lives go on as planned.
"""

from collections.abc import Callable, Iterable
from typing import Any

from producers.simulator.dirt_fields import SPOILERS
from producers.simulator.dossier import Dossier
from producers.simulator.ledger import Planned, Record
from producers.simulator.model_tables import CONTRACTS, LIFECYCLES, LIVE, MAY_SEND
from producers.simulator.numbers import house_code, slot_of
from producers.simulator.town import Happen, Town

Kind = Callable[[Town, Happen], Iterable[Planned] | None]

TOO_LARGE_BYTES = 300_000


def right(happen: Happen) -> Planned:
    """The record as it should be."""
    return happen.dossier.event(happen.event_type, happen.changes)


def _spoiled(kind: str) -> Kind:
    def make(town: Town, happen: Happen) -> Iterable[Planned] | None:
        spoiled = SPOILERS[kind](town, happen)
        if spoiled is None:
            return None
        wrong = happen.dossier.stray(kind, happen.event_type, {**happen.changes, **spoiled})
        return wrong, right(happen)

    return make


def _again(happen: Happen, kind: str, ahead: int, **changes: Any) -> Planned:
    """The same event once more after the right one, with a version that is ``ahead`` of it, which it does not use up."""
    return happen.dossier.stray(kind, happen.event_type, changes, happen.dossier.version + ahead)


# --- versions and event ids -----------------------------------------------------------------------------------------


def _duplicate(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, sent._replace(dirt="duplicate")


def _event_id_reused(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, _again(happen, "event_id_reused", 1, event_id=happen.dossier.state.record["event_id"])


def _stale(_town: Town, happen: Happen) -> Iterable[Planned]:
    return right(happen), _again(happen, "stale", 0)


def _version_gap(_town: Town, happen: Happen) -> Iterable[Planned]:
    return right(happen), _again(happen, "version_gap", 2)


# --- bytes ----------------------------------------------------------------------------------------------------------


def _bytes(kind: str, spoil: Callable[[Town, bytes], bytes], *, framed: bool) -> Kind:
    def make(town: Town, happen: Happen) -> Iterable[Planned]:
        sent = right(happen)
        fresh = _again(happen, kind, 1)
        wrong = fresh._replace(body=spoil(town, fresh.body or b""), record=None, facts=None)
        return sent, wrong if framed else wrong._replace(schema=None)

    return make


def _random_bytes(town: Town, _body: bytes) -> bytes:
    return bytes((town.rng.randrange(1, 256),)) + town.rng.randbytes(town.rng.randrange(4, 400))


def _unknown_schema_id(town: Town, body: bytes) -> bytes:
    return b"\x00\x7f\xff" + town.rng.randbytes(2) + body


def _tombstone(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, sent._replace(schema=None, body=None, record=None, facts=None, dirt="tombstone")


def _too_large(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    fresh = _again(happen, "too_large", 1, group_id="长" * (TOO_LARGE_BYTES // 3))
    return sent, fresh._replace(record=None, facts=None)


def _wrong_subject(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    fresh = _again(happen, "wrong_subject", 1)
    return sent, fresh._replace(schema="decision", record=None, facts=None)


# --- places ---------------------------------------------------------------------------------------------------------


def _wrong_partition(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if town.slots < 2:
        return None
    sent = right(happen)
    slot = slot_of(happen.dossier.key, town.slots)
    fresh = _again(happen, "wrong_partition", 1)
    return sent, fresh._replace(partition=(slot + town.rng.randrange(1, town.slots)) % town.slots)


def _wrong_key(_town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    return sent, _again(happen, "wrong_key", 1)._replace(key=b"K" + happen.dossier.key)


def _bad_envelope(town: Town, happen: Happen) -> Iterable[Planned]:
    sent = right(happen)
    event_id = f"no-uuid-{town.rng.getrandbits(64)}" if town.chance(0.5) else sent.record["event_id"].upper() if sent.record else ""
    return sent, _again(happen, "bad_envelope", 1, event_id=event_id)


# --- who sends what -------------------------------------------------------------------------------------------------


def _source_mismatch(_town: Town, happen: Happen) -> Iterable[Planned]:
    other = "tax" if happen.dossier.principal != "tax" else "court"
    return right(happen), _again(happen, "source_mismatch", 1, source=other)


def _not_permitted(town: Town, happen: Happen) -> Iterable[Planned] | None:
    barred = [name for name, subjects in MAY_SEND.items() if happen.dossier.subject not in subjects]
    if not barred:
        return None
    sent = right(happen)
    return sent, happen.dossier.foreign("not_permitted", town.rng.choice(barred), happen.event_type, {})


def _foreign_entity(town: Town, happen: Happen) -> Iterable[Planned] | None:
    own = happen.dossier.principal
    others = [name for name, subjects in MAY_SEND.items() if happen.dossier.subject in subjects and name != own]
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
            return right(happen), _again(happen, "unit_changed", 1, house_code=other.house_code)
    return None


# --- steps and rules ------------------------------------------------------------------------------------------------


def _illegal_transition(town: Town, happen: Happen) -> Iterable[Planned] | None:
    dossier = happen.dossier
    sent = right(happen)
    illegal = [name for name, (before, _) in LIFECYCLES[dossier.subject].items() if dossier.status not in before]
    event_type = town.rng.choice(illegal)
    # What a filing sets must be there, or the fields are refused before the step is looked at.
    is_unfiled = dossier.subject in CONTRACTS and dossier.state.record.get("filing_no") is None
    changes = town.contracts.filing(town.clock.now()) if is_unfiled else {}
    return sent, dossier.stray("illegal_transition", event_type, changes)


_OTHER_STATUS = {"DRAFTED": "SIGNED", "SIGNED": "DRAFT", "FILED": "AMENDED", "AMENDED": "FILED", "VOIDED": "DRAFT"}


def _status_mismatch(_town: Town, happen: Happen) -> Iterable[Planned] | None:
    if happen.dossier.subject not in CONTRACTS:
        return None
    other = _OTHER_STATUS.get(happen.event_type, "AMENDED")
    wrong = happen.dossier.stray("status_mismatch", happen.event_type, {**happen.changes, "contract_status": other})
    return wrong, right(happen)


def _filing_no_changed(_town: Town, happen: Happen) -> Iterable[Planned] | None:
    filing_no = happen.dossier.state.record.get("filing_no")
    if filing_no is None:
        return None
    wrong = happen.dossier.stray("filing_no_changed", happen.event_type, {**happen.changes, "filing_no": f"{filing_no}改"})
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
    return sent, _second_contract(town, happen.dossier, {"house_code": nowhere}).stray("unknown_unit", "SIGNED", {})


def _bad_house_code(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if happen.dossier.subject not in CONTRACTS:
        return None
    sent = right(happen)
    good = happen.dossier.state.record["house_code"]
    bad = good[:-1] + str((int(good[-1]) + town.rng.randrange(1, 10)) % 10)
    # A contract of its own: were it mended under the same number, the entity would have changed its house.
    return sent, _second_contract(town, happen.dossier, {"house_code": bad}).stray("bad_house_code", "SIGNED", {})


def _second_contract(town: Town, like: Dossier, changes: Record) -> Dossier:
    number = town.contracts.number("X")
    fresh = {"entity_id": number, "contract_no": number, "filing_no": None, "filed_at": None, "cancelled_at": None}
    return town.dossier(like.principal, like.subject, like.state.record | fresh | changes)


def _uscc_check(_town: Town, happen: Happen) -> Iterable[Planned] | None:
    # Only an event that ends its contract: every later one would carry the code too, and be warned about.
    if happen.dossier.subject not in CONTRACTS or happen.event_type not in ("CANCELLED", "COMPLETED", "REVOKED"):
        return None
    agency = {"agency_name": "商丘某房产经纪有限公司", "agency_uscc": "91350211M0000XUF46"}
    return (happen.dossier.event(happen.event_type, {**happen.changes, **agency})._replace(dirt="uscc_check"),)


KINDS: dict[str, Kind] = {
    **{name: _spoiled(name) for name in SPOILERS},
    "duplicate": _duplicate,
    "event_id_reused": _event_id_reused,
    "stale": _stale,
    "version_gap": _version_gap,
    "bad_magic": _bytes("bad_magic", _random_bytes, framed=False),
    "unknown_schema": _bytes("unknown_schema", _unknown_schema_id, framed=False),
    "truncated": _bytes("truncated", lambda _, body: body[: len(body) // 2], framed=True),
    "trailing_bytes": _bytes("trailing_bytes", lambda _, body: body + b"\x00\x02", framed=True),
    "tombstone": _tombstone,
    "too_large": _too_large,
    "wrong_subject": _wrong_subject,
    "wrong_partition": _wrong_partition,
    "wrong_key": _wrong_key,
    "bad_envelope": _bad_envelope,
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
