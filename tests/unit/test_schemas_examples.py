"""Golden examples: each JSON form and its Avro body say the same, byte for byte."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest

import schemas
from schemas.codelists import code_list
from schemas.files import load_schema, parsed, records, released_versions
from schemas.identifiers import case_no, citizen_id, house_code, phone, realty_unit, uscc
from schemas.jsonform import from_json, to_json

FOLDER = Path(schemas.__file__).with_name("examples")
EXAMPLES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.json"))


def _load(example: str) -> tuple[dict[str, Any], bytes, Any]:
    record, version = example.split("/")[:2]
    path = FOLDER / example
    body = bytes.fromhex(path.with_suffix(".hex").read_text(encoding="ascii"))
    return json.loads(path.with_suffix(".json").read_text("utf-8")), body, parsed(record, int(version[1:]))


def _encode(schema: Any, record: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, record, strict=True)
    return buffer.getvalue()


def _given(form: Any, example: Any) -> Any:
    """Of the whole form, what the example gives: it leaves out nulls and defaults."""
    if isinstance(example, dict):
        left_out = form.keys() - example.keys()
        assert all(form[name] in (None, False, []) for name in left_out), left_out
        return {name: _given(form[name], value) for name, value in example.items()}
    if isinstance(example, list):
        return [_given(one, other) for one, other in zip(form, example, strict=True)]
    return form


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_json_form_encodes_to_the_golden_bytes(example: str) -> None:
    form, body, schema = _load(example)
    assert _encode(schema, from_json(schema, form)) == body


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_golden_bytes_decode_to_the_json_form(example: str) -> None:
    form, body, schema = _load(example)
    buffer = io.BytesIO(body)
    record = fastavro.schemaless_reader(buffer, schema, None)
    assert buffer.read() == b""
    assert isinstance(record, dict)
    whole = to_json(schema, record)
    assert _given(whole, form) == form
    assert from_json(schema, whole) == record


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_file_as_written_compiles_to_the_same_form(example: str) -> None:
    form, _, schema = _load(example)
    record, version = example.split("/")[:2]
    assert from_json(load_schema(record, int(version[1:])), form) == from_json(schema, form)


def _versions() -> Iterator[str]:
    for record in records():
        yield from (f"{record}/v{version}" for version in released_versions(record))


def test_every_released_version_has_an_example() -> None:
    assert {example.rpartition("/")[0] for example in EXAMPLES} == set(_versions())
    assert {"sale/v1/presale", "sale/v1/existing-home", "sale/v1/cancelled"}.issubset(EXAMPLES)


def test_every_golden_file_has_its_pair() -> None:
    assert sorted(p.relative_to(FOLDER).with_suffix("").as_posix() for p in FOLDER.rglob("*.hex")) == EXAMPLES


CHECKS: dict[str, Callable[[str], object]] = {
    "case_no": case_no.check,
    "citizen_id": citizen_id.check,
    "county": lambda value: value not in code_list("county"),
    "house_code": house_code.check,
    "phone": phone.check,
    "realty_unit_no": realty_unit.check,
    "uscc": lambda value: uscc.check(value) is not uscc.Result.VALID,
    "uuid": lambda value: str(UUID(value)) != value,
}
DOCUMENTS = {"1": "citizen_id", "USCC": "uscc"}


def _leaves(schema: Any, form: dict[str, Any]) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """Each field that an example gives, with its value and the record that it is in."""
    for field in schema["fields"]:
        items = (
            field["type"]["items"] if isinstance(field["type"], dict) and "items" in field["type"] else None
        )
        if isinstance(items, dict):
            for item in form.get(field["name"], ()):
                yield from _leaves(items, item)
        if field["name"] in form:
            yield field, form[field["name"]], form


def _is_wrong(field: Any, value: Any, holder: dict[str, Any]) -> bool:
    name = field.get("format", "")
    check = CHECKS.get(DOCUMENTS.get(holder["id_type"], "") if name == "id_no" else name)
    values = value if isinstance(value, list) else [value]
    codes = code_list(field["code_list"]) if "code_list" in field else values
    return any(code not in codes for code in values) or bool(check and check(value))


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_identifiers_and_codes_of_an_example_are_valid(example: str) -> None:
    form, _, schema = _load(example)
    leaves = list(_leaves(schema, form))
    assert [field["name"] for field, value, holder in leaves if _is_wrong(field, value, holder)] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_lists_of_an_example_have_the_roles_they_may_and_must_have(example: str) -> None:
    form, _, schema = _load(example)
    for field, value, _holder in _leaves(schema, form):
        if "roles" in field:
            roles = {item["role"] for item in value}
            assert set(field.get("required_roles", ())) <= roles <= set(field["roles"])
            assert field.get("min_items", 0) <= len(value) <= field.get("max_items", len(value))
