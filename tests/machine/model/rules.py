"""The law at the gate (domain page 2.5, 3.4; 建房〔2020〕61号 六): codes with their severities."""

from collections.abc import Iterator
from datetime import date

from tests.machine.model.state import CHINA, LIVE, Body, State, Thing, people, same_people, years_after

ENDINGS = ("CANCELLED", "REVOKED", "VOIDED", "COMPLETED")
BLOCKING_LISTS = ("DEFAULTER",)


def objections(state: State, subject: str, body: Body, before: Thing | None) -> set[tuple[str, str]]:
    """What the law holds against a record. Stock data are only warned of."""
    found = set()
    if subject in ("sale", "lease", "mortgage"):
        found |= set(_contract(state, subject, body))
    if subject == "sale":
        found |= set(_sale(state, body, before))
    return {(code, "WARN" if body["baseline"] else severity) for code, severity in found}


def _contract(state: State, subject: str, body: Body) -> Iterator[tuple[str, str]]:
    house, event_type = body["house_code"], body["event_type"]
    unit = state.get("unit", house)
    if event_type not in ENDINGS and (unit is None or unit.status != "ACTIVE"):
        yield "UNIT_UNKNOWN", "REFUSE"
    if event_type not in LIVE:
        return
    if subject != "lease" and any(s.status == "EFFECTIVE" for s in state.on(house, "seizure")):
        yield "UNIT_SEIZED", "REFUSE"
    if subject == "lease" and body["lease_end"] > years_after(body["lease_start"], 20):
        yield "LEASE_TOO_LONG", "REFUSE"
    if subject == "mortgage":
        others = [m for m in state.on(house, "mortgage") if m.key[1] != body["entity_id"]]
        if any(m.body["rank"] == body["rank"] for m in others):
            yield "MORTGAGE_RANK_TAKEN", "REFUSE"
        secured = sum(m.body["secured_principal"] for m in others) + body["secured_principal"]
        if body["appraisal_price"] is not None and secured > body["appraisal_price"]:
            yield "MORTGAGE_OVER_VALUE", "WARN"


def _sale(state: State, body: Body, before: Thing | None) -> Iterator[tuple[str, str]]:
    event_type = body["event_type"]
    if event_type in LIVE and [
        s for s in state.on(body["house_code"], "sale") if s.key[1] != body["entity_id"]
    ]:
        yield "UNIT_ALREADY_SOLD", "REFUSE"
    if event_type in LIVE:
        judged = people(body, "BUYER")
        if event_type == "AMENDED" and before and before.body:
            judged -= people(before.body, "BUYER")
        if any(listings(state, person) for person in judged):
            yield "LISTED_BUYER", "REFUSE"
    if event_type in ("SIGNED", "FILED") and body["contract_kind"] == "11" and not _permitted(state, body):
        yield "NO_PRESALE_PERMIT", "REFUSE"
    if event_type in ("AMENDED", "CANCELLED"):
        yield from _encumbrances(state, body)


def listings(state: State, person: tuple[str, str]) -> list[Thing]:
    """The listings that keep a person from buying: of any of his documents, on a list that blocks, not over yet."""
    same = same_people(state, person)
    return [t for t in state.all("defaulter") if blocks(t, state.today) and people(t.body) & same]


def blocks(listing: Thing, today: date) -> bool:
    """Whether a listing keeps its party from buying: on a list that blocks, neither taken off nor run out."""
    return (
        listing.status == "LISTED"
        and listing.body["list_type"] in BLOCKING_LISTS
        and not _over(listing.body["expires_on"], today)
    )


def _over(last_day: date | None, today: date) -> bool:
    return last_day is not None and last_day < today


def _permitted(state: State, body: Body) -> bool:
    signed = body["signed_at"].astimezone(CHINA).date()
    return any(
        permit["presale_permit_no"] == body["presale_permit_no"]
        and permit["valid_from"] <= signed
        and not _over(permit["valid_until"], signed)
        for project in state.all("project")
        if project.status == "ACTIVE"
        for permit in project.body["presale_permits"]
    )


def _encumbrances(state: State, body: Body) -> Iterator[tuple[str, str]]:
    """A pre-notice or mortgage of this very contract must be cleared first."""
    number = body["contract_no"]
    notices = [t for t in state.on(body["house_code"], "title") if t.body["title_kind"] == "PRE_NOTICE"]
    if any(t.body["sale_contract_no"] == number for t in notices):
        yield "CHANGE_UNDER_NOTICE", "REFUSE"
    if any(m.body["sale_contract_no"] == number for m in state.on(body["house_code"], "mortgage")):
        yield "CHANGE_UNDER_MORTGAGE", "REFUSE"
