"""What a source may send, and how its files are read; all that needs no server."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from inspect import signature
from io import BytesIO
from typing import Any

import fastavro
import pytest

from broker.errors import ConfigError
from broker.kafka import Outgoing
from producers.bank import BankCcb, BankIcbc
from producers.bureau import Bureau
from producers.civil import CivilAffairs
from producers.court import Court
from producers.events import InvalidEvent, checked_record
from producers.fund import Fund
from producers.jsonlines import Summary, derived_event_id, read_lines
from producers.police import Police
from producers.publisher import Decision, Place, Prepared, Publisher, Reason
from producers.registry import RegistrationOffice
from producers.simulator.dirt import CLEAN
from producers.simulator.stream import plan
from producers.source import Source
from producers.tax import Tax
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, parsed
from schemas.jsonform import to_json

SOURCES: tuple[type[Source], ...] = (
    Bureau,
    Court,
    Fund,
    BankIcbc,
    BankCcb,
    Tax,
    Police,
    RegistrationOffice,
    CivilAffairs,
)


@cache
def _first(subject: str, event_type: str) -> str:
    found = next(
        p
        for p in plan(3, 4000, CLEAN)
        if p.subject == subject and p.facts and p.facts.event_type == event_type
    )
    schema = parsed(subject, latest_version(subject))
    written = to_json(schema, fastavro.schemaless_reader(BytesIO(found.body or b""), schema, None))
    return json.dumps({name: value for name, value in written.items() if value is not None})


def json_event(subject: str, event_type: str, **changes: Any) -> dict[str, Any]:
    """The first such event of a simulated city, in JSON form, without nulls."""
    event: dict[str, Any] = json.loads(_first(subject, event_type))
    return event | changes


def problems(principal: str, subject: str, event: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidEvent) as caught:
        checked_record(load_catalogue(), principal, subject, event)
    return {problem.path: problem.how for problem in caught.value.problems}


# --- events ---------------------------------------------------------------------------------------------------------


def test_a_right_event_becomes_a_record() -> None:
    event = json_event("sale", "FILED")
    record = checked_record(load_catalogue(), "bureau", "sale", event)
    assert record["total_price"] == Decimal(event["total_price"])
    assert record["parties"][0]["name"]["key_id"] == "clear"
    assert record["revision"] is None


def test_the_source_may_be_left_out_but_not_be_another() -> None:
    event = json_event("sale", "FILED")
    del event["source"]
    assert checked_record(load_catalogue(), "bureau", "sale", event)["source"] == "bureau"
    assert problems("bureau", "sale", event | {"source": "tax"}) == {
        "source": "write bureau, or leave it out"
    }


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"total_price": "12,5"}, "total_price"),
        ({"signed_at": "2021-01-04T09:00:00"}, "signed_at"),
        ({"contract_status": "SIGNED"}, "contract_status"),
        ({"event_type": "INTEREST_CHANGED"}, "event_type"),
        ({"event_id": "1"}, "event_id"),
        ({"version": 0}, "version"),
        ({"revision": 1}, "revision"),
        ({"prise": 1}, "prise"),
        ({"parties": [{"role": "BUYER"}]}, "parties[0].name"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(changes: dict[str, Any], path: str) -> None:
    assert path in problems("bureau", "sale", json_event("sale", "FILED") | changes)


def test_no_problem_holds_a_personal_value() -> None:
    event = json_event("sale", "FILED")
    secret = event["parties"][0]["name"]
    event["parties"][0]["name"] = {"whole": secret}
    with pytest.raises(InvalidEvent) as caught:
        checked_record(load_catalogue(), "bureau", "sale", event)
    assert secret not in str(caught.value)


def test_a_subject_that_the_source_does_not_send() -> None:
    assert problems("tax", "sale", json_event("sale", "FILED")) == {"subject": "it may send feedback"}


def test_an_unknown_principal_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"no principal bank\.boc"):
        checked_record(load_catalogue(), "bank.boc", "mortgage", {})


# --- sources --------------------------------------------------------------------------------------------------------


def decision(outcome: str, *codes: str) -> Decision:
    reasons = tuple(Reason(code, "REFUSE", "", "", None) for code in codes)
    now = datetime(2021, 1, 4, tzinfo=UTC)
    return Decision(
        "d", outcome, "e", "sale", "FILED", "S1", 1, None, now, Place("intake.bureau", 0, 0), reasons
    )


class Recorder(Publisher):
    """Keeps what a source would publish."""

    def __init__(self, principal: str) -> None:
        self.principal = principal
        self.events: list[tuple[str, dict[str, Any]]] = []

    def publish(self, subject: str, event: Mapping[str, Any], *, timeout_s: float = 30.0) -> Decision:
        self.events.append((subject, dict(event)))
        return decision("ACCEPTED")


def without_envelope(event: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in event.items()
        if name
        not in ("event_id", "event_type", "version", "source", "occurred_at", "contract_status", "entity_id")
    }


def test_a_source_puts_fields_into_their_envelope() -> None:
    publisher = Recorder("bureau")
    sale = without_envelope(json_event("sale", "FILED"))
    assert Bureau(publisher).file_sale(sale, version=2).accepted
    ((subject, event),) = publisher.events
    record = checked_record(load_catalogue(), "bureau", subject, event)
    assert (subject, record["event_type"], record["version"]) == ("sale", "FILED", 2)
    assert (record["entity_id"], record["contract_status"]) == (sale["contract_no"], "FILED")


def test_each_sources_own_calls() -> None:
    seizure = without_envelope(json_event("seizure", "RELEASED"))
    listing = without_envelope(json_event("defaulter", "LISTED"))
    title = without_envelope(json_event("title", "REGISTERED"))
    mortgage = without_envelope(json_event("mortgage", "FILED"))
    household = without_envelope(json_event("household", "RECORDED"))
    feedback = without_envelope(json_event("feedback", "REPORTED")) | {"entity_id": "F1"}
    publishers = {source.principal: Recorder(source.principal) for source in SOURCES}
    Court(publishers["court"]).seize(seizure)
    Court(publishers["court"]).release(seizure, 2)
    Court(publishers["court"]).list_defaulter(listing | {"entity_id": "D1"})
    RegistrationOffice(publishers["registry"]).register_title(title | {"entity_id": "T1"})
    BankIcbc(publishers["bank.icbc"]).file_mortgage(mortgage)
    Fund(publishers["fund"]).cancel_mortgage(mortgage, 3)
    Tax(publishers["tax"]).report_tax_paid(feedback)
    Police(publishers["police"]).report_residence_match(feedback)
    CivilAffairs(publishers["civil"]).record_household(household | {"entity_id": "H1"})
    told = {}
    for name, publisher in publishers.items():
        records = [
            checked_record(load_catalogue(), name, subject, event) for subject, event in publisher.events
        ]
        told[name] = [record["event_type"] for record in records]
    assert told == {
        "bureau": [],
        "court": ["SEIZED", "RELEASED", "LISTED"],
        "registry": ["REGISTERED"],
        "bank.icbc": ["FILED"],
        "bank.ccb": [],
        "fund": ["CANCELLED"],
        "tax": ["REPORTED"],
        "police": ["REPORTED"],
        "civil": ["RECORDED"],
    }


@pytest.mark.parametrize("source", SOURCES)
def test_every_call_of_a_source_is_one_that_the_catalogue_lets_it_make(source: type[Source]) -> None:
    publisher = Recorder(source.principal)
    made = source(publisher)
    shared = ("principal", "connected", "tell", "event", "report")
    calls = [getattr(made, name) for name in dir(source) if not name.startswith("_") and name not in shared]
    for call in calls:
        call({}, 2) if "version" in signature(call).parameters else call({})
    assert len(publisher.events) == len(calls)
    for subject, event in publisher.events:
        assert load_catalogue().may_send(source.principal, subject, event["event_type"])


# --- files ----------------------------------------------------------------------------------------------------------


def read(lines: Iterable[bytes], principal: str = "bureau") -> tuple[list[tuple[int, Prepared]], Summary]:
    def prepare(subject: str, event: dict[str, Any]) -> Prepared:
        record = checked_record(load_catalogue(), principal, subject, event)
        return Prepared(subject, record["event_id"], record["entity_id"], Outgoing("t", 0, None, None))

    summary = Summary()
    return list(read_lines(lines, prepare, principal, summary)), summary


def line(**changes: Any) -> bytes:
    return json.dumps(
        {"subject": "sale"} | json_event("sale", "FILED", **changes), ensure_ascii=False
    ).encode()


def test_every_line_is_prepared_or_is_a_problem_with_its_number() -> None:
    lines = [
        b"\xef\xbb\xbf" + line(),
        b"\n",
        line(total_price="much"),
        b"{oops",
        b"[1]",
        b'{"a":"\xff"}',
        b'{"subject":"sale","version":1,"version":2}',
        json.dumps(json_event("sale", "FILED")).encode(),
        b"[" * 100_000,
        line(version=2),
    ]
    prepared, summary = read(lines)
    assert [number for number, _ in prepared] == [1, 10]
    assert summary.lines == 9
    assert {item.line: item.problem.path for item in summary.problems} == {
        3: "total_price", 4: "", 5: "", 6: "", 7: "version", 8: "subject", 9: "",
    }  # fmt: skip
    assert "line 3, total_price: " in str(summary.problems[0])
    assert (
        str(summary) == "9 lines: 0 sent (0 accepted, 0 refused, 0 duplicate, 0 not decided yet), 7 not sent"
    )
    assert not summary.complete


def test_a_line_without_an_event_id_has_one_of_its_own() -> None:
    event = json_event("sale", "FILED")
    del event["event_id"]
    lines = [
        json.dumps({"subject": "sale"} | form).encode()
        for form in (event, dict(reversed(event.items())), event | {"version": 5})
    ]
    prepared, summary = read(lines)
    assert not summary.problems
    first, second, third = (item.event_id for _, item in prepared)
    assert first == second != third
    assert derived_event_id("bureau", "sale", {"a": 1}) != derived_event_id("court", "sale", {"a": 1})


def test_a_source_of_one_subject_need_not_name_it() -> None:
    form = json_event("feedback", "REPORTED", source="tax")
    prepared, summary = read([json.dumps(form).encode()], "tax")
    assert not summary.problems
    assert prepared[0][1].subject == "feedback"


def test_numbers_in_a_file_are_exact() -> None:
    text = line().decode()
    price = json.loads(text)["total_price"]
    prepared, summary = read([text.replace(f'"{price}"', price).encode()])
    assert not summary.problems
    assert len(prepared) == 1


def test_the_summary_counts_each_answer() -> None:
    summary = Summary(lines=3, sent=3)
    summary.add(1, decision("REFUSED", "STALE"))
    summary.add(2, None)
    assert (summary.outcomes["REFUSED"], summary.reasons["STALE"], summary.undecided) == (1, 1, [2])
    assert summary.refused[0].line == 1
