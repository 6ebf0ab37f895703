"""A listed defaulter (失信被执行人) does not buy: 建房〔2020〕61号 六, which has such filings refused automatically.

Only buyers are looked at, each of them, by all references of the same party (documents renewed or changed), never by
name. A listing blocks while it stands and its term has not ended; lists other than that of defaulters block only by an
entry of the policy. What ends a contract is never refused for its buyers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from broker.admission.draft import Draft
from broker.admission.facts import buyers
from broker.admission.model import Body, Candidate, Fact
from broker.admission.reasons import Evidence, Reason, reason

JUDGED = frozenset({"SIGNED", "FILED", "AMENDED"})


class _Blocking(NamedTuple):
    """A listing that blocks, and the basis on which its list does."""

    listing: Evidence
    legal_basis: str


def buyer_not_listed(candidate: Candidate, draft: Draft) -> Sequence[Reason]:
    """LISTED_BUYER for each buyer who is listed; in an amendment, for those whom it adds."""
    if candidate.subject != "sale" or candidate.event_type not in JUDGED:
        return ()
    known = _known_buyers(candidate, draft)
    return tuple(_listed(candidate.body, known, draft))


def _known_buyers(candidate: Candidate, draft: Draft) -> frozenset[str]:
    """Buyers that an amendment leaves as they are: they were judged when they signed, and a later listing is a conflict."""
    entity = draft.entity(candidate.key)
    if candidate.event_type != "AMENDED" or entity is None or entity.state is None:
        return frozenset()
    return frozenset(buyers(entity.state))


def _listed(sale: Body, known: frozenset[str], draft: Draft) -> Iterator[Reason]:
    for index, party in enumerate(sale["parties"]):
        ref = party["party_ref"]
        if party["role"] != "BUYER" or not ref or ref in known:
            continue
        if found := dict.fromkeys(_blocking(ref, sale["county_code"], draft)):
            made = reason(
                "LISTED_BUYER", field=f"parties[{index}]", evidence=tuple({b.listing: None for b in found})
            )
            yield replace(made, legal_basis="；".join({b.legal_basis: None for b in found}))


def _blocking(ref: str, county: str, draft: Draft) -> Iterator[_Blocking]:
    for same in draft.same_party(ref):
        for fact in draft.facts("listing", same):
            block = draft.policy.block(fact.detail("list_type") or "", county, draft.today)
            if block is not None and _in_term(fact, draft.today):
                listing = Evidence(fact.subject, fact.entity_id, fact.revision)
                yield _Blocking(listing, block.legal_basis)


def blocks(draft: Draft, listing: Fact, county: str) -> bool:
    """Whether a listing keeps its party from buying in that county on the day of the decision."""
    block = draft.policy.block(listing.detail("list_type") or "", county, draft.today)
    return block is not None and _in_term(listing, draft.today)


def _in_term(listing: Fact, today: date) -> bool:
    """The last day of a listing is a day of it, whether or not the listing's end was recorded yet."""
    expires = listing.detail("expires_on")
    return expires is None or today <= date.fromisoformat(expires)
