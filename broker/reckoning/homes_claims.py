"""The claims by which a household may have a house, the strongest first: see ``homes``.

A claim looks at one house and answers with what is held, or why it is not, or None if no record makes that claim.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from broker.reckoning.family import Family, Person
from broker.reckoning.homes_answer import Basis, Holdings, Note, Why
from broker.reckoning.records import Dwelling, Evidence, Party, Sale, Title, Unit, newest
from schemas.dates import day_in_china
from schemas.reckoning import HomeRule, Treatment

SOLE = "0"
_SIX_DIGITS = Fraction(1, 1_000_000)
"""Shares are written with six digits: three of 0.333333 are a whole."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: whose homes, by which rule, on what day, where."""

    family: Family
    rule: HomeRule
    as_of: date
    coverage: frozenset[str]
    apart_from: frozenset[str]

    def began(self, moment: datetime) -> bool:
        return day_in_china(moment) <= self.as_of


@dataclass(frozen=True, slots=True)
class House:
    """A house with all that the records say of it."""

    code: str
    unit: Unit | None
    titles: tuple[Title, ...]
    sales: tuple[Sale, ...]

    @property
    def county_code(self) -> str:
        """The building table's word; else that of a title, else of a contract."""
        if self.unit:
            return self.unit.county_code
        return self.titles[0].county_code if self.titles else self.sales[0].county_code

    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(
            sorted([*(title.source for title in self.titles), *(sale.source for sale in self.sales)])
        )

    def titles_of(self, family: Family, kind: str) -> list[Title]:
        return [title for title in self.titles if title.kind == kind and family.among(title.holders)]

    def bought_by(self, family: Family, statuses: Iterable[str]) -> list[Sale]:
        return [sale for sale in self.sales if sale.status in statuses and family.among(sale.buyers)]


@dataclass(frozen=True, slots=True)
class Held:
    """A house that the household has, whether or not it is a home."""

    basis: Basis
    evidence: frozenset[Evidence]
    dwellings: tuple[Dwelling, ...]
    notes: frozenset[Note] = frozenset()


Claim = Callable[[House, Asked], Held | Why | None]


def houses(holdings: Holdings) -> list[House]:
    """The houses that titles or contracts name, by code; each entity in its newest revision."""
    titles, sales = newest(holdings.titles), newest(holdings.sales)
    units = {unit.house_code: unit for unit in newest(holdings.units)}
    return [
        House(
            code,
            units.get(code),
            tuple(title for title in titles if title.house_code == code),
            tuple(sale for sale in sales if sale.house_code == code),
        )
        for code in sorted({title.house_code for title in titles} | {sale.house_code for sale in sales})
    ]


def _by_title(house: House, asked: Asked) -> Held | Why | None:
    own = house.titles_of(asked.family, "TITLE")
    current = [title for title in own if title.is_current and asked.began(title.registered_at)]
    if not current:
        return _no_title(own)
    noted = _inherited(current, asked)
    if isinstance(noted, Why):
        return noted
    holders = _persons(asked, (title.holders for title in current))
    parted = _parted(house, asked, holders, max(title.registered_at for title in current))
    if isinstance(parted, Why):
        return parted
    purchases = house.bought_by(asked.family, (*asked.rule.contract_statuses, "COMPLETED"))
    return _held(Basis.TITLE, [*current, *purchases], noted | parted)


def _no_title(own: Sequence[Title]) -> Why | None:
    if any(title.is_current for title in own):
        return Why.NOT_YET
    return Why.TITLE_ENDED if own else None


def _by_contract(house: House, asked: Asked) -> Held | Why | None:
    live = house.bought_by(asked.family, asked.rule.contract_statuses)
    notices = [title for title in house.titles_of(asked.family, "PRE_NOTICE") if title.is_current]
    return _by_purchase(house, asked, Basis.CONTRACT, live, notices)


def _by_completion(house: House, asked: Asked) -> Held | Why | None:
    done = house.bought_by(asked.family, ("COMPLETED",))
    transfers = [title for title in house.titles_of(asked.family, "TRANSFER_COMPLETED") if title.is_current]
    return _by_purchase(house, asked, Basis.COMPLETED, [*done, *transfers], [])


def _by_purchase(
    house: House, asked: Asked, basis: Basis, found: Sequence[Sale | Title], beside: Sequence[Title]
) -> Held | Why | None:
    """A purchase without a title: it counts unless a later record says that the house went on to others."""
    begun = [record for record in found if asked.began(_since(record))]
    if not begun:
        return Why.NOT_YET if found else None
    last = max(_since(record) for record in begun)
    if any(_end(title) >= last for title in house.titles_of(asked.family, "TITLE") if not title.is_current):
        return Why.TITLE_ENDED
    if any(title.is_current and title.registered_at >= last for title in _titles_of_others(house, asked)):
        return Why.SOLD
    buyers = _persons(asked, (r.buyers if isinstance(r, Sale) else r.holders for r in begun))
    parted = _parted(house, asked, buyers, last)
    return parted if isinstance(parted, Why) else _held(basis, [*begun, *beside], parted)


def _by_pre_notice(house: House, asked: Asked) -> Held | Why | None:
    notices = [title for title in house.titles_of(asked.family, "PRE_NOTICE") if title.is_current]
    if not notices or any(asked.family.among(sale.buyers) for sale in house.sales):
        return None
    if not any(asked.began(title.registered_at) for title in notices):
        return Why.NOT_YET
    return (
        Why.PRE_NOTICE
        if asked.rule.pre_notice is Treatment.LEAVE_OUT
        else _held(Basis.PRE_NOTICE, notices, frozenset())
    )


def _by_nothing_that_counts(house: House, asked: Asked) -> Held | Why | None:
    if house.bought_by(asked.family, ("DRAFT", "SIGNED")):
        return Why.NOT_FILED
    return Why.CONTRACT_ENDED if house.bought_by(asked.family, ("CANCELLED", "REVOKED", "VOIDED")) else None


CLAIMS: tuple[Claim, ...] = (_by_title, _by_contract, _by_completion, _by_pre_notice, _by_nothing_that_counts)


def _held(basis: Basis, records: Sequence[Sale | Title], notes: frozenset[Note]) -> Held:
    return Held(
        basis,
        frozenset(record.source for record in records),
        tuple(record.dwelling for record in records),
        notes,
    )


def _persons(asked: Asked, lists: Iterable[Iterable[Party]]) -> frozenset[Person]:
    return frozenset[Person]().union(*(asked.family.among(parties) for parties in lists))


def _since(record: Sale | Title) -> datetime:
    return record.since if isinstance(record, Sale) else record.registered_at


def _end(title: Title) -> datetime:
    return title.ended_at or title.registered_at


def _titles_of_others(house: House, asked: Asked) -> list[Title]:
    return [
        title
        for title in house.titles
        if title.kind == "TITLE"
        and asked.began(title.registered_at)
        and not asked.family.among(title.holders)
    ]


# --- what takes a claim away, or is noted -----------------------------------------------------------------------------


def _parted(house: House, asked: Asked, owners: frozenset[Person], since: datetime) -> Why | frozenset[Note]:
    """Whether all owners have sold the whole house to others since then, or are selling it."""
    sales = [
        sale
        for sale in house.sales
        if since <= sale.since
        and asked.began(sale.since)
        and owners <= asked.family.among(sale.sellers)
        and not asked.family.among(sale.buyers)
        and not _of_a_part(sale)
    ]
    if any(sale.status == "COMPLETED" for sale in sales):
        return Why.SOLD
    if not any(sale.status in asked.rule.contract_statuses for sale in sales):
        return frozenset()
    if asked.rule.being_sold is Treatment.LEAVE_OUT:
        return Why.BEING_SOLD
    return frozenset({Note.BEING_SOLD})


def _of_a_part(sale: Sale) -> bool:
    shares = [buyer.share for buyer in sale.buyers if buyer.share is not None]
    return len(shares) == len(sale.buyers) and sum(shares) + len(shares) * _SIX_DIGITS < 1


def _inherited(current: Sequence[Title], asked: Asked) -> Why | frozenset[Note]:
    """Whether what is inherited is too small a share of the house to count."""
    rule = asked.rule
    if any(title.deal_kind not in rule.inherited_kinds for title in current):
        return frozenset()
    shares = [_share(title, asked.family) for title in current]
    known = sum((share for share in shares if share is not None), Fraction())
    if known + _SIX_DIGITS * len(shares) >= Fraction(rule.inherited_share_from):
        return frozenset()
    return frozenset({Note.SHARE_UNKNOWN}) if None in shares else Why.INHERITED_SHARE


def _share(title: Title, family: Family) -> Fraction | None:
    """The household's share by one title; None if it does not say."""
    own = [holder for holder in title.holders if family.among([holder])]
    if len(own) == len(title.holders) and all(holder.share is None for holder in own):
        return Fraction(1)
    if any(holder.share is None and holder.ownership != SOLE for holder in own):
        return None
    return sum((Fraction(1) if holder.share is None else holder.share for holder in own), Fraction())
