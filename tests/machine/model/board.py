"""The public state of a unit: its sale status, the set of its restrictions with how often each stands, and the one word
that is shown (domain page 1.5)."""

from collections import Counter
from typing import Any

from tests.machine.model.state import State, Thing

OF_SEIZURES = {"1": "SEIZED", "2": "WAIT_SEIZED", "3": "PRE_SEIZED", "4": "WAIT_SEIZED"}
OF_MORTGAGES = {"41": "MORTGAGED", "42": "PRE_MORTGAGED", "43": "PROJECT_MORTGAGED"}
SHOWN_FIRST = [
    "SEIZED",
    "PRE_SEIZED",
    "MORTGAGED",
    "PROJECT_MORTGAGED",
    "PRE_MORTGAGED",
    "PRE_NOTICE",
    "OBJECTION",
    "RESIDENCE_RIGHT",
    "LOCKED",
    "DEMOLITION",
    "POLICY_LIMITED",
    "50",
    "40",
    "30",
    "20",
    "10",
    "00",
]


def restrictions(state: State, house: str, told: list[str]) -> Counter[str]:
    """From what stands on the house; what only the bureau knows of stays as it says."""
    found = Counter(
        OF_SEIZURES[s.body["effective_kind"]] for s in state.on(house, "seizure") if s.status != "HELD"
    )
    found.update(OF_MORTGAGES[m.body["contract_kind"]] for m in state.on(house, "mortgage"))
    kinds = [title.body["title_kind"] for title in state.on(house, "title")]
    found.update(kind for kind in kinds if kind in ("PRE_NOTICE", "OBJECTION"))
    found.update("LEASED" for _ in state.on(house, "lease"))
    found.update(name for name in told if name not in found)
    return found


def sale_status(state: State, house: str, told: str | None) -> str:
    """How far its sale has come; without one, whether it has an owner; else what the bureau says."""
    statuses = {sale.status for sale in state.on(house, "sale")}
    if statuses:
        return "40" if statuses & {"FILED", "AMENDED"} else "30"
    titles = state.on(house, "title")
    if any(t.body["title_kind"] in ("TITLE", "TRANSFER_COMPLETED") for t in titles):
        return "50"
    return told or "10"


def shown(state: State, house: str, told_status: str | None, told: list[str]) -> dict[str, Any]:
    counts = restrictions(state, house, told)
    status = sale_status(state, house, told_status)
    return {
        "sale_status": status,
        "restrictions": sorted(counts),
        "counts": sorted(counts.items()),
        "public_status": next(word for word in SHOWN_FIRST if word == status or word in counts),
    }


def own_fields(state: State, body: dict[str, Any]) -> dict[str, Any]:
    """Of a unit's own revision: what the bureau says is kept beside what is shown."""
    told_status, told = body["sale_status"], body["restrictions"] or []
    return {"_status": told_status, "_told": told} | shown(state, body["house_code"], told_status, told)


def restate(state: State, house: str) -> None:
    """A new revision of the unit if its public state changed."""
    unit: Thing | None = state.get("unit", house)
    if unit is None or not unit.revision:
        return
    now = shown(state, house, unit.body["_status"], unit.body["_told"])
    if any(unit.body.get(name) != value for name, value in now.items()):
        state.do(unit, "RESTATED", **now)
