"""The plan of a city: the same for the same seed, right where it is clean, and with every kind of dirt."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import fastavro
import pytest

from producers.simulator.city import COUNTIES
from producers.simulator.dirt import CLEAN, DEFAULT_RATES, scaled
from producers.simulator.dirt_kinds import KINDS
from producers.simulator.dossier import BEGIN
from producers.simulator.ledger import Ledger, Planned
from producers.simulator.model_tables import FAULTS, LIFECYCLES, MAY_SEND, PRINCIPAL_OF_USCC
from producers.simulator.numbers import UNASSIGNED_COUNTY
from producers.simulator.stream import plan
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema, parsed
from schemas.identifiers import case_no, citizen_id, house_code, phone, realty_unit, uscc
from schemas.identifiers.documents import check_passport
from schemas.jsonform import from_json, to_json


@pytest.fixture(scope="module")
def clean() -> list[Planned]:
    return list(plan(20, 12_000, CLEAN))


@pytest.fixture(scope="module")
def dirty() -> list[Planned]:
    return list(plan(21, 12_000))


def digest(records: Iterator[Planned]) -> str:
    found = hashlib.sha256()
    for planned in records:
        found.update(repr(planned[:6]).encode() + repr(planned[7:]).encode())
    return found.hexdigest()


def test_the_same_seed_gives_the_same_plan_byte_for_byte() -> None:
    assert digest(plan(7, 3000)) == digest(plan(7, 3000))
    assert digest(plan(7, 3000)) != digest(plan(8, 3000))


def test_two_seeds_have_no_entity_in_common() -> None:
    ids = [{(p.subject, p.facts.entity_id) for p in plan(seed, 3000) if p.facts} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_a_plan_has_as_many_records_as_asked_for(clean: list[Planned]) -> None:
    assert len(clean) == 12_000
    assert len(list(plan(1, 1))) == 1
    assert not list(plan(1, 0))


def leaves(
    schema: dict[str, Any], record: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], Any, dict[str, Any]]]:
    """Every value with the field that it is in, and the record around it."""
    for field in schema["fields"]:
        value = record.get(field["name"])
        type_ = field["type"][-1] if isinstance(field["type"], list) else field["type"]
        items = type_.get("items") if isinstance(type_, dict) and type_["type"] == "array" else None
        for item in (value or []) if items else [value]:
            if item is None:
                continue
            if isinstance(items, dict) and items["type"] == "record":
                yield from leaves(items, item)
            else:
                yield field, item["ciphertext"].decode() if isinstance(item, dict) else item, record


DOCUMENTS: dict[str, Callable[[str], bool]] = {
    "1": lambda value: citizen_id.check(value) is None and value.startswith(UNASSIGNED_COUNTY),
    "3": lambda value: check_passport(value) is None,
    "7": lambda value: uscc.check(value) is uscc.Result.VALID,
}
CHECKS = {
    "house_code": lambda value, _: house_code.check(value) is None,
    "realty_unit_no": lambda value, _: realty_unit.check(value) is None,
    "case_no": lambda value, _: case_no.check(value) is None,
    "uscc": lambda value, _: uscc.check(value) is uscc.Result.VALID,
    "phone": lambda value, _: phone.check(value) is None,
    "county": lambda value, _: value in {county.code for county in COUNTIES},
    "id_no": lambda value, party: DOCUMENTS[party["id_type"]](value),
}


def test_every_identifier_of_a_clean_plan_is_valid(clean: list[Planned]) -> None:
    seen: Counter[str] = Counter()
    for planned in clean[::3]:
        assert planned.record is not None
        for field, value, around in leaves(load_schema(planned.subject, 1), planned.record):
            if check := CHECKS.get(field.get("format", "")):
                assert check(value, around), f"{planned.subject}.{field['name']}"
                seen[field["format"]] += 1
    assert seen.keys() == CHECKS.keys()


def test_every_clean_record_has_the_json_form_of_its_schema(clean: list[Planned]) -> None:
    for planned in clean[::20]:
        schema = parsed(planned.subject, latest_version(planned.subject))
        record = fastavro.schemaless_reader(BytesIO(planned.body or b""), schema, None)
        assert from_json(schema, to_json(schema, record)) == record


def test_every_principal_sends_every_subject_that_it_may(clean: list[Planned]) -> None:
    catalogue = load_catalogue()
    wanted = {
        (name, subject) for name, principal in catalogue.principals.items() for subject in principal.sends
    }
    assert {(planned.principal, planned.subject) for planned in clean} == wanted


def test_every_event_type_appears(clean: list[Planned]) -> None:
    sent = {(planned.facts.subject, planned.facts.event_type) for planned in clean if planned.facts}
    assert sent == {(subject, event) for subject, steps in LIFECYCLES.items() for event in steps}


def test_projects_and_units_come_first_and_all_nine_counties_have_some() -> None:
    records = list(plan(3, 30_000, CLEAN))
    building = [p for p in records if p.subject in ("project", "unit")]
    first = records[: len([p for p in building if p.facts and p.facts.event_type == "REGISTERED"]) - 20]
    assert {planned.subject for planned in first[:2000]} == {"project", "unit"}
    assert {p.record["county_code"] for p in building if p.record} == {county.code for county in COUNTIES}


def test_each_record_is_keyed_by_its_house_or_its_own_id(dirty: list[Planned]) -> None:
    catalogue = load_catalogue()
    for planned in dirty:
        if planned.record and planned.dirt not in ("wrong_key", "tombstone"):
            by_house = catalogue.subjects[planned.subject].key == "house_code"
            expected = (planned.record.get("house_code") if by_house else None) or planned.record["entity_id"]
            assert planned.key == expected.encode()


def test_every_kind_of_dirt_is_there(dirty: list[Planned]) -> None:
    assert {planned.dirt for planned in dirty} - {None} == set(DEFAULT_RATES)
    # The rates are of planned events; what a kind sends besides is on top.
    share = sum(1 for planned in dirty if planned.dirt) / len(dirty)
    assert 0.5 * sum(DEFAULT_RATES.values()) < share < 1.2 * sum(DEFAULT_RATES.values())


def test_even_a_short_plan_has_nearly_all_kinds_and_a_clean_one_has_none(clean: list[Planned]) -> None:
    assert len({planned.dirt for planned in plan(4, 3000)}) > len(DEFAULT_RATES) - 8
    assert {planned.dirt for planned in clean} == {None}


def test_only_the_dirt_that_is_asked_for() -> None:
    found = {planned.dirt for planned in plan(4, 3000, {"double_sale": 0.01, "stale": 0.02})}
    assert found == {None, "double_sale", "stale"}
    with pytest.raises(ValueError, match="no such kind of dirt: mud"):
        plan(4, 10, {"mud": 0.1})
    with pytest.raises(ValueError, match="at most 1"):
        plan(4, 10, scaled(20))


def test_clean_facts_hold_what_the_record_says(clean: list[Planned]) -> None:
    for planned in clean[::50]:
        assert planned.facts is not None
        assert planned.record is not None
        for name, value in planned.facts._asdict().items():
            if name not in ("principal", "subject", "baseline", "terms"):
                assert planned.record.get(name) == value, name
        for name, value in planned.facts.terms.items():
            if name not in ("parties", "permits"):
                assert planned.record.get(name) == value, name


def test_versions_of_a_clean_plan_are_dense_and_times_never_run_backward(clean: list[Planned]) -> None:
    versions: Counter[tuple[str, str]] = Counter()
    last = None
    for planned in clean:
        assert planned.facts is not None
        assert planned.record is not None
        versions[planned.subject, planned.facts.entity_id] += 1
        assert planned.facts.version == versions[planned.subject, planned.facts.entity_id]
        assert last is None or planned.record["occurred_at"] >= last
        last = planned.record["occurred_at"]


def test_prices_are_those_of_the_city(clean: list[Planned]) -> None:
    signed = [
        p.record for p in clean if p.record and p.subject == "sale" and p.record["event_type"] == "SIGNED"
    ]
    mean = sum(record["unit_price"] for record in signed) / len(signed)
    assert 4000 < mean < 8000
    assert all(
        record["down_payment"] + record["loan_amount"] == record["total_price"]
        for record in signed
        if "loan_amount" in record
    )


def test_the_models_tables_know_every_kind_of_dirt_and_the_catalogues_principals() -> None:
    catalogue = load_catalogue()
    assert set(FAULTS) <= set(KINDS)
    assert {name: set(p.sends) for name, p in catalogue.principals.items() if p.sends} == {
        name: set(subjects) for name, subjects in MAY_SEND.items()
    }
    assert {p.uscc: name for name, p in catalogue.principals.items() if p.uscc} == PRINCIPAL_OF_USCC
    for subject, steps in LIFECYCLES.items():
        wanted = {
            n: (t.allowed_from, t.to)
            for n, t in catalogue.subjects[subject].lifecycle.items()
            if t.by == "source"
        }
        assert wanted == steps


def test_a_year_that_begins_later_is_the_same_year() -> None:
    begin = datetime(2024, 3, 1, 1, tzinfo=UTC)
    here, there = list(plan(9, 2000)), list(plan(9, 2000, begin=begin))
    assert [p.facts and p.facts.entity_id for p in here] == [p.facts and p.facts.entity_id for p in there]
    moved = {
        p.record["occurred_at"] - q.record["occurred_at"]
        for p, q in zip(there, here, strict=True)
        if p.record and q.record and p.dirt != "bad_time"
    }
    assert moved == {begin - BEGIN}


def test_the_ledger_refuses_one_value_with_two_meanings(clean: list[Planned]) -> None:
    ledger = Ledger()
    ledger.add(clean[0], b"value")
    ledger.add(clean[0], b"value")
    with pytest.raises(ValueError, match="two different records"):
        ledger.add(clean[0]._replace(facts=None), b"value")
    assert ledger.merge([ledger]).total == 4
