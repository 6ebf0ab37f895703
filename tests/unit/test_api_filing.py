"""From JSON to the bytes on intake."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest

from broker.admission.intake import read
from broker.admission.model import Candidate
from broker.api.bodies import parsed
from broker.api.problems import ProblemError
from broker.codec import MAX_RECORD_BYTES
from broker.kafka import Record
from tests.support.front_door import SLOTS, forms, json_of, made_token
from tests.support.story import sold_house

FORMS, DECODER = forms()
TOKEN, _ = made_token("bureau")
UNIT, SIGNED, _ = sold_house()


def refused(event: Any, subject: str = "sale", principal: str = "bureau", *scopes: str) -> ProblemError:
    token, _ = made_token(principal, *scopes)
    with pytest.raises(ProblemError) as caught:
        FORMS.filing(token, subject, event)
    return caught.value


def test_admission_reads_what_is_written_and_knows_it_by_the_same_digest() -> None:
    filing = FORMS.filing(TOKEN, "sale", json_of(SIGNED))
    message = filing.message
    assert message.topic == "intake.bureau"
    record = Record(message.topic, message.partition, 0, 0, message.key, message.value, ())
    found = read(record, DECODER, FORMS.catalogue, SLOTS)
    assert isinstance(found, Candidate)
    assert (found.principal, found.event_id, found.sha256) == (
        "bureau",
        SIGNED.record["event_id"],
        filing.sha256,
    )
    assert hashlib.sha256(message.value or b"").hexdigest() == filing.sha256


def test_the_same_content_in_any_form_is_the_same_bytes() -> None:
    body = json_of(SIGNED)
    first = FORMS.filing(TOKEN, "sale", body).message
    again = dict(reversed(body.items())) | {
        "source": "bureau",
        "total_price": Decimal(body["total_price"]),
        "occurred_at": body["occurred_at"].replace("Z", "+00:00"),
        "group_id": None,
    }
    assert FORMS.filing(TOKEN, "sale", again).message == first
    assert FORMS.filing(TOKEN, "sale", parsed(json.dumps(body, indent=2).encode())).message == first
    assert FORMS.filing(TOKEN, "sale", body | {"county_code": "411403"}).message != first


def test_what_the_token_may_not_comes_before_what_is_wrong() -> None:
    assert refused({"event_type": 1}, "seizure").status == 403
    assert refused({}, "sale", "bureau", "file:lease").status == 403
    assert refused({}, "sale", "bureau", "read").status == 403
    assert refused({"source": "court"}).status == 403
    assert refused({"source": None}).status == 403
    assert refused({"event_type": "INTEREST_CHANGED"}).status == 403


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"event_id": "x"}, "event_id"),
        ({"event_id": None}, "event_id"),
        ({"event_type": "MADE_UP"}, "event_type"),
        ({"version": 0}, "version"),
        ({"version": 2**63}, "version"),
        ({"total_price": "1e9"}, "total_price"),
        ({"total_price": True}, "total_price"),
        ({"occurred_at": "2020-12-01T10:00:00"}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"contract_status": "FILED"}, "contract_status"),
        ({"revision": 1}, "revision"),
        ({"interested": ["tax"]}, "interested"),
        ({"parties": {}}, "parties"),
        ({"parties": [{**json_of(SIGNED)["parties"][0], "party_ref": "a" * 64}]}, "parties[0].party_ref"),
        ({"parties": [{}]}, "parties[0].role"),
        ({"made_up": 1}, "made_up"),
    ],
)
def test_a_wrong_field_is_named_with_how_to_mend_it(change: dict[str, Any], path: str) -> None:
    problem = refused(json_of(SIGNED) | change)
    assert problem.status == 422
    listed = problem.more["problems"]
    assert path in [one["path"] for one in listed]
    assert all(one["what"] and one["how"] for one in listed)


@pytest.mark.parametrize("body", [None, [], "x", 1, Decimal("1.5"), True])
def test_what_is_no_object_is_no_filing(body: Any) -> None:
    assert refused(body).status == 422


@pytest.mark.parametrize("entity_id", ["", "a b", "a\tb", "x" * 121])
def test_an_id_that_admission_would_quarantine_is_not_taken(entity_id: str) -> None:
    assert refused(json_of(SIGNED) | {"entity_id": entity_id}).status == 422


def test_a_record_that_is_too_large_for_the_intake_is_413() -> None:
    party = json_of(SIGNED)["parties"][0]
    many = [party | {"name": "某" * 1_000} for _ in range(MAX_RECORD_BYTES // 3_000 + 1)]
    assert refused(json_of(SIGNED) | {"parties": many}).status == 413


def test_no_problem_repeats_what_was_sent() -> None:
    secret = "王某某41142119850115123X"
    body = json_of(SIGNED)
    wrong = {name: [secret] for name in body} | {secret: secret, "source": secret}
    for event in (wrong, {k: v for k, v in wrong.items() if k != "source"}):
        problem = refused(event)
        assert secret not in json.dumps(problem.document(), ensure_ascii=False)
        assert secret not in str(problem)
