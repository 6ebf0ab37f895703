"""What the law bars, tried all the same: sales and mortgages of seized homes, listed buyers, what lacks a permit or a rank.

Each is an attempt of its own beside the right record, under a number of its own where the real contract would be spoiled
by it. Whether it is refused is for the model to say: a seizure may have run out, a listing may have been removed.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from producers.simulator.contracts import LENDERS
from producers.simulator.dirt_basics import Kind, right
from producers.simulator.docket import Home, pick
from producers.simulator.dossier import Dossier
from producers.simulator.ledger import Planned, Record
from producers.simulator.people import Party
from producers.simulator.town import Happen, Town

_MANY_YEARS = timedelta(days=4 * 366)
_FIVE_AND_TWENTY_YEARS = timedelta(days=25 * 366)


def _attempt(happen: Happen, kind: str, attempt: Dossier, event_type: str) -> Iterable[Planned]:
    return right(happen), attempt.stray(kind, event_type, {})


def _is(happen: Happen, subject: str, *event_types: str) -> bool:
    return happen.dossier.subject == subject and happen.event_type in event_types


# --- sales -----------------------------------------------------------------------------------------------------------


def _sale(town: Town, home: Home, buyers: Sequence[Party], **changes: Any) -> Dossier:
    record = town.contracts.sale(home.unit, home.owners, tuple(buyers), town.clock.now(), None)
    return town.dossier("bureau", "sale", record | changes)


def _seized_sale(town: Town, happen: Happen) -> Iterable[Planned] | None:
    hold = pick(town.rng, town.docket.holds)
    if hold is None or not _is(happen, "sale", "SIGNED", "FILED"):
        return None
    return _attempt(happen, "seized_sale", _sale(town, hold.home, town.buyers()), "SIGNED")


def _to(kind: str, buyers_with: Any) -> Kind:
    """A home that is for sale, sold to a listed person in one way or another."""

    def make(town: Town, happen: Happen) -> Iterable[Planned] | None:
        listed = pick(town.rng, town.docket.listed)
        if listed is None or not town.for_sale or not _is(happen, "sale", "SIGNED", "FILED"):
            return None
        buyers = buyers_with(town, listed)
        if buyers is None:
            return None
        return _attempt(happen, kind, _sale(town, town.rng.choice(town.for_sale), buyers), "SIGNED")

    return make


def _as_co_buyer(town: Town, listed: Party) -> Sequence[Party] | None:
    return (*town.buyers()[:1], listed) if listed.is_person else None


def _by_alias(town: Town, listed: Party) -> Sequence[Party] | None:
    other = town.docket.aliases.get(listed.id_no)
    return None if other is None else (other,)


def _no_permit(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if not town.for_sale or not _is(happen, "sale", "SIGNED", "FILED"):
        return None
    home = town.rng.choice(town.for_sale)
    project = home.unit.project
    if not project.presold or home.owners[0].is_person:
        return None
    forged = _sale(town, home, town.buyers(), presale_permit_no=f"{project.permit_no}补")
    return _attempt(happen, "no_permit", forged, "SIGNED")


def _changed_under(kind: str, subject: str, event_type: str) -> Kind:
    """When a mortgage or a pre-notice of a sale has been filed, its parties try to change or cancel the sale."""

    def make(town: Town, happen: Happen) -> Iterable[Planned] | None:
        number = happen.dossier.state.record.get("sale_contract_no")
        deal = town.docket.deals.get(number or "")
        if deal is None or not _is(happen, subject, event_type):
            return None
        tried = "AMENDED" if town.chance(0.5) else "CANCELLED"
        changes: Record = {"decoration": "毛坯"}
        if tried == "CANCELLED":
            changes = town.contracts.ending(town.clock.now(), "双方协商解除")
        return right(happen), deal.sale.stray(kind, tried, changes)

    return make


# --- mortgages and leases --------------------------------------------------------------------------------------------


def _seized_mortgage(town: Town, happen: Happen) -> Iterable[Planned] | None:
    hold = pick(town.rng, town.docket.holds)
    if hold is None or not _is(happen, "mortgage", "SIGNED", "FILED"):
        return None
    lender, now = town.rng.choice(LENDERS), town.clock.now()
    amount = hold.home.unit.listed_price // 2
    record = town.contracts.mortgage(hold.home.unit, hold.home.owners, lender, amount, now, None, 99)
    attempt = town.dossier(lender.principal, "mortgage", record)
    return _attempt(happen, "seized_mortgage", attempt, "SIGNED")


def _like(town: Town, happen: Happen, letter: str, **changes: Any) -> Dossier:
    """Another contract like this one."""
    number = town.contracts.number(letter)
    fresh = {"entity_id": number, "contract_no": number, "filing_no": None, "filed_at": None}
    dossier = happen.dossier
    return town.dossier(dossier.principal, dossier.subject, dossier.state.record | fresh | changes)


def _rank_taken(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if not _is(happen, "mortgage", "FILED"):
        return None
    sent = right(happen)
    return sent, _like(town, happen, "M").stray("rank_taken", "SIGNED", {})


def _long_lease(town: Town, happen: Happen) -> Iterable[Planned] | None:
    if not _is(happen, "lease", "SIGNED"):
        return None
    sent = right(happen)
    end = happen.dossier.state.record["lease_start"] + _FIVE_AND_TWENTY_YEARS
    return sent, _like(town, happen, "L", lease_end=end).stray("long_lease", "SIGNED", {})


# --- seizures --------------------------------------------------------------------------------------------------------


def _another_seizure(kind: str, spoil: Any) -> Kind:
    """A notice that says what none may say."""

    def make(town: Town, happen: Happen) -> Iterable[Planned] | None:
        record = happen.dossier.state.record
        if not _is(happen, "seizure", "SEIZED") or not record["house_code"] or not record["end_date"]:
            return None
        sent = right(happen)
        number = town.contracts.number("Z")
        wrong = record | {"entity_id": number, "seizure_id": number} | spoil(record)
        return sent, town.dossier("court", "seizure", wrong).stray(kind, "SEIZED", {})

    return make


def _bad_renewal(town: Town, happen: Happen) -> Iterable[Planned] | None:
    dossier = happen.dossier
    end = dossier.state.record.get("end_date")
    if not _is(happen, "seizure", "RENEWED", "RELEASED") or not end or not dossier.state.record["house_code"]:
        return None
    years = _MANY_YEARS if town.chance(0.5) else timedelta(0)
    return dossier.stray("bad_renewal", "RENEWED", {"end_date": end + years}), right(happen)


def _rekey(_town: Town, happen: Happen) -> Iterable[Planned] | None:
    dossier = happen.dossier
    held = dossier.subject == "seizure" and dossier.state.record["house_code"] is None
    if not held or not happen.changes.get("house_code"):
        return None
    # The court goes on under its own number, though the house is known by now.
    early = dossier.stray("rekey", happen.event_type, {}, dossier.version + 1)
    return early, right(happen)


BARRED: dict[str, Kind] = {
    "seized_sale": _seized_sale,
    "listed_buyer": _to("listed_buyer", lambda _town, listed: (listed,)),
    "listed_co_buyer": _to("listed_co_buyer", _as_co_buyer),
    "listed_alias": _to("listed_alias", _by_alias),
    "no_permit": _no_permit,
    "changed_under_mortgage": _changed_under("changed_under_mortgage", "mortgage", "FILED"),
    "changed_under_notice": _changed_under("changed_under_notice", "title", "REGISTERED"),
    "seized_mortgage": _seized_mortgage,
    "rank_taken": _rank_taken,
    "long_lease": _long_lease,
    "long_seizure": _another_seizure(
        "long_seizure", lambda record: {"end_date": record["start_date"] + _MANY_YEARS}
    ),
    "renewal_notice": _another_seizure("renewal_notice", lambda _record: {"kind": "5"}),
    "bad_renewal": _bad_renewal,
    "rekey": _rekey,
}
