"""Records of the stock that lack what is reckoned from: counted, and what would rest on them is not known."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.homes import (
    HUSBAND,
    SELLER,
    TENANT,
    WIFE,
    answered,
    household_of,
    lease_of,
    sale_of,
    title_of,
)
from tests.support.latest import Latest, Record, example_json, latest_on

LOST = {"key_id": "clear", "nonce": b"", "ciphertext": b"\xff"}
"""What no reader can make a number of."""
YEAR = {"period_start": "2021-01-01", "period_end": "2021-12-31"}


@pytest.fixture(scope="module")
def latest(dsn: str) -> Iterator[Latest]:
    """The husband has bought house 1 of somebody whose document is lost, and buys house 2; the wife rents of such a one
    too."""
    with latest_on(dsn) as one:
        one.put("sale", sale_of(2, SELLER, HUSBAND))
        one.put("title", title_of(1, HUSBAND))
        one.put_all("sale", [without_document(one.put("sale", sale_of(1, SELLER, HUSBAND)), "parties")])
        one.put("household", household_of("J-2", TENANT))
        one.put_all(
            "household", [without_document(one.put("household", household_of("J-2", TENANT)), "members")]
        )
        one.put("lease", lease_of(1, SELLER, WIFE))
        with psycopg.connect(dsn) as db:
            db.execute(
                "UPDATE latest.lease_parties SET party_ref = NULL WHERE entity_id = 'L-1' AND role = 'LESSOR'"
            )
        yield one


def without_document(folded: Record, parties: str) -> Record:
    """The next revision, whose first party is under a number that nobody can read."""
    first, *others = folded[parties]
    found = [first | {"id_no": LOST}, *others]
    more = [first] if parties == "members" else []
    return folded | {"revision": folded["revision"] + 1, parties: [*found, *more]}


def count(latest: Latest, person: dict[str, str], **asked: Any) -> tuple[int, int, list[str]]:
    told = answered(latest, "bank", "household_units", {"borrower": person} | asked)
    return told["unit_count"], told["unread_records"], told["notes"]


def test_a_count_says_how_many_records_it_could_not_read(latest: Latest) -> None:
    # House 1 by its title, house 2 by its contract; the contract of house 1 is unread.
    assert count(latest, HUSBAND, unmarried=True) == (2, 1, ["RECORDS_UNREAD"])
    means = answered(latest, "civil", "household_means", {"authority_no": "AU-1", "members": [HUSBAND]})
    assert (means["unit_count"], means["unread_records"]) == (2, 1)
    assert count(latest, WIFE, unmarried=True) == (0, 0, [])


def test_a_household_record_that_is_unread_tells_no_family(latest: Latest) -> None:
    assert count(latest, TENANT) == (0, 1, ["FAMILY_UNKNOWN", "RECORDS_UNREAD"])


def test_nothing_rests_on_a_count_that_is_not_sure(latest: Latest) -> None:
    asked = {"applicant": HUSBAND, "contract_no": "S-2", "unmarried": True}
    told = answered(latest, "bank", "loan_base", asked)
    assert (told["loan_base"], told["highest_loan"], told["unread_records"]) == ("560000.00", None, 1)
    assert told["figures"][1]["missing"] == ["home count"]
    latest.put("household", household_of("J-1", HUSBAND))
    form = answered(latest, "tax", "sale_prefill", {"contract_no": "S-2"})
    (buyer,) = [one for one in form["households"] if one["role"] == "BUYER"]
    assert (buyer["homes"], buyer["family_source"], buyer["unread_records"]) == (None, "RECORD", 1)
    assert (form["state"], form["deed_tax"]) == ("PREFILLED", None)


@pytest.mark.parametrize(
    ("department", "name", "asked"),
    [("tax", "sale_prefill", {}), ("bank", "loan_base", {"applicant": HUSBAND, "unmarried": True})],
)
def test_a_contract_that_cannot_be_reckoned_from_is_refused_by_name(
    latest: Latest, department: str, name: str, asked: dict[str, Any]
) -> None:
    answer = latest.ask(department, name, asked | {"contract_no": "S-1"})
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert problem["path"] == "asked.contract_no"
    assert "sale.parties[0].party_ref is missing" in problem["what"]


def test_what_has_to_be_told_and_cannot_be_read_is_refused_and_not_left_out(latest: Latest) -> None:
    answer = latest.ask("tax", "sale", {"contract_no": "S-1"})
    assert answer.status_code == 422
    assert "sales has a protected value that cannot be read" in answer.json()["problems"][0]["what"]
    assert latest.accesses()[-1]["code"] == "invalid"
    # To a lender the sellers are not told.
    asked = {"applicant": HUSBAND, "contract_no": "S-1"}
    assert answered(latest, "bank", "applicant_contract", asked)["matched"]


def test_a_lease_that_cannot_be_reckoned_from_leaves_the_sum_open(latest: Latest) -> None:
    asked = {"claimant": WIFE, "unmarried": True} | YEAR
    told = answered(latest, "fund", "withdrawal_basis", asked)
    assert (told["withdrawal"], told["unread_records"]) == (None, 1)
    assert told["figures"][0]["missing"] == ["every lease, complete"]
    assert [one["left_out"] for one in told["leases"]] == ["UNREAD"]
    assert [party["role"] for party in told["leases"][0]["parties"]] == ["LESSOR", "LESSEE"]


def test_an_invoice_that_cannot_be_read_leaves_the_sum_open(latest: Latest) -> None:
    tenant = {"id_type": "3", "id_no": "E55500001"}
    latest.put("lease", lease_of(5, SELLER, tenant))
    asked = {"claimant": tenant, "unmarried": True} | YEAR
    assert answered(latest, "fund", "withdrawal_basis", asked)["withdrawal"] == "14400.00"
    invoice = example_json("feedback", "rent-invoice") | {"about_entity_id": "L-5", "status": "ACTIVE"}
    latest.put("feedback", invoice, amount=None)
    told = answered(latest, "fund", "withdrawal_basis", asked)
    assert (told["withdrawal"], told["unread_records"], told["unit_count"]) == (None, 1, 0)
