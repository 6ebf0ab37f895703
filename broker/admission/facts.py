"""Facts: what an entity of one slot tells the decisions of all others, and which of them a record needs.

A fact is found by its kind and key:

==============  =====================================  ==================================================
kind            key                                    written by
==============  =====================================  ==================================================
``listing``     the party's ``party_ref``              a listing that stands; details list_type, expires_on, case_no
``listed``      the listing's entity id                the same listing
``alias``       one ``party_ref`` of two               an alias of parties; detail others, by comma
``buyer``       a buyer's ``party_ref``                a live sale
``permit``      the presale permit's number            an active project; details valid_from, valid_until
``contract``    the contract's number                  a contract, from its first acceptance
``realty_unit`` the realty unit's number               an active unit
``held``        ``contract:…`` or ``realty_unit:…``    a seizure that is held and has no house
``clash``       the entity id of a listing             an open conflict of which it is a side
``noticed``     a refused contract (``noticed_key``)   a notice of its refusal
==============  =====================================  ==================================================

*Names* are what advisory locks are taken on (``party:…``, ``permit:…``, ``contract:…``, ``realty_unit:…``,
``listing:…``). Whoever decides on a fact holds its name shared, whoever changes what others decide on holds it
exclusively; so of a filing and a listing that meet, one sees the other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.admission.model import CONTRACTS, STANDING, Body, Candidate, Emission, EntityKey, Fact

Lookup = tuple[str, str]

NOTICED = frozenset({"sale", "mortgage"})
"""Subjects whose refusals may concern a court."""


def facts_of(emission: Emission) -> frozenset[Fact]:
    """What this revision of an entity tells others; it replaces all that the entity told before."""
    subject = emission.key.subject
    teller = _TELLERS.get(subject)
    return frozenset(teller(emission)) if teller else frozenset()


def buyers(body: Body) -> Iterator[str]:
    """The references of a sale's buyers."""
    return _refs(body["parties"], {"BUYER"})


def parties(body: Body) -> list[str]:
    """The references of all parties, each once."""
    return sorted(set(_refs(body["parties"])))


def _refs(parties: Iterable[Mapping[str, Any]], roles: set[str] | None = None) -> Iterator[str]:
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
    for ref in _refs(body["parties"]):
        details = {"list_type": body["list_type"], "expires_on": expires, "case_no": body["case_no"]}
        yield _fact(emission, "listing", ref, **details)
    yield _fact(emission, "listed", emission.key.entity_id, list_type=body["list_type"], expires_on=expires)


def _of_alias(emission: Emission) -> Iterator[Fact]:
    refs = sorted(set(_refs(emission.body["parties"])))
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
        for ref in set(buyers(emission.body)):
            yield _fact(emission, "buyer", ref)


def _of_unit(emission: Emission) -> Iterator[Fact]:
    if emission.status == "ACTIVE" and emission.body["realty_unit_no"]:
        yield _fact(emission, "realty_unit", emission.body["realty_unit_no"])


def _of_seizure(emission: Emission) -> Iterator[Fact]:
    target = target_of(emission.body)
    if emission.status == "HELD" and target is not None:
        yield _fact(emission, "held", target)


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


# -- what a candidate needs --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Needs:
    """What deciding some candidates takes: facts to read, and names to lock (True: exclusively)."""

    reads: set[Lookup] = field(default_factory=set)
    locks: dict[str, bool] = field(default_factory=dict)

    def read(self, *lookups: Lookup) -> None:
        self.reads.update(lookups)

    def lock(self, name: str, *, exclusive: bool) -> None:
        self.locks[name] = self.locks.get(name, False) or exclusive


Aliases = Mapping[str, frozenset[str]]
"""For each party reference, all references of the same party, its own included."""


def parties_of(candidate: Candidate) -> frozenset[str]:
    """The references whose aliases must be known before a candidate's needs are."""
    if candidate.subject == "sale":
        return frozenset(buyers(candidate.body))
    if candidate.subject in ("defaulter", "alias"):
        return frozenset(_refs(candidate.body["parties"]))
    return frozenset()


def needs_of(candidates: Iterable[Candidate], aliases: Aliases, told: Iterable[Fact]) -> Needs:
    """What deciding these candidates takes. ``told`` is what their entities tell now, which they may take back."""
    needs = Needs()
    for candidate in candidates:
        need = _NEEDS.get(candidate.subject)
        if need:
            need(needs, candidate, aliases)
    for fact in told:
        _told(needs, fact, aliases)
    return needs


def _of_party(needs: Needs, ref: str, aliases: Aliases, *, exclusive: bool) -> None:
    for same in aliases.get(ref, frozenset({ref})):
        needs.lock(f"party:{same}", exclusive=exclusive)
        needs.read(("alias", same), ("listing", same))
        if exclusive:
            needs.read(("buyer", same))


def _sale_needs(needs: Needs, candidate: Candidate, aliases: Aliases) -> None:
    _contract_needs(needs, candidate, aliases)
    for ref in buyers(candidate.body):
        _of_party(needs, ref, aliases, exclusive=False)
    permit = candidate.body["presale_permit_no"]
    if permit:
        needs.lock(f"permit:{permit}", exclusive=False)
        needs.read(("permit", permit))


def _contract_needs(needs: Needs, candidate: Candidate, _aliases: Aliases) -> None:
    target = f"contract:{candidate.body['contract_no']}"
    needs.lock(target, exclusive=False)
    needs.read(("held", target))
    if candidate.subject in NOTICED:
        needs.read(("noticed", noticed_key(candidate.key)))


def _unit_needs(needs: Needs, candidate: Candidate, _aliases: Aliases) -> None:
    if candidate.body["realty_unit_no"]:
        target = f"realty_unit:{candidate.body['realty_unit_no']}"
        needs.lock(target, exclusive=False)
        needs.read(("held", target))


def _listing_needs(needs: Needs, candidate: Candidate, aliases: Aliases) -> None:
    needs.lock(f"listing:{candidate.key.entity_id}", exclusive=True)
    needs.read(("clash", candidate.key.entity_id))
    _alias_needs(needs, candidate, aliases)


def _alias_needs(needs: Needs, candidate: Candidate, aliases: Aliases) -> None:
    for ref in _refs(candidate.body["parties"]):
        _of_party(needs, ref, aliases, exclusive=True)


def _project_needs(needs: Needs, candidate: Candidate, _aliases: Aliases) -> None:
    for permit in candidate.body["presale_permits"]:
        needs.lock(f"permit:{permit['presale_permit_no']}", exclusive=True)


def _seizure_needs(needs: Needs, candidate: Candidate, _aliases: Aliases) -> None:
    target = target_of(candidate.body)
    if target is not None:
        kind, _, key = target.partition(":")
        needs.lock(target, exclusive=True)
        needs.read((kind, key))


def _conflict_needs(needs: Needs, candidate: Candidate, _aliases: Aliases) -> None:
    for side in candidate.body["sides"]:
        if side["subject"] == "defaulter":
            needs.lock(f"listing:{side['entity_id']}", exclusive=False)
            needs.read(("listed", side["entity_id"]))


def _told(needs: Needs, fact: Fact, aliases: Aliases) -> None:
    """An entity takes back what it told, as when a listing's party is mended: that too must be locked."""
    if fact.kind in ("listing", "alias"):
        _of_party(needs, fact.key, aliases, exclusive=True)
    elif fact.kind == "permit":
        needs.lock(f"permit:{fact.key}", exclusive=True)
    elif fact.kind == "held":
        needs.lock(fact.key, exclusive=True)


_NEEDS = {
    "sale": _sale_needs,
    "lease": _contract_needs,
    "mortgage": _contract_needs,
    "unit": _unit_needs,
    "defaulter": _listing_needs,
    "alias": _alias_needs,
    "project": _project_needs,
    "seizure": _seizure_needs,
    "conflict": _conflict_needs,
}

TAKES_BACK = frozenset({"defaulter", "alias", "project", "seizure"})
"""Subjects whose earlier facts must be known before their needs are. Contracts and units tell nothing that others must
not miss the end of: a listing that still sees an ending sale asks its house, which knows better."""

HELD_TARGETS = frozenset({*CONTRACTS, "unit"})
"""Subjects by whose acceptance a held seizure may find its house."""
