"""Police: who lives where by a filed lease or purchase (建房〔2020〕61号 五). Never a price or a rent."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from broker.query.asked import Address, Asked, County, Day, HouseCode, Person
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.houses import codes_of, same_address
from broker.query.purchases import kept
from broker.query.reading import Find, Reading
from broker.query.records import Record
from broker.query.standing import filed_on, in_force_on, let_on
from schemas.dates import day_in_china, years_after

_MOST_YEARS = 1
_RATE = Decimal("0.0001")

# One check a contract or unit counts: the newest. WITHDRAWN ones were mistakes.
CHECKS = b"""
SELECT county_code, count(*), count(*) FILTER (WHERE result = 'MATCHED') FROM (
    SELECT DISTINCT ON (about_subject, about_entity_id) county_code, result
    FROM latest.feedback
    WHERE county_code = ANY(%(counties)s) AND feedback_kind = 'RESIDENCE_MATCH' AND status = 'ACTIVE'
      AND happened_on BETWEEN %(first)s AND %(last)s AND result IN ('MATCHED', 'NOT_MATCHED')
    ORDER BY about_subject, about_entity_id, happened_on DESC, recorded_at DESC, entity_id
) newest
GROUP BY county_code ORDER BY county_code
"""


class LawfulDwelling(Asked):
    """A person, a day, and the dwelling by address or house code."""

    person: Annotated[Person, Field(description="申请人 who applies")]
    on: Annotated[Day, Field(description="核验日期 the day")]
    address: Address | None = None
    house_code: HouseCode | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.address is None and self.house_code is None:
            raise PydanticCustomError("dwelling", "give address or house_code")
        return self


class TenantsOfHouse(Asked):
    """A house, and a day: today, unless another is given."""

    house_code: HouseCode
    on: Annotated[Day | None, Field(description="日期 the day")] = None


class HousesOfTenant(Asked):
    """A tenant or occupant, and a day: today, unless another is given."""

    person: Annotated[Person, Field(description="承租人或居住人 who rents or lives there")]
    on: Annotated[Day | None, Field(description="日期 the day")] = None


class ConsistencyRate(Asked):
    """Counties, and the days of the checks: at most a year."""

    county_codes: Annotated[
        tuple[County, ...], Field(min_length=1, max_length=20, description="县区 counties")
    ]
    since: Annotated[Day, Field(description="起始日 first day")]
    until: Annotated[Day, Field(description="截止日 last day")]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.since <= self.until < years_after(self.since, _MOST_YEARS):
            raise PydanticCustomError("period", "let until follow since, within a year")
        return self


async def lawful_dwelling(asked: LawfulDwelling, reading: Reading) -> Given:
    """Every filed lease that runs there on that day, and every filed purchase that was not sold on by then."""
    refs, (bought, *leased) = await reading.of_person(
        asked.person,
        lambda refs: [reading.finding_parties("sale", refs, roles=["BUYER"]), *_leased(reading, refs)],
    )
    codes = await codes_of(reading, asked.house_code) if asked.house_code else None

    def there(record: Record) -> bool:
        at = asked.address is None or same_address(record["address"]) == same_address(asked.address)
        return at and (codes is None or record["house_code"] in codes)

    bought = [sale for sale in bought if there(sale) and in_force_on(sale, asked.on)]
    found = [
        *(_let(lease) for lease in _lived_in(*leased) if there(lease) and let_on(lease, asked.on)),
        *(_bought(sale) for sale in await kept(reading, bought, refs, asked.on)),
    ]
    return {"lawful": bool(found), "dwellings": found}


async def tenants_of_house(asked: TenantsOfHouse, reading: Reading) -> Given:
    """The filed leases that run there on that day."""
    day = asked.on or day_in_china(reading.as_of)
    leases = await reading.by("lease", "house_code", *await codes_of(reading, asked.house_code))
    return {"leases": [lease for lease in leases if let_on(lease, day)]}


async def houses_of_tenant(asked: HousesOfTenant, reading: Reading) -> Given:
    """The houses that he rents or lives in by a filed lease that runs on that day."""
    day = asked.on or day_in_china(reading.as_of)
    _, leased = await reading.of_person(asked.person, lambda refs: _leased(reading, refs))
    return {"leases": [lease for lease in _lived_in(*leased) if let_on(lease, day)]}


async def consistency_rate(asked: ConsistencyRate, reading: Reading) -> Given:
    """人户一致率: of the filed homes that the police have checked in these days, the share where people live as filed."""
    given = {"counties": list(asked.county_codes), "first": asked.since, "last": asked.until}
    return {
        "counties": [
            {
                "county_code": county,
                "checked": checked,
                "matched": matched,
                "rate": (Decimal(matched) / checked).quantize(_RATE),
            }
            for county, checked, matched in await reading.rows(CHECKS, given)
        ]
    }


def _leased(reading: Reading, refs: Sequence[str]) -> list[Find]:
    """As tenant, and as occupant."""
    return [
        reading.finding_parties("lease", refs, roles=["LESSEE"]),
        reading.finding_parties("lease", refs, field="occupants"),
    ]


def _lived_in(as_tenant: Iterable[Record], as_occupant: Iterable[Record]) -> list[Record]:
    """Each lease once, with how he is in it."""
    found = {lease["entity_id"]: lease | {"lives_as": "OCCUPANT"} for lease in as_occupant}
    found |= {lease["entity_id"]: lease | {"lives_as": "LESSEE"} for lease in as_tenant}
    return [found[key] for key in sorted(found)]


def _let(lease: Record) -> Record:
    term: tuple[date, date] = lease["lease_start"], lease["lease_end"]
    return _dwelling(lease, "LEASE", lease["lives_as"]) | {"term_start": term[0], "term_end": term[1]}


def _bought(sale: Record) -> Record:
    return _dwelling(sale, "PURCHASE", "BUYER")


def _dwelling(record: Record, basis: str, lives_as: str) -> Record:
    kept = {name: record[name] for name in ("contract_no", "house_code", "address")}
    return kept | {"basis": basis, "lives_as": lives_as, "filed_on": filed_on(record)}


QUERIES = (
    Definition("police", "lawful_dwelling", LawfulDwelling, lawful_dwelling),
    Definition("police", "tenants_of_house", TenantsOfHouse, tenants_of_house),
    Definition("police", "houses_of_tenant", HousesOfTenant, houses_of_tenant),
    Definition("police", "consistency_rate", ConsistencyRate, consistency_rate),
)
