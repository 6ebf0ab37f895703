"""What is asked of a synthetic city: for each question, whom and what it is about, drawn from what was filed there."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from benchmarks.city import City, Deeds, Human, LeaseDeed, SaleDeed, developer_name

SAMPLE = 4_000
"""So many houses are asked about, from all over the city."""

Form = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """How one question is drawn, and the field of its answer that must say something in most of the answers."""

    drawn: Callable[["Questioner"], Form]
    tells: str


class Questioner:
    """Draws questions from some houses of a city."""

    def __init__(self, city: City, seed: int) -> None:
        self.city = city
        self.chance = random.Random(seed)
        count = min(SAMPLE, city.houses)
        self._some = [city.deeds(n) for n in self.chance.sample(range(city.houses), count)]
        self._with = {
            kind: [deeds for deeds in self._some if getattr(deeds, kind)]
            for kind in ("sales", "leases", "mortgages", "titles")
        }

    @property
    def today(self) -> date:
        return self.city.today

    def deeds(self, kind: str = "sales") -> Deeds:
        """A house on which there is something of the kind."""
        return self.chance.choice(self._with[kind])

    def purchase(self) -> tuple[Deeds, SaleDeed]:
        """A house with one of its sales."""
        deeds = self.deeds()
        return deeds, self.chance.choice(deeds.sales)

    def tenancy(self) -> tuple[Deeds, LeaseDeed]:
        """A house with its last lease."""
        deeds = self.deeds("leases")
        return deeds, deeds.leases[-1]


def person(one: Human) -> Form:
    """By his document."""
    return {"id_type": "1", "id_no": one.id_no}


def _contract_no(ask: Questioner) -> Form:
    return {"contract_no": ask.purchase()[1].number}


def _sale_to_declare(ask: Questioner) -> Form:
    """One that is filed; a completed one has been declared."""
    filed = [one for one in ask.deeds().sales if one.status == "FILED"]
    while not filed:
        filed = [one for one in ask.deeds().sales if one.status == "FILED"]
    return {"contract_no": filed[0].number}


def _applicant_contract(ask: Questioner) -> Form:
    _, sale = ask.purchase()
    return {"applicant": person(sale.buyers[0]), "contract_no": sale.number}


def _borrower(ask: Questioner) -> Form:
    return {"borrower": person(ask.purchase()[1].buyers[0])}


def _mortgage_no(ask: Questioner) -> Form:
    """A mortgage of the bank that asks; the fund has a part in each."""
    own = [deed for deed in ask.deeds("mortgages").mortgages if deed.bank == 0]
    while not own:
        own = [deed for deed in ask.deeds("mortgages").mortgages if deed.bank == 0]
    return {"contract_no": own[0].number}


def _withdrawal(ask: Questioner) -> Form:
    _, lease = ask.tenancy()
    claimant = person(lease.tenants.head)
    last = lease.first_day + timedelta(days=364)
    return {"claimant": claimant, "period_start": str(lease.first_day), "period_end": str(last)}


def _household(ask: Questioner) -> Form:
    family = ask.city.family(ask.chance.randrange(ask.city.families))
    return {"authority_no": "SQ-1", "members": [person(one) for one in family.members]}


def _in_execution(ask: Questioner) -> Form:
    """One in twenty is a developer, with thousands of contracts."""
    if ask.chance.random() < 0.05:
        _, code = developer_name(ask.deeds().house.developer)
        return {"person": {"id_type": "USCC", "id_no": code}}
    return {"person": person(ask.purchase()[1].buyers[0])}


def _house(ask: Questioner) -> Form:
    return {"house_code": ask.deeds().house.code}


def _home(ask: Questioner) -> Form:
    """A buyer, or one time in three a tenant, with the address of that house."""
    if ask.chance.random() < 1 / 3:
        deeds, lease = ask.tenancy()
        return {"parent": person(lease.tenants.head), "address": deeds.house.address}
    deeds, sale = ask.purchase()
    return {"parent": person(sale.buyers[0]), "address": deeds.house.address}


def _rent(ask: Questioner) -> Form:
    deeds, lease = ask.tenancy()
    on = min(ask.today, lease.last_day)
    return {"parent": person(lease.tenants.head), "county_code": deeds.house.county, "on": str(on)}


def _dwelling(ask: Questioner) -> Form:
    if ask.chance.random() < 1 / 2:
        deeds, lease = ask.tenancy()
        on, where = str(lease.filed_on), deeds.house.address
        return {"person": person(lease.tenants.head), "on": on, "address": where}
    deeds, sale = ask.purchase()
    return {"person": person(sale.buyers[0]), "on": str(sale.signed_on), "house_code": deeds.house.code}


def _tenants(ask: Questioner) -> Form:
    deeds, lease = ask.tenancy()
    return {"house_code": deeds.house.code, "on": str(lease.filed_on)}


def _tenant(ask: Questioner) -> Form:
    _, lease = ask.tenancy()
    return {"person": person(lease.tenants.members[-1]), "on": str(lease.filed_on)}


def _rate(ask: Questioner) -> Form:
    """A county, and a month of the last two years."""
    deeds, _ = ask.tenancy()
    since = ask.today - timedelta(days=ask.chance.randrange(31, 700))
    until = since + timedelta(days=30)
    return {"county_codes": [deeds.house.county], "since": str(since), "until": str(until)}


_LENDERS: Mapping[str, Question] = {
    "applicant_contract": Question(_applicant_contract, "sales"),
    "household_units": Question(_borrower, "unit_count"),
    "household_homes": Question(_borrower, "homes"),
    "loan_base": Question(_applicant_contract, "matched"),
    "mortgage_status": Question(_mortgage_no, "mortgages"),
}

QUESTIONS: Mapping[tuple[str, str], Question] = {
    **{(group, name): one for group in ("bank", "fund") for name, one in _LENDERS.items()},
    ("fund", "withdrawal_basis"): Question(_withdrawal, "leases"),
    ("civil", "household_means"): Question(_household, "rule_version"),
    ("court", "everything_on_person"): Question(_in_execution, "sales"),
    ("court", "everything_on_house"): Question(_house, "sales"),
    ("education", "home_for_admission"): Question(_home, "matched"),
    ("education", "rent_for_admission"): Question(_rent, "since"),
    ("police", "lawful_dwelling"): Question(_dwelling, "lawful"),
    ("police", "tenants_of_house"): Question(_tenants, "leases"),
    ("police", "houses_of_tenant"): Question(_tenant, "leases"),
    ("police", "consistency_rate"): Question(_rate, "counties"),
    ("tax", "sale"): Question(_contract_no, "sales"),
    ("tax", "sale_prefill"): Question(_sale_to_declare, "price_without_vat"),
}
"""By department and name. A question that is not here is not measured: a test says so."""
