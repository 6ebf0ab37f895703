"""Questions of eligibility: their form, and what they are turned into."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from broker.api.problems import ProblemError
from broker.api.questions import read_question

SALE = {"subject": "sale", "house_code": "H1", "county_code": "411402", "contract_kind": "21"}


def test_a_question_names_only_what_belongs_to_its_contract() -> None:
    body = SALE | {"rank": 1, "presale_permit_no": "P1", "lease_end": "2030-01-02"}
    assert read_question(body).question("bureau").details == (("presale_permit_no", "P1"),)
    lease = read_question(body | {"subject": "lease"}).question("bureau")
    assert lease.details == (("lease_end", date(2030, 1, 2)),)
    mortgage = read_question(body | {"subject": "mortgage", "secured_principal": "10.50"}).question("bureau")
    assert mortgage.details == (("rank", 1), ("secured_principal", Decimal("10.50")))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"subject": "unit"}, "subject"),
        ({"house_code": ""}, "house_code"),
        ({"house_code": "a\x00b"}, "house_code"),
        ({"house_code": "\ud800"}, "house_code"),
        ({"county_code": "41140"}, "county_code"),
        ({"county_code": "411402\n"}, "county_code"),
        ({"lease_end": 20300102}, "lease_end"),
        ({"lease_end": "2030-02-31"}, "lease_end"),
        ({"lease_end": "2030-01-02T00:00:00"}, "lease_end"),
        ({"rank": "1"}, "rank"),
        ({"rank": True}, "rank"),
        ({"secured_principal": "NaN"}, "secured_principal"),
        ({"secured_principal": "0.001"}, "secured_principal"),
        ({"parties": [{"role": "BUYER"}]}, "parties[0].id_type"),
        ({"parties": [{"role": "BUYER", "id_type": "1", "id_no": "x"}] * 51}, "parties"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], path: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_question(SALE | change)
    assert caught.value.status == 422
    assert path in [one["path"] for one in caught.value.more["problems"]]


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_what_is_no_object_is_no_question(body: Any) -> None:
    with pytest.raises(ProblemError):
        read_question(body)


def test_no_problem_repeats_what_was_sent() -> None:
    secret = "41142119850115123X "
    wrong = {name: {secret: secret} for name in (*SALE, "parties", "rank", "lease_end", "appraisal_price")}
    for body in (wrong, SALE | {secret: secret}, SALE | {"parties": [secret]}, SALE | {"lease_end": secret}):
        with pytest.raises(ProblemError) as caught:
            read_question(body)
        assert secret.strip() not in json.dumps(caught.value.document(), ensure_ascii=False)
