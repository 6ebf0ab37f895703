"""What the calculations look at: the few fields of a record that matter to them, frozen.

All are made from records by ``broker.reckoning.reading``, or filled by hand. A *party* is known by its ``party_ref``;
names and numbers are never looked at. Money is yuan, areas are square metres, times are aware.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Protocol, TypeVar

PERSON = "1"


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """The record that something rests on."""

    subject: str
    entity_id: str
    revision: int | None


@dataclass(frozen=True, slots=True)
class Party:
    """A party of a contract, or a holder of a right. ``share`` None: not said."""

    ref: str
    role: str
    kind: str = PERSON
    share: Fraction | None = None
    ownership: str | None = None
    household_no: str | None = None

    @property
    def is_person(self) -> bool:
        return self.kind == PERSON


@dataclass(frozen=True, slots=True)
class Dwelling:
    """What a record says of its house; None: it does not say."""

    use: str | None = None
    is_complete: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A house of the building table."""

    source: Evidence
    county_code: str
    house_code: str
    dwelling: Dwelling = Dwelling()
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """A registered right. ``is_current``: active at the exchange, and 现势 at the registry."""

    source: Evidence
    county_code: str
    house_code: str
    kind: str
    is_current: bool
    registered_at: datetime
    holders: tuple[Party, ...]
    ended_at: datetime | None = None
    deal_kind: str | None = None
    dwelling: Dwelling = Dwelling()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A sale contract."""

    source: Evidence
    county_code: str
    house_code: str
    contract_no: str
    contract_kind: str
    status: str
    signed_at: datetime
    parties: tuple[Party, ...]
    total_price: Decimal
    gross_area: Decimal
    filed_at: datetime | None = None
    cancelled_at: datetime | None = None
    dwelling: Dwelling = Dwelling()
    house_nature: str | None = None
    appraisal_price: Decimal | None = None
    declared_price: Decimal | None = None
    title_date: date | None = None
    prior_acquired_date: date | None = None
    prior_price: Decimal | None = None
    prior_deal_kind: str | None = None
    is_lineal_relative: bool | None = None
    down_payment: Decimal | None = None
    loan_amount: Decimal | None = None

    def by_role(self, role: str) -> tuple[Party, ...]:
        return tuple(party for party in self.parties if party.role == role)

    @property
    def buyers(self) -> tuple[Party, ...]:
        return self.by_role("BUYER")

    @property
    def sellers(self) -> tuple[Party, ...]:
        return self.by_role("SELLER")

    @property
    def since(self) -> datetime:
        """When it was filed, or signed while it is not."""
        return self.filed_at or self.signed_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease. ``rent`` is for each ``rent_period``; ``area`` is what is let; both days of the term are included."""

    source: Evidence
    county_code: str
    status: str
    parties: tuple[Party, ...]
    rent: Decimal
    first_day: date
    last_day: date
    area: Decimal
    rent_period: str | None = None
    filed_at: datetime | None = None
    cancelled_at: datetime | None = None
    dwelling: Dwelling = Dwelling()
    house_nature: str | None = None
    layout: str | None = None
    mode: str | None = None
    purpose: str | None = None

    def by_role(self, role: str) -> tuple[Party, ...]:
        return tuple(party for party in self.parties if party.role == role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A tax office's invoice for rent; without days it is for the whole term."""

    source: Evidence
    lease_id: str
    amount: Decimal
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a household record. ``born`` None: not known."""

    ref: str
    relation: str
    born: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """A household as its source recorded it, relative to its head."""

    source: Evidence
    members: tuple[Member, ...]
    as_of: date
    is_active: bool = True


class Sourced(Protocol):
    """A record that knows where it comes from."""

    @property
    def source(self) -> Evidence: ...


SourcedT = TypeVar("SourcedT", bound=Sourced)


def newest(records: Iterable[SourcedT]) -> tuple[SourcedT, ...]:
    """Of each entity the record with the highest revision, in the order of their ids."""
    found: dict[str, SourcedT] = {}
    for record in records:
        known = found.get(record.source.entity_id)
        if known is None or (known.source.revision or 0) < (record.source.revision or 0):
            found[record.source.entity_id] = record
    return tuple(found[entity_id] for entity_id in sorted(found))
