"""The provident fund: what lenders ask, and the rent that can be drawn (建房〔2020〕61号 三)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from broker.query.asked import Day, Person
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.estate import readable
from broker.query.explained import as_text, explained
from broker.query.households import CITY, WithSpouse, count_given, in_force
from broker.query.lending import lending
from broker.query.market import comparable
from broker.query.reading import Reading
from broker.query.records import Record
from broker.reckoning.figures import basis, needs
from broker.reckoning.months import Span
from broker.reckoning.reading import read_invoice, read_lease
from broker.reckoning.withdrawal import Asked, LeasePart, Withdrawal, why_not, withdrawal
from schemas.dates import months_after
from schemas.reckoning import RentRule

MOST_MONTHS = 36

UNREAD = "UNREAD"
"""Why a lease is left out that lacks what is reckoned from."""


class WithdrawalBasis(WithSpouse):
    """Claimant and spouse, and the time that they claim rent for, both days included."""

    claimant: Annotated[Person, Field(description="提取申请人 who claims")]
    period_start: Annotated[Day, Field(description="提取期间起 first day of the time")]
    period_end: Annotated[Day, Field(description="提取期间止 last day of the time")]

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if not self.period_start <= self.period_end < months_after(self.period_start, MOST_MONTHS):
            raise PydanticCustomError(
                "period", "give a period_end on or after period_start, and less than 36 months later"
            )
        return self


async def withdrawal_basis(asked: WithdrawalBasis, reading: Reading) -> Given:
    """The most that the couple can draw, lease by lease: filed rent, invoices, market rent, and the least of them."""
    counted = await count_given(reading, asked.claimant, asked, minor_under=0, apart=None)
    couple = counted.count.family
    refs = sorted({ref for person in couple.persons for ref in person})
    records = await reading.of_parties("lease", refs, roles=["LESSEE"])
    leases, unread = readable(read_lease, records)
    invoices, unread_invoices = readable(read_invoice, await _told_of(reading, records))
    rule = in_force(reading.reckoning.rents, CITY, reading.today)
    claim = Asked(couple, Span(asked.period_start, asked.period_end), reading.today, counted.homes)
    counting = [one for one in leases if why_not(one, claim, rule) is None]
    others = {one.source.entity_id: await comparable(reading, one, rule, reading.today) for one in counting}
    paid = [one for one in invoices if one is not None]
    found = withdrawal(claim, leases, paid, lambda one: others[one.source.entity_id], rule)
    missed = len(unread) + len(unread_invoices)
    if missed and counted.homes == 0:  # who has a home draws nothing, whatever the leases say
        found = replace(found, amount=needs("withdrawal", basis("W7", rule), "every lease, complete"))
    return replace(counted, unread=counted.unread + missed).figures() | _told(found, records, rule)


async def _told_of(reading: Reading, leases: Sequence[Record]) -> list[Record]:
    """What others have reported on these leases."""
    ids = [one["entity_id"] for one in leases]
    return await reading.by("feedback", "about_entity_id", *ids) if ids else []


def _told(found: Withdrawal, records: Sequence[Record], rule: RentRule) -> dict[str, Any]:
    parts = {part.lease.entity_id: _part(part) for part in found.parts}
    whys = {one["entity_id"]: {"left_out": UNREAD} for one in records}
    whys |= {source.entity_id: {"left_out": str(why)} for source, why in found.left_out}
    return {
        "withdrawal": found.amount.value,
        "deposit_months": found.deposit_months,
        "rent_rule_version": rule.version,
        "rent_basis": rule.legal_basis,
        "figures": explained(
            [found.amount, *(f for part in found.parts for f in (*part.figures, part.amount))]
        ),
        "leases": [one | (whys | parts)[one["entity_id"]] for one in records],
    }


def _part(part: LeasePart) -> dict[str, Any]:
    values = {figure.name: figure.value for figure in part.figures}
    market = part.market
    return {
        "covers_from": part.covers.first,
        "covers_to": part.covers.last,
        "months": as_text(part.months),
        "borne_share": as_text(part.share),
        "filed_rent": values.get("filed_rent"),
        "invoiced_rent": values.get("invoiced_rent"),
        "market_rent": values.get("market_rent"),
        "market_median": market.monthly if market else None,
        "market_sample": market.sample if market else None,
        "market_level": str(market.level) if market and market.level else None,
        "amount": part.amount.value,
    }


QUERIES = (
    *lending("fund", "FUND"),
    Definition("fund", "withdrawal_basis", WithdrawalBasis, withdrawal_basis),
)
