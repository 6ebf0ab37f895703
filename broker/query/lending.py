"""What lenders ask: banks and the provident fund (建房〔2020〕61号 二、三). One set of functions, entitled to each apart."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from broker.query.asked import Asked, Code, ContractNo, HouseCode, Person
from broker.query.contracts import as_read, contract, has_party
from broker.query.cutting import Given
from broker.query.definition import Definition
from broker.query.explained import explained
from broker.query.households import WithFamily, count_given, in_force
from broker.query.reading import Reading
from broker.query.records import Record
from broker.reckoning.loans import LoanBase
from broker.reckoning.loans import loan_base as base_of
from broker.reckoning.reading import read_sale

Applicant = Annotated[Person, Field(description="借款申请人 who applies for the loan")]


class ApplicantContract(Asked):
    """The applicant, and the contract that he names."""

    applicant: Applicant
    contract_no: ContractNo


class HouseholdUnits(WithFamily):
    """The borrower, and his family if the lender was shown papers; ``house_code`` is not counted."""

    borrower: Annotated[Person, Field(description="借款人 the borrower")]
    house_code: HouseCode | None = None


class LoanBaseAsked(WithFamily):
    """The applicant and his contract, with the lender's own appraisal if it has one."""

    applicant: Applicant
    contract_no: ContractNo
    appraisal: Annotated[
        Decimal | None,
        Field(
            gt=0, max_digits=16, decimal_places=2, description="评估价（元） the lender's appraisal, in yuan"
        ),
    ] = None
    loan_kind: Annotated[Code | None, Field(description="贷款种类 kind of loan, code list loan_kind")] = None


class MortgageStatus(Asked):
    """A mortgage or sale contract on which the lender has lent."""

    contract_no: ContractNo


async def applicant_contract(asked: ApplicantContract, reading: Reading) -> Given:
    """The filed contract, if the applicant buys by it; else nothing, as if there were none."""
    sale = await bought_by(reading, asked.applicant, asked.contract_no)
    return {"matched": sale is not None, "sales": [] if sale is None else [sale]}


async def household_units(asked: HouseholdUnits, reading: Reading) -> Given:
    """How many homes the borrower's family has in the city."""
    return (await count_given(reading, asked.borrower, asked, apart=asked.house_code)).figures()


async def mortgage_status(asked: MortgageStatus, reading: Reading) -> Given:
    """The mortgages and the sale of this number in which the asker is named as lender or mortgagee."""
    number, own = asked.contract_no, reading.caller.department
    found = await reading.by("mortgage", ("contract_no", "sale_contract_no"), number)
    mortgages = [one for one in found if is_lent_by(one, own)]
    numbers = {number, *(one["sale_contract_no"] for one in mortgages if one["sale_contract_no"])}
    sales = await reading.by("sale", "contract_no", *sorted(numbers))
    return {"mortgages": mortgages, "sales": [one for one in sales if is_lent_by(one, own)]}


def lending(group: str, loan_kind: str) -> tuple[Definition, ...]:
    """The questions of a group of lenders; ``loan_kind`` is what a loan is where the call does not say."""

    async def loan_base(asked: LoanBaseAsked, reading: Reading) -> Given:
        """The base of a loan on the applicant's contract, and the least down payment by his family's homes."""
        sale = await bought_by(reading, asked.applicant, asked.contract_no)
        if sale is None:
            return {"matched": False}
        counted = await count_given(reading, asked.applicant, asked, apart=sale["house_code"])
        rule = in_force(reading.reckoning.loans, sale["county_code"], reading.today)
        given = as_read(read_sale, sale)
        given = given if asked.appraisal is None else replace(given, appraisal_price=asked.appraisal)
        found = base_of(given, counted.homes, rule, asked.loan_kind or loan_kind)
        return counted.figures() | {"matched": True} | _loan(found)

    return (
        Definition(group, "applicant_contract", ApplicantContract, applicant_contract),
        Definition(group, "household_units", HouseholdUnits, household_units),
        # The same count; that the addresses are told is a matter of the other purpose.
        Definition(group, "household_homes", HouseholdUnits, household_units),
        Definition(group, "loan_base", LoanBaseAsked, loan_base),
        Definition(group, "mortgage_status", MortgageStatus, mortgage_status),
    )


async def bought_by(reading: Reading, person: Person, number: str) -> Record | None:
    """The sale of this number, once it was filed, if the person buys by it."""
    sale = await contract(reading, "sale", number)
    if sale is None or sale["filed_at"] is None:
        return None
    return sale if has_party(sale, await reading.refs(person), "BUYER") else None


def is_lent_by(record: Record, department: str) -> bool:
    """Whether the record names the lender, now."""
    return department in (record["interested"] or ())


def _loan(found: LoanBase) -> dict[str, object]:
    figures = (found.base, found.share, found.highest_loan, found.least_down_payment)
    return {
        "loan_base": found.base.value,
        "down_payment_share": found.share.value,
        "highest_loan": found.highest_loan.value,
        "least_down_payment": found.least_down_payment.value,
        "figures": explained(figures),
        "loan_notes": [str(note) for note in found.notes],
    }
