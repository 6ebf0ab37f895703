"""What the law forbids (domain page 2.5, 3.2, 3.4): each rule says which code stands in the way, all rules are asked."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date

from producers.simulator.ledger import Facts
from producers.simulator.model_state import Entity, World, target_of
from producers.simulator.model_tables import CONTRACTS, ENDINGS, LIVE, WARNINGS
from producers.simulator.model_terms import begins, china, longest, longest_renewal, years_after

OFF_PLAN = "11"
LEASE_YEARS = 20


def objections(
    world: World, facts: Facts, entity: Entity, today: date
) -> tuple[frozenset[str], frozenset[str]]:
    """The codes by which a record is refused, and those that only warn. Stock data is told, not judged: it is warned of."""
    found = frozenset(code for rule in _RULES for code in rule(world, facts, entity, today))
    return (frozenset(), found) if facts.baseline else (found - WARNINGS, found & WARNINGS)


# -- contracts --------------------------------------------------------------------------------------------------------


def _unit(world: World, facts: Facts, entity: Entity, _today: date) -> Iterator[str]:
    house, subject = facts.house_code or "", facts.subject
    if subject not in CONTRACTS or facts.event_type in ENDINGS:
        return
    if not world.is_active_unit(house):
        yield "UNIT_UNKNOWN"
    if facts.event_type not in LIVE:
        return
    if subject == "sale" and any(other is not entity for other in world.on(house, "sale")):
        yield "UNIT_ALREADY_SOLD"
    if subject != "lease" and any(one.status == "EFFECTIVE" for one in world.on(house, "seizure")):
        yield "UNIT_SEIZED"


def _buyers(world: World, facts: Facts, entity: Entity, today: date) -> Iterator[str]:
    """All buyers at signing and filing, only new ones at an amendment, none when a contract ends."""
    if facts.subject != "sale" or facts.event_type not in LIVE:
        return
    if any(blocking(world, sorted(judged_buyers(facts, entity)), today)):
        yield "LISTED_BUYER"


def judged_buyers(facts: Facts, entity: Entity) -> set[tuple[str, str]]:
    """The buyers of a sale, but those whom an amendment leaves as they are."""
    buyers = set(facts.terms["parties"])
    if facts.event_type == "AMENDED" and entity.last is not None:
        buyers -= set(entity.last.terms["parties"])
    return buyers


def blocking(world: World, parties: Iterable[tuple[str, str]], today: date) -> Iterator[Entity]:
    """The listings that keep these parties from buying, by whatever document they are listed."""
    same = sorted(set().union(*(world.same_party(party) for party in parties)))
    return (listing for party in same for listing in world.told("listing", party) if blocks(listing, today))


def blocks(listing: Entity, today: date) -> bool:
    """Only defaulters are kept from buying; the last day of a listing is a day of it."""
    terms = listing.facts.terms
    in_term = terms["expires_on"] is None or today <= terms["expires_on"]
    return listing.status == "LISTED" and terms["list_type"] == "DEFAULTER" and in_term


def _permit(world: World, facts: Facts, _entity: Entity, _today: date) -> Iterator[str]:
    terms = facts.terms
    if facts.subject != "sale" or facts.event_type not in ("SIGNED", "FILED"):
        return
    number = terms["presale_permit_no"] or ""
    if terms["contract_kind"] == OFF_PLAN and not _is_permitted(world, number, china(terms["signed_at"])):
        yield "NO_PRESALE_PERMIT"


def _is_permitted(world: World, number: str, signed: date) -> bool:
    permits = (
        permit for project in world.told("permit", number) for permit in project.facts.terms["permits"]
    )
    return any(
        (begin is None or begin <= signed) and (until is None or signed <= until)
        for permit, begin, until in permits
        if permit == number
    )


def _mortgage(world: World, facts: Facts, entity: Entity, _today: date) -> Iterator[str]:
    if facts.subject != "mortgage" or facts.event_type not in LIVE:
        return
    terms = facts.terms
    others = [o.facts.terms for o in world.on(facts.house_code or "", "mortgage") if o is not entity]
    if any(other["rank"] == terms["rank"] for other in others):
        yield "MORTGAGE_RANK_TAKEN"
    value, secured = terms["appraisal_price"], sum(other["secured_principal"] for other in others)
    if value is not None and terms["secured_principal"] + secured > value:
        yield "MORTGAGE_OVER_VALUE"


def _lease(_world: World, facts: Facts, _entity: Entity, _today: date) -> Iterator[str]:
    if facts.subject != "lease" or facts.event_type not in LIVE:
        return
    if facts.terms["lease_end"] > years_after(facts.terms["lease_start"], LEASE_YEARS):
        yield "LEASE_TOO_LONG"


def _change(world: World, facts: Facts, entity: Entity, _today: date) -> Iterator[str]:
    """A sale under pre-notice or mortgage is neither amended nor cancelled until they are cleared."""
    if facts.subject != "sale" or facts.event_type not in ("AMENDED", "CANCELLED"):
        return
    house, numbers = facts.house_code or "", {facts.terms["contract_no"]}
    if entity.last is not None:
        numbers.add(entity.last.terms["contract_no"])
    notices = (one.facts for one in world.on(house, "title") if one.facts.terms["title_kind"] == "PRE_NOTICE")
    if any(notice.sale_contract_no in numbers for notice in notices):
        yield "CHANGE_UNDER_NOTICE"
    if any(one.facts.sale_contract_no in numbers for one in world.on(house, "mortgage")):
        yield "CHANGE_UNDER_MORTGAGE"


# -- seizures ---------------------------------------------------------------------------------------------------------


def _notice(_world: World, facts: Facts, entity: Entity, _today: date) -> Iterator[str]:
    if facts.subject != "seizure" or facts.event_type not in ("SEIZED", "CHANGED"):
        return
    if not facts.house_code and target_of(facts) is None:
        yield "NO_TARGET"
    if facts.terms["kind"] == "5":
        yield "RENEWAL_IS_AN_EVENT"
    end = facts.terms["end_date"]
    # What was taken already, perhaps by a renewal, is not judged anew with each change of something else.
    if end is not None and (entity.last is None or end != entity.last.terms["end_date"]):
        limit, span = longest(facts, begins(facts)), entity.seizure.span
        if end > (max(limit, span.until) if span else limit):
            yield "TERM_TOO_LONG"


def _renewal(_world: World, facts: Facts, entity: Entity, _today: date) -> Iterator[str]:
    span = entity.seizure.span
    if facts.subject != "seizure" or facts.event_type != "RENEWED" or span is None:
        return
    end = facts.terms["end_date"]
    if end is None or end <= span.until:
        yield "RENEWAL_TOO_SHORT"
    elif end > longest_renewal(facts, span.until):
        yield "TERM_TOO_LONG"


_Rule = Callable[[World, Facts, Entity, date], Iterator[str]]
_RULES: tuple[_Rule, ...] = (_unit, _buyers, _permit, _mortgage, _lease, _change, _notice, _renewal)
