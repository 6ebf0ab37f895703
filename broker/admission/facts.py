"""Facts: what an entity of one slot tells the decisions of all others. Which of them a record needs: see ``needs``.

A fact is found by its kind and key:

==============  =====================================  ==================================================
kind            key                                    written by
==============  =====================================  ==================================================
``listing``     the party's ``party_ref``              a listing that stands; details list_type, expires_on, case_no
``listed``      the listing's entity id                the same listing
``alias``       one ``party_ref`` of two               an alias of parties; detail others, by comma
``buyer``       a buyer's ``party_ref``                a live sale; detail signed_on
``ended``       a house's code                         a sale that ended unfulfilled; details price, day, buyers
``party``       any other party's ``party_ref``        a live contract, a seizure that stands, an active title
``permit``      the presale permit's number            an active project; details valid_from, valid_until
``contract``    the contract's number                  a contract, from its first acceptance
``realty_unit`` the realty unit's number               an active unit
``held``        ``contract:…`` or ``realty_unit:…``    a seizure that is held and has no house
``clash``       the entity id of a listing             an open conflict of which it is a side
``watched_…``   a house's code (``watched_house``),    an open watch; details expires_on and what a request needs
                a ``party_ref`` (``watched_party``)
``noticed``     a refused contract (``noticed_key``)   a notice of its refusal
==============  =====================================  ==================================================
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from broker.admission.model import STANDING, Body, Emission, EntityKey, Fact
from schemas.dates import day_in_china

Lookup = tuple[str, str]

WATCHED: Mapping[str, str | None] = {
    "unit": None,
    "sale": "parties",
    "lease": "parties",
    "mortgage": "parties",
    "title": "holders",
    "seizure": "debtors",
}
"""Subjects whose changes are told to watches, with the field that names whom they concern."""

UNFULFILLED = frozenset({"CANCELLED", "REVOKED", "VOIDED"})
"""How a sale ends without its house changing hands."""

UNCONCERNED = frozenset({"MORTGAGEE", "AGENT"})
"""Roles of those whom a contract passes through their hands and not their homes: no watch on them is told of it."""

NOTICED = frozenset({"sale", "mortgage"})
"""Subjects whose refusals may concern a court."""


def facts_of(emission: Emission) -> frozenset[Fact]:
    """What this revision of an entity tells others; it replaces all that the entity told before."""
    subject = emission.key.subject
    teller = _TELLERS.get(subject)
    return frozenset(teller(emission)) if teller else frozenset()


def buyers(body: Body) -> Iterator[str]:
    """The references of a sale's buyers."""
    return refs_of(body["parties"], {"BUYER"})


def parties(body: Body) -> list[str]:
    """The references of all parties, each once."""
    return sorted(set(refs_of(body["parties"])))


def concerned(subject: str, body: Body) -> list[str]:
    """The references of those whose rights a contract, title or seizure is about, each once."""
    field = WATCHED.get(subject)
    named = body[field] if field else ()
    return sorted({party["party_ref"] for party in named if party["role"] not in UNCONCERNED} - {None})


def refs_of(parties: Iterable[Mapping[str, Any]], roles: set[str] | None = None) -> Iterator[str]:
    for party in parties:
        if party["party_ref"] and (roles is None or party["role"] in roles):
            yield party["party_ref"]


def _fact(emission: Emission, kind: str, key: str, **details: str | None) -> Fact:
    subject, entity_id = emission.key
    named = tuple(sorted(details.items()))
    return Fact(kind, key, subject, entity_id, emission.revision, emission.house_code, named)


def _of_defaulter(emission: Emission) -> Iterator[Fact]:
    body = emission.body
    if emission.status != "LISTED":
        return
    expires = body["expires_on"].isoformat() if body["expires_on"] else None
    for ref in refs_of(body["parties"]):
        details = {"list_type": body["list_type"], "expires_on": expires, "case_no": body["case_no"]}
        yield _fact(emission, "listing", ref, **details)
    yield _fact(emission, "listed", emission.key.entity_id, list_type=body["list_type"], expires_on=expires)


def _of_alias(emission: Emission) -> Iterator[Fact]:
    refs = sorted(set(refs_of(emission.body["parties"])))
    if emission.status == "LINKED":
        for one in refs:
            yield _fact(emission, "alias", one, others=",".join(ref for ref in refs if ref != one))


def _of_project(emission: Emission) -> Iterator[Fact]:
    if emission.status == "ACTIVE":
        for permit in emission.body["presale_permits"]:
            until = permit["valid_until"].isoformat() if permit["valid_until"] else None
            begins = permit["valid_from"].isoformat() if permit["valid_from"] else None
            yield _fact(emission, "permit", permit["presale_permit_no"], valid_from=begins, valid_until=until)


def _of_contract(emission: Emission) -> Iterator[Fact]:
    yield _fact(emission, "contract", emission.body["contract_no"])
    if emission.key.subject == "sale" and emission.status in STANDING["sale"]:
        signed_on = day_in_china(emission.body["signed_at"]).isoformat()
        for ref in set(buyers(emission.body)):
            yield _fact(emission, "buyer", ref, signed_on=signed_on)
    elif emission.key.subject == "sale" and emission.status in UNFULFILLED:
        yield _ended(emission)
    yield from _of_parties(emission)


def _ended(emission: Emission) -> Fact:
    body = emission.body
    day = day_in_china(body["cancelled_at"] or body["recorded_at"]).isoformat()
    bought = ",".join(sorted(set(buyers(body))))
    return _fact(
        emission, "ended", body["house_code"], price=str(body["total_price"]), day=day, buyers=bought
    )


def _of_parties(emission: Emission) -> Iterator[Fact]:
    """Whom something concerns that stands, but for buyers of sales, who are told as such."""
    subject = emission.key.subject
    if emission.status in STANDING[subject]:
        bought = set(buyers(emission.body)) if subject == "sale" else set()
        for ref in concerned(subject, emission.body):
            if ref not in bought:
                yield _fact(emission, "party", ref)


def _of_unit(emission: Emission) -> Iterator[Fact]:
    if emission.status == "ACTIVE" and emission.body["realty_unit_no"]:
        yield _fact(emission, "realty_unit", emission.body["realty_unit_no"])


def _of_seizure(emission: Emission) -> Iterator[Fact]:
    target = target_of(emission.body)
    if emission.status == "HELD" and target is not None:
        yield _fact(emission, "held", target)
    yield from _of_parties(emission)


def _of_watch(emission: Emission) -> Iterator[Fact]:
    body = emission.body
    if emission.status != "OPEN":
        return
    told = {name: body[name] for name in ("court_name", "case_no", "county_code")}
    days = {name: body[name].isoformat() if body[name] else None for name in ("opened_on", "expires_on")}
    if body["house_code"]:
        yield _fact(emission, "watched_house", body["house_code"], **told, **days)
    for ref in parties(body):
        yield _fact(emission, "watched_party", ref, **told, **days)


def _of_conflict(emission: Emission) -> Iterator[Fact]:
    if emission.status == "OPEN":
        for side in emission.body["sides"]:
            if side["subject"] == "defaulter":
                yield _fact(emission, "clash", side["entity_id"])


def _of_notice(emission: Emission) -> Iterator[Fact]:
    about = EntityKey(emission.body["about_subject"], emission.body["about_entity_id"])
    yield _fact(emission, "noticed", noticed_key(about))


_TELLERS = {
    "defaulter": _of_defaulter,
    "alias": _of_alias,
    "project": _of_project,
    "sale": _of_contract,
    "lease": _of_contract,
    "mortgage": _of_contract,
    "unit": _of_unit,
    "seizure": _of_seizure,
    "conflict": _of_conflict,
    "notice": _of_notice,
    "title": _of_parties,
    "watch": _of_watch,
}


def source_of(fact: Fact) -> str:
    """Facts do not tell their source: listings are the court's, contracts the bureau's."""
    return "court" if fact.subject == "defaulter" else "bureau"


def noticed_key(refused: EntityKey) -> str:
    """By what the notices of an entity's refusals are found. They are of its own slot, so no lock is needed."""
    return "/".join(refused)


def aliases_in(alias: Fact) -> list[str]:
    """The other references of the party that an ``alias`` fact stands under."""
    return [other for other in (alias.detail("others") or "").split(",") if other]


def target_of(seizure: Body) -> str | None:
    """What a seizure without a house names instead: ``contract:<number>`` or ``realty_unit:<number>``."""
    if seizure["house_code"]:
        return None
    if seizure["contract_no"]:
        return f"contract:{seizure['contract_no']}"
    return f"realty_unit:{seizure['realty_unit_no']}" if seizure["realty_unit_no"] else None
