"""What banks and the provident fund ask, on a real Postgres. The sums are worked out by hand beside them."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from broker.protected import party_ref
from schemas.dates import day_in_china
from tests.support.front_door import made_token
from tests.support.homes import (
    HUSBAND,
    SELLER,
    SON,
    TENANT,
    WIFE,
    answered,
    household_of,
    lease_of,
    sale_of,
    title_of,
)
from tests.support.latest import KEY, OFFICER, Latest, example_json, latest_on

APPLICANT = {"applicant": HUSBAND, "contract_no": "S-1"}
TODAY = datetime.now(UTC)


@pytest.fixture(scope="module")
def latest(dsn: str) -> Iterator[Latest]:
    """Husband and wife buy house 1 of the seller. House 2 is the wife's; 3 is the tenant's, who sells it no more."""
    with latest_on(dsn) as one:
        one.put("household", household_of("J-1", HUSBAND, spouse=WIFE, minor_child=SON))
        one.put("sale", sale_of(1, SELLER, HUSBAND), interested=["bank.icbc"])
        one.put("title", title_of(1, SELLER))
        one.put("title", title_of(2, WIFE))
        one.put("title", title_of(3, TENANT))
        yield one


# --- the applicant's contract -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("department", ["bank", "fund"])
def test_a_lender_sees_the_contract_of_its_applicant(latest: Latest, department: str) -> None:
    told = answered(latest, department, "applicant_contract", APPLICANT)
    assert told["matched"] is True
    (sale,) = told["sales"]
    assert (sale["contract_no"], sale["filing_no"], sale["total_price"]) == ("S-1", "BA-1", "560000.00")
    assert [(party["role"], party["id_no"]) for party in sale["parties"]] == [("BUYER", HUSBAND["id_no"])]
    assert "appraisal_price" not in sale
    assert "phone" not in sale["parties"][0]
    by_filing = answered(latest, department, "applicant_contract", APPLICANT | {"contract_no": "BA-1"})
    assert by_filing == told


@pytest.mark.parametrize("nobody", [SELLER, TENANT, WIFE])
def test_who_does_not_buy_by_a_contract_is_answered_as_if_there_were_none(
    latest: Latest, nobody: dict[str, str]
) -> None:
    nothing = {"matched": False, "sales": []}
    assert answered(latest, "bank", "applicant_contract", APPLICANT | {"applicant": nobody}) == nothing
    assert answered(latest, "bank", "applicant_contract", APPLICANT | {"contract_no": "S-none"}) == nothing


def test_a_contract_that_is_not_filed_yet_is_no_basis_of_a_loan(latest: Latest) -> None:
    signed = {"contract_status": "SIGNED", "filing_no": None, "filed_at": None}
    latest.put("sale", sale_of(4, SELLER, TENANT), **signed)
    told = answered(latest, "bank", "applicant_contract", {"applicant": TENANT, "contract_no": "S-4"})
    assert told["matched"] is False


def test_a_number_of_several_contracts_is_not_answered_with_one_of_them(latest: Latest) -> None:
    for n in (5, 6):
        latest.put("sale", sale_of(n, SELLER, TENANT), contract_no="S-twice", contract_status="CANCELLED")
    answer = latest.ask("bank", "applicant_contract", {"applicant": TENANT, "contract_no": "S-twice"})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["path"] == "asked.contract_no"


# --- the number of homes ----------------------------------------------------------------------------------------------


def units(latest: Latest, **asked: Any) -> dict[str, Any]:
    return answered(latest, "bank", "household_units", {"borrower": HUSBAND} | asked)


def test_the_number_of_homes_of_a_family_by_its_record_and_no_address(latest: Latest) -> None:
    before = str(day_in_china(datetime.now(UTC)))
    told = units(latest)
    # House 1 by contract, house 2 by the wife's title.
    assert told["unit_count"] == 2
    assert (told["family_source"], told["notes"]) == ("RECORD", [])
    assert told["counted_on"] in {before, str(day_in_china(datetime.now(UTC)))}
    assert (told["rule_version"], "建房〔2010〕83号" in told["count_basis"]) == ("1", True)
    assert "411481" in told["coverage"]
    assert "样本路" not in str(told)
    assert units(latest, house_code="HOUSE-1")["unit_count"] == 1


def test_addresses_are_told_for_the_purpose_of_an_objection_alone(latest: Latest) -> None:
    told = answered(latest, "bank", "household_homes", {"borrower": WIFE})
    assert [(home["address"], home["counts_by"]) for home in told["homes"]] == [
        ("样本路1号", "CONTRACT"),
        ("样本路2号", "TITLE"),
    ]
    refused = latest.ask("bank", "household_homes", {"borrower": WIFE}, purpose="HOME_COUNT")
    assert refused.status_code == 403


def test_the_access_log_notes_the_family_that_was_counted_and_houses_where_they_are_told(
    latest: Latest,
) -> None:
    units(latest)
    answered(latest, "bank", "household_homes", {"borrower": WIFE})
    counted, told = latest.accesses()[-2:]
    refs = {party_ref(KEY, one["id_type"], one["id_no"]) for one in (HUSBAND, WIFE, SON)}
    for row in (counted, told):
        assert dict(zip(row["told_parties"], row["told_stands"], strict=True)) == dict.fromkeys(refs, "*")
    assert (counted["told_houses"], told["told_houses"]) == ([], ["HOUSE-1", "HOUSE-2"])
    answered(latest, "bank", "applicant_contract", APPLICANT)
    row = latest.accesses()[-1]
    assert set(row["told_stands"]) == {"sales:parties.BUYER", "sales:parties.SELLER"}
    assert (row["told_houses"], row["told_entities"]) == (["HOUSE-1"], ["S-1"])


def test_a_family_that_the_bank_was_shown_goes_before_the_record(latest: Latest) -> None:
    alone = units(latest, unmarried=True)
    assert (alone["unit_count"], alone["family_source"]) == (1, "GIVEN")
    married = units(latest, spouse=TENANT)
    assert (married["unit_count"], married["family_source"]) == (2, "GIVEN")
    grown = units(latest, spouse=TENANT, minor_children=[WIFE])
    assert (grown["unit_count"], grown["notes"]) == (2, ["GROWN_UP"])


def test_who_has_no_record_is_counted_alone_and_that_is_said(latest: Latest) -> None:
    told = units(latest, borrower=TENANT)
    assert (told["unit_count"], told["family_source"], told["notes"]) == (1, "NONE", ["FAMILY_UNKNOWN"])


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"spouse": WIFE, "unmarried": True}, "asked.unmarried"),
        ({"minor_children": [SON]}, "asked.spouse"),
        ({"spouse": WIFE | {"id_no": "1"}}, "asked.spouse"),
    ],
)
def test_a_family_that_cannot_be_is_refused(latest: Latest, asked: dict[str, Any], path: str) -> None:
    answer = latest.ask("bank", "household_units", {"borrower": HUSBAND} | asked)
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["path"].startswith(path)


# --- the base of a loan -----------------------------------------------------------------------------------------------


def test_the_base_of_a_loan_and_the_least_down_payment(latest: Latest) -> None:
    told = answered(latest, "bank", "loan_base", APPLICANT)
    # min(560000, 575000) = 560000; one home beside it (the wife's): 15 % by the notice of 2024-09-29.
    assert (told["matched"], told["unit_count"]) == (True, 1)
    assert (told["loan_base"], told["down_payment_share"]) == ("560000.00", "0.15")
    # 560000 × 0.85 = 476000, and the rest of the price.
    assert (told["highest_loan"], told["least_down_payment"]) == ("476000.00", "84000.00")
    base = told["figures"][0]
    assert (base["name"], base["clause"]) == ("loan_base", "L1")
    assert base["rests_on"] == ["filed_price=560000.00", "appraisal=575000.00"]
    assert base["legal_basis"].startswith("建房〔2020〕61号 二")


def test_a_lower_appraisal_of_the_lender_lowers_the_base(latest: Latest) -> None:
    told = answered(latest, "fund", "loan_base", APPLICANT | {"appraisal": "500000.00"})
    # min(560000, 500000) × 0.80 = 400000 by a loan of the fund.
    assert (told["loan_base"], told["down_payment_share"]) == ("500000.00", "0.20")
    assert (told["highest_loan"], told["least_down_payment"]) == ("400000.00", "160000.00")


def test_without_a_family_no_share_is_guessed(latest: Latest) -> None:
    latest.put("sale", sale_of(7, SELLER, TENANT), contract_status="FILED")
    told = answered(latest, "bank", "loan_base", {"applicant": TENANT, "contract_no": "S-7"})
    assert (told["loan_base"], told["highest_loan"]) == ("560000.00", None)
    assert told["figures"][1]["missing"] == ["home count"]
    nobody = answered(latest, "bank", "loan_base", APPLICANT | {"applicant": SELLER})
    assert (nobody["matched"], nobody["loan_base"], nobody["unit_count"]) == (False, None, None)


# --- what was lent on -------------------------------------------------------------------------------------------------


def test_a_bank_follows_what_it_has_lent_on_and_another_does_not(latest: Latest) -> None:
    mortgage = example_json("mortgage", "filed") | {"entity_id": "M-1", "contract_no": "M-1"}
    latest.put("mortgage", mortgage, sale_contract_no="S-1", interested=["bank.icbc"])
    for number in ("M-1", "S-1"):
        told = answered(latest, "bank", "mortgage_status", {"contract_no": number})
        assert [(one["contract_no"], one["contract_status"]) for one in told["mortgages"]] == [
            ("M-1", "FILED")
        ]
        assert [(one["contract_no"], one["contract_status"]) for one in told["sales"]] == [("S-1", "FILED")]
    other = answered(latest, "bank", "mortgage_status", {"contract_no": "M-1"}, principal="bank.ccb")
    assert other == {"mortgages": [], "sales": []}
    latest.put(
        "sale", sale_of(1, SELLER, HUSBAND), interested=["bank.icbc"], revision=3, contract_status="CANCELLED"
    )
    told = answered(latest, "bank", "mortgage_status", {"contract_no": "M-1"})
    assert told["sales"][0]["contract_status"] == "CANCELLED"


# --- what can be drawn for rent ---------------------------------------------------------------------------------------

YEAR = {"claimant": SON, "unmarried": True, "period_start": "2021-01-01", "period_end": "2021-12-31"}
FILED = f"{TODAY.year}-{TODAY.month:02d}-01T00:30:00Z"


NUMBERS = itertools.count(100)


def market(latest: Latest, rents: list[int], **changes: Any) -> None:
    for rent in rents:
        n = next(NUMBERS)
        latest.put(
            "lease",
            lease_of(n, SELLER, TENANT, **changes),
            rent_amount=f"{rent}.00",
            filed_at=FILED,
            entity_id=f"M-{n}",
        )


def test_the_least_of_filed_rent_invoice_and_market_rent(latest: Latest) -> None:
    latest.put("lease", lease_of(8, SELLER, SON), layout_code="2")
    filed = answered(latest, "fund", "withdrawal_basis", YEAR)
    # No invoice yet, and no market: 12 × 1200.
    assert filed["withdrawal"] == "14400.00"
    (lease,) = filed["leases"]
    assert (lease["filed_rent"], lease["invoiced_rent"], lease["market_rent"]) == ("14400.00", None, None)
    assert (lease["market_sample"], lease["months"], lease["borne_share"]) == (0, "12", "1")
    assert [party["role"] for party in lease["parties"]] == ["LESSOR", "LESSEE"]
    invoice = example_json("feedback", "rent-invoice") | {"about_entity_id": "L-8", "status": "ACTIVE"}
    year = {"period_start": "2021-01-01", "period_end": "2021-12-31"}
    latest.put("feedback", invoice, amount="13200.00", **year)
    assert answered(latest, "fund", "withdrawal_basis", YEAR)["withdrawal"] == "13200.00"
    # Nine leases of the layout and band are too few; with those of another layout there are ten: the median is 1040.
    market(latest, [1000] * 4 + [1040] * 5, layout_code="2")
    market(latest, [5000], layout_code="3")
    told = answered(latest, "fund", "withdrawal_basis", YEAR)
    (lease,) = told["leases"]
    assert (lease["market_level"], lease["market_sample"], lease["market_median"]) == ("BAND", 10, "1040.00")
    # 12 × 1040, the least.
    assert (lease["market_rent"], lease["amount"], told["withdrawal"]) == ("12480.00",) * 3
    assert "sample=10" in str(told["figures"])
    # A tenth of the layout: the closest comparison counts; (1000 + 1040) / 2 = 1020.
    market(latest, [1000], layout_code="2")
    (lease,) = answered(latest, "fund", "withdrawal_basis", YEAR)["leases"]
    assert (lease["market_level"], lease["market_sample"], lease["market_median"]) == (
        "LAYOUT_BAND",
        10,
        "1020.00",
    )


def test_who_has_a_home_or_no_family_that_is_known_draws_nothing_that_is_guessed(latest: Latest) -> None:
    latest.put("lease", lease_of(9, SELLER, WIFE))
    owner = answered(latest, "fund", "withdrawal_basis", YEAR | {"claimant": WIFE})
    assert (owner["withdrawal"], owner["unit_count"]) == ("0", 1)
    unknown = YEAR | {"claimant": TENANT, "unmarried": False}
    told = answered(latest, "fund", "withdrawal_basis", unknown)
    assert (told["withdrawal"], told["figures"][0]["missing"]) == (
        None,
        ["home count of claimant and spouse"],
    )


def test_a_time_that_is_none_is_refused(latest: Latest) -> None:
    for end in ("2020-12-31", "2024-01-01"):
        answer = latest.ask("fund", "withdrawal_basis", YEAR | {"period_end": end})
        assert answer.status_code == 422, end


# --- another city's fund ----------------------------------------------------------------------------------------------


def asked_from(latest: Latest, city_code: str, name: str, purpose: str, asked: Any) -> httpx.Response:
    token, presented = made_token("fund")
    body = {"officer": OFFICER, "purpose": purpose, "business_no": "YD-1", "asked": asked}
    headers = {"Authorization": f"Bearer {presented}"}
    return latest.talk(
        lambda client: client.post(f"/v1/query/fund/{name}", json=body, headers=headers),
        replace(token, city_code=city_code),
    )


def test_the_fund_of_another_city_is_answered_the_same_and_its_city_is_noted(latest: Latest) -> None:
    own = answered(latest, "fund", "household_units", {"borrower": WIFE})
    answer = asked_from(latest, "410100", "household_units", "HOME_COUNT", {"borrower": WIFE})
    assert answer.json()["answer"] == own
    *_, before, row = latest.accesses()
    assert (before["city_code"], row["city_code"], row["principal"]) == (None, "410100", "fund")


def test_what_is_not_open_to_other_cities_is_refused_them(latest: Latest) -> None:
    refused = asked_from(latest, "410100", "applicant_contract", "HOME_LOAN_REVIEW", APPLICANT)
    assert (refused.status_code, "other cities" in refused.json()["detail"]) == (403, True)
    row = latest.accesses()[-1]
    assert (row["granted"], row["city_code"]) == (False, "410100")
