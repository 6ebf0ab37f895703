"""The stages before the law: who says it, which version, and whether the step is due (domain page 2.5)."""

from collections.abc import Mapping

from tests.machine.model.state import QUEUED, Body, Thing

Steps = Mapping[str, tuple[tuple[str, ...], str]]

_CONTRACT: Steps = {
    "DRAFTED": (("NONE",), "DRAFT"),
    "SIGNED": (("NONE", "DRAFT"), "SIGNED"),
    "FILED": (("SIGNED",), "FILED"),
    "AMENDED": (("FILED", "AMENDED"), "AMENDED"),
    "CANCELLED": (("FILED", "AMENDED"), "CANCELLED"),
    "REVOKED": (("FILED", "AMENDED"), "REVOKED"),
    "VOIDED": (("DRAFT", "SIGNED"), "VOIDED"),
}


def _kept(first: str, last: str, standing: str, ended: str) -> Steps:
    return {
        first: (("NONE",), standing),
        "CHANGED": ((standing,), standing),
        last: ((standing,), ended),
    }


STEPS: Mapping[str, Steps] = {
    "sale": {**_CONTRACT, "COMPLETED": (("FILED", "AMENDED"), "COMPLETED")},
    "lease": _CONTRACT,
    "mortgage": _CONTRACT,
    "unit": _kept("REGISTERED", "WITHDRAWN", "ACTIVE", "WITHDRAWN"),
    "project": _kept("REGISTERED", "WITHDRAWN", "ACTIVE", "WITHDRAWN"),
    "title": _kept("REGISTERED", "CANCELLED", "ACTIVE", "CANCELLED"),
    "feedback": _kept("REPORTED", "WITHDRAWN", "ACTIVE", "WITHDRAWN"),
    "watch": _kept("OPENED", "CLOSED", "OPEN", "CLOSED"),
    "household": _kept("RECORDED", "WITHDRAWN", "ACTIVE", "WITHDRAWN"),
    "alias": {"LINKED": (("NONE",), "LINKED"), "UNLINKED": (("LINKED",), "UNLINKED")},
    "seizure": {
        "SEIZED": (("NONE",), "?"),
        "CHANGED": (("HELD", *QUEUED), "?"),
        "RENEWED": (("EFFECTIVE",), "EFFECTIVE"),
        "RELEASED": (("HELD", *QUEUED), "RELEASED"),
    },
    "defaulter": {
        "LISTED": (("NONE",), "LISTED"),
        "CHANGED": (("LISTED",), "LISTED"),
        # A court may still take somebody off whose term has run out.
        "REMOVED": (("LISTED", "EXPIRED"), "REMOVED"),
    },
}


SENDS: Mapping[str, frozenset[str]] = {
    "bureau": frozenset({"project", "unit", "sale", "lease", "mortgage", "alias", "feedback"}),
    "court": frozenset({"seizure", "defaulter", "watch", "alias", "feedback"}),
    "fund": frozenset({"mortgage", "feedback"}),
    "bank.icbc": frozenset({"mortgage", "feedback"}),
    "bank.ccb": frozenset({"mortgage", "feedback"}),
    "tax": frozenset({"feedback"}),
    "police": frozenset({"feedback", "household", "alias"}),
    "registry": frozenset({"title", "feedback"}),
    "civil": frozenset({"household", "feedback"}),
}
"""Who may send what (建房〔2020〕61号: each department its own)."""


def misplaced(thing: Thing, body: Body) -> str | None:
    """An entity belongs to one house for ever; a seizure of something else, from when its house is known."""
    house = body.get("house_code")
    if thing.house is None:
        return "STILL_HELD" if house is not None else None
    if house == thing.house:
        return None
    return "REKEY" if house is None else "UNIT_CHANGED"


def identity(principal: str, subject: str, thing: Thing | None, body: Body) -> str | None:
    if body["source"] != principal:
        return "SOURCE_MISMATCH"
    if subject not in SENDS[principal]:
        return "EVENT_NOT_PERMITTED"
    if thing is None:
        return None
    return "FOREIGN_ENTITY" if thing.source != principal else misplaced(thing, body)


def version(thing: Thing | None, body: Body) -> str | None:
    highest = thing.highest if thing else 0
    if body["version"] <= highest:
        return "STALE"
    if body["version"] > highest + 1 and not (body["baseline"] and not highest):
        return "VERSION_GAP"
    return None


def fields(subject: str, body: Body) -> str | None:
    """Of what a record must hold, only this is ever missing in a history."""
    named = (
        [body[name] for name in ("house_code", "contract_no", "realty_unit_no")]
        if subject == "seizure"
        else [1]
    )
    return None if any(named) else "EMPTY_CORE_FIELD"


def step(subject: str, thing: Thing | None, body: Body) -> str | None:
    status = (thing and thing.status) or "NONE"
    allowed = STEPS[subject][body["event_type"]][0]
    if status not in allowed and not (body["baseline"] and status == "NONE"):
        return "ILLEGAL_TRANSITION"
    if subject in ("sale", "lease", "mortgage"):
        if body["contract_status"] != STEPS[subject][body["event_type"]][1]:
            return "STATUS_MISMATCH"
        filed_as = thing.body.get("filing_no") if thing else None
        if filed_as is not None and body["filing_no"] != filed_as:
            return "FILING_NO_CHANGED"
    return None
