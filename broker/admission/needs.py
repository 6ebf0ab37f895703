"""What deciding a record takes: the facts of other slots that it looks at, and the names that must be locked for them.

*Names* are what advisory locks are taken on (``party:…``, ``permit:…``, ``contract:…``, ``realty_unit:…``,
``listing:…``). Whoever decides on a fact holds its name shared, whoever changes what others decide on holds it
exclusively; so of a filing and a listing that meet, one sees the other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from broker.admission.facts import (
    NOTICED,
    WATCHED,
    Lookup,
    buyers,
    concerned,
    noticed_key,
    refs_of,
    target_of,
)
from broker.admission.model import CONTRACTS, Candidate, Fact
from schemas.catalogue import INTERNAL


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
    if candidate.subject in ("defaulter", "alias", "watch"):
        return frozenset(refs_of(candidate.body["parties"]))
    return frozenset(concerned(candidate.subject, candidate.body))


def needs_of(candidates: Iterable[Candidate], aliases: Aliases, told: Iterable[Fact]) -> Needs:
    """What deciding these candidates takes. ``told`` is what their entities tell now, which they may take back."""
    needs = Needs()
    for candidate in candidates:
        need = _NEEDS.get(candidate.subject)
        if need:
            need(needs, candidate, aliases)
        if candidate.subject in WATCHED:
            _watched_needs(needs, candidate, aliases)
    for fact in told:
        _told(needs, fact, aliases)
    return needs


def _of_party(needs: Needs, ref: str, aliases: Aliases, *, exclusive: bool) -> None:
    for same in aliases.get(ref, frozenset({ref})):
        needs.lock(f"party:{same}", exclusive=exclusive)
        needs.read(("alias", same), ("listing", same))
        if exclusive:
            needs.read(("buyer", same))


def _watched_needs(needs: Needs, candidate: Candidate, aliases: Aliases) -> None:
    if candidate.house_code:
        needs.read(("watched_house", candidate.house_code))
    for ref in concerned(candidate.subject, candidate.body):
        _watchers(needs, ref, aliases)


def _watchers(needs: Needs, ref: str, aliases: Aliases) -> None:
    """Who watches a party. A watch that opens meanwhile waits for us, and finds what we have told."""
    for same in aliases.get(ref, frozenset({ref})):
        needs.lock(f"party:{same}", exclusive=False)
        needs.read(("alias", same), ("watched_party", same))


def _watch_needs(needs: Needs, candidate: Candidate, aliases: Aliases) -> None:
    for ref in refs_of(candidate.body["parties"]):
        _watchers(needs, ref, aliases)
        if candidate.principal != INTERNAL:
            _told_of(needs, ref, aliases)


def _told_of(needs: Needs, ref: str, aliases: Aliases) -> None:
    """All that stands of a party, none of which comes or goes meanwhile."""
    for same in aliases.get(ref, frozenset({ref})):
        needs.lock(f"party:{same}", exclusive=True)
        needs.read(("buyer", same), ("party", same))


def _sale_needs(needs: Needs, candidate: Candidate, aliases: Aliases) -> None:
    _contract_needs(needs, candidate, aliases)
    for ref in buyers(candidate.body):
        _of_party(needs, ref, aliases, exclusive=False)
    _dealings_needs(needs, candidate, buyers(candidate.body), aliases)
    permit = candidate.body["presale_permit_no"]
    if permit:
        needs.lock(f"permit:{permit}", exclusive=False)
        needs.read(("permit", permit))


def _mortgage_needs(needs: Needs, candidate: Candidate, aliases: Aliases) -> None:
    _contract_needs(needs, candidate, aliases)
    _dealings_needs(needs, candidate, concerned("mortgage", candidate.body), aliases)


def _dealings_needs(needs: Needs, candidate: Candidate, refs: Iterable[str], aliases: Aliases) -> None:
    """What a lender's desk may be told of: what these people have bought, and what of this house came to nothing."""
    needs.read(("ended", str(candidate.house_code)))
    for ref in refs:
        needs.read(*(("buyer", same) for same in aliases.get(ref, frozenset({ref}))))


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
    for ref in refs_of(candidate.body["parties"]):
        _of_party(needs, ref, aliases, exclusive=True)
        if candidate.subject == "alias":
            _watchers(needs, ref, aliases)
            _told_of(needs, ref, aliases)


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
    "mortgage": _mortgage_needs,
    "unit": _unit_needs,
    "defaulter": _listing_needs,
    "alias": _alias_needs,
    "project": _project_needs,
    "seizure": _seizure_needs,
    "conflict": _conflict_needs,
    "watch": _watch_needs,
}

TAKES_BACK = frozenset({"defaulter", "alias", "project", "seizure"})
"""Subjects whose earlier facts must be known before their needs are. Contracts and units tell nothing that others must
not miss the end of: a listing that still sees an ending sale asks its house, which knows better."""

HELD_TARGETS = frozenset({*CONTRACTS, "unit"})
"""Subjects by whose acceptance a held seizure may find its house."""
