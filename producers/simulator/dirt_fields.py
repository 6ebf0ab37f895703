"""Records that are wrong in themselves: one field each, and the change that spoils it.

Each spoiler takes the town and the happening and gives the fields to set, or None where the subject has no such field.
A spoiled field must give one reason code and no other, since the model expects exactly that.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from producers.simulator.ledger import Record
from producers.simulator.parties import clear
from producers.simulator.town import Happen, Town

Spoil = Callable[[Town, Happen], Record | None]

_AMOUNTS = {"sale": "total_price", "lease": "rent_amount", "mortgage": "secured_principal"}
_ORDERED = {
    "lease": ("lease_start", "lease_end"),
    "mortgage": ("debt_start", "debt_end"),
    "seizure": ("start_date", "end_date"),
}
_PARTY_LISTS = {
    "sale": "parties",
    "lease": "parties",
    "mortgage": "parties",
    "title": "holders",
    "household": "members",
}
_CITIZEN_CARD = "1"
_WITH_CHECK = 18
"""Length of a citizen's number that has a check character."""


def _after(happen: Happen, name: str) -> Any:
    return happen.changes.get(name, happen.dossier.state.record.get(name))


def _has(happen: Happen, name: str) -> bool:
    return bool(_after(happen, name))


def _bad_citizen_id(_town: Town, happen: Happen) -> Record | None:
    name = _PARTY_LISTS.get(happen.dossier.subject)
    people = (
        [at for at, party in enumerate(_after(happen, name) or ()) if _has_check_character(party)]
        if name
        else []
    )
    if not name or not people:
        return None
    parties = list(_after(happen, name))
    number = parties[people[0]]["id_no"]["ciphertext"].decode()
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    parties[people[0]] = {**parties[people[0]], "id_no": clear(wrong)}
    return {name: parties}


def _has_check_character(party: Record) -> bool:
    return party["id_type"] == _CITIZEN_CARD and len(party["id_no"]["ciphertext"]) == _WITH_CHECK


def _bad_realty_unit_no(_town: Town, happen: Happen) -> Record | None:
    if not _has(happen, "realty_unit_no"):
        return None
    right: str = _after(happen, "realty_unit_no")
    return {"realty_unit_no": right[:12] + "XB" + right[14:]}


def _bad_case_no(_town: Town, happen: Happen) -> Record | None:
    return (
        {"case_no": "2021豫1402执第88号"}
        if _has(happen, "case_no") and happen.dossier.subject != "household"
        else None
    )


def _unknown_code(_town: Town, happen: Happen) -> Record | None:
    return {"planned_use_code": "99"} if _has(happen, "planned_use_code") else None


def _too_long(_town: Town, happen: Happen) -> Record | None:
    return {"address": "长" * 301} if type(_after(happen, "address")) is str else None


def _empty_core_field(_town: Town, happen: Happen) -> Record | None:
    return {"address": ""} if happen.dossier.subject in ("unit", "sale", "lease", "mortgage") else None


def _nul_character(_town: Town, happen: Happen) -> Record | None:
    return {"address": f"{_after(happen, 'address')}\x00"} if type(_after(happen, "address")) is str else None


def _bad_area(_town: Town, happen: Happen) -> Record | None:
    return {"gross_area": Decimal("1.00")} if _has(happen, "inner_area") else None


def _bad_amount(_town: Town, happen: Happen) -> Record | None:
    name = _AMOUNTS.get(happen.dossier.subject)
    return {name: Decimal("-1.00")} if name else None


def _bad_date_order(_town: Town, happen: Happen) -> Record | None:
    names = _ORDERED.get(happen.dossier.subject)
    if not names or not _has(happen, names[0]):
        return None
    return {names[1]: _after(happen, names[0]) - timedelta(days=1)}


def _bad_party(town: Town, happen: Happen) -> Record | None:
    if happen.dossier.subject != "sale":
        return None
    sellers = [party for party in _after(happen, "parties") if party["role"] == "SELLER"]
    return {"parties": [*sellers, town.book.of("AGENT", town.people.company())]}


def _bad_share(_town: Town, happen: Happen) -> Record | None:
    if happen.dossier.subject != "sale":
        return None
    parties = [dict(party) for party in _after(happen, "parties")]
    buyers = [party for party in parties if party["role"] == "BUYER"]
    for buyer in buyers:
        buyer |= {"co_ownership_code": "2", "share": Decimal("0.700000"), "share_text": None}
    return {"parties": parties}


def _bad_time(town: Town, _happen: Happen) -> Record | None:
    return {"occurred_at": datetime(2099, 1, 1, tzinfo=UTC) + timedelta(seconds=town.rng.randrange(10**6))}


SPOILERS: dict[str, Spoil] = {
    "bad_citizen_id": _bad_citizen_id,
    "bad_realty_unit_no": _bad_realty_unit_no,
    "bad_case_no": _bad_case_no,
    "unknown_code": _unknown_code,
    "too_long": _too_long,
    "empty_core_field": _empty_core_field,
    "nul_character": _nul_character,
    "bad_area": _bad_area,
    "bad_amount": _bad_amount,
    "bad_date_order": _bad_date_order,
    "bad_party": _bad_party,
    "bad_share": _bad_share,
    "bad_time": _bad_time,
}
