"""The Avro files keep the house rules, each of which is shown to catch what it is for; released files stay as they are."""

import copy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import files, houserules
from schemas.codelists import code_list, code_list_names
from schemas.files import FOLDER, Schema, UnknownSchemaError, load_schema, parsed
from schemas.houserules import all_violations, changed_types, manifest_problems, shared_violations, violations

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 16, "scale": 2}


def _sale() -> Schema:
    return copy.deepcopy(load_schema("sale", 1))


def _field(schema: Schema, name: str) -> Any:
    (found,) = [field for field in schema["fields"] if field["name"] == name]
    return found


def test_our_files_keep_the_house_rules() -> None:
    assert [str(violation) for violation in all_violations(code_list_names())] == []


def _named_fields(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, dict) and "name" in schema and "fields" not in schema:
        yield schema
    for child in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _named_fields(child)


@pytest.mark.parametrize("record", files.records())
def test_codes_and_roles_fit_their_fields(record: str) -> None:
    for field in _named_fields(load_schema(record, 1)):
        if "code_list" in field:
            longest = max(map(len, code_list(field["code_list"]).codes))
            assert longest <= field["max_length"], field["name"]
        assert set(field.get("roles", ())) <= code_list("party_role").codes, field["name"]
        assert set(field.get("required_for", ())) <= code_list("contract_kind").codes, field["name"]


def test_every_role_is_used_somewhere() -> None:
    fields = [field for record in files.records() for field in _named_fields(load_schema(record, 1))]
    assert {role for field in fields for role in field.get("roles", ())} == code_list("party_role").codes


def test_there_is_a_schema_of_every_subject_and_answer() -> None:
    assert len(files.subjects()) == 15
    assert files.records() == (*files.subjects(), "decision", "quarantine")
    assert sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) == sorted(files.records())
    for record in files.records():
        assert parsed(record, files.latest_version(record))["name"] == files.full_name(record)


def test_properties_survive_parsing() -> None:
    assert _field(parsed("sale", 1), "house_code")["pinyin"] == "FWBM"
    assert "__fastavro_parsed__" not in load_schema("sale", 1)


def test_unknown_records_and_versions_are_named() -> None:
    with pytest.raises(UnknownSchemaError, match="no schema of sales; there are project, unit"):
        files.released_versions("sales")
    with pytest.raises(UnknownSchemaError, match=r"no schema of \.\.; there are"):
        files.released_versions("..")
    with pytest.raises(UnknownSchemaError, match="no version 99 of sale"):
        load_schema("sale", 99)


def test_items_of_the_standard_are_never_null() -> None:
    core = {field["name"] for field in load_schema("sale", 1)["fields"] if field.get("core")}
    contract = {
        "contract_no",
        "contract_kind",
        "contract_status",
        "version_no",
        "signed_at",
        "filing_org_code",
    }
    house = {"house_code", "address", "gross_area", "planned_use_code"}
    assert core == contract | house | {"parties", "total_price", "source_system", "source_seq"}


def _set(name: str, **properties: Any) -> Callable[[Schema], None]:
    return lambda schema: _field(schema, name).update(properties)


def _drop(name: str, *properties: str) -> Callable[[Schema], None]:
    def change(schema: Schema) -> None:
        for key in properties:
            del _field(schema, name)[key]

    return change


def _append(**field: Any) -> Callable[[Schema], None]:
    complete = {"doc": "新字段：说明", "sharing": "有条件共享", "max_length": 10, **field}
    return lambda schema: schema["fields"].append(complete)


def _swap_first_two(schema: Schema) -> None:
    fields = schema["fields"]
    fields[0], fields[1] = fields[1], fields[0]


PARTY_IN_PARTY = {"type": "array", "items": "Party"}

PLANTED: dict[str, tuple[Callable[[Schema], None], str]] = {
    "no doc": (_drop("total_price", "doc"), "total_price: its doc does not begin with its Chinese name"),
    "English doc": (_set("total_price", doc="price: of the house"), "total_price: its doc does not begin"),
    "enum": (_append(name="x", type={"type": "enum", "name": "E", "symbols": ["A"]}), "x: type enum"),
    "map": (_append(name="x", type={"type": "map", "values": "string"}), "x: type map"),
    "fixed": (_append(name="x", type={"type": "fixed", "name": "F", "size": 2}), "x: type fixed"),
    "double": (_append(name="x", type="double"), "x: type double is not used"),
    "null items": (_append(name="x", type={"type": "array", "items": "null"}), "x: type null is not used"),
    "nullable items": (
        _append(name="x", type={"type": "array", "items": ["null", "int"]}),
        "x: the items of a list",
    ),
    "empty record": (
        _append(name="x", type={"type": "record", "name": "Empty", "doc": "空：无", "fields": []}),
        "x: a record without fields takes no bytes",
    ),
    "recursion": (
        lambda schema: _field(schema, "parties")["type"]["items"]["fields"].append(
            {"name": "x", "type": PARTY_IN_PARTY, "doc": "字段：说明", "sharing": "有条件共享"}
        ),
        "parties.x: record Party holds itself",
    ),
    "null second": (
        _set("filing_no", type=["string", "null"]),
        "filing_no: a union is null and one other type",
    ),
    "two types": (
        _set("filing_no", type=["null", "string", "int"]),
        "filing_no: a union is null and one other",
    ),
    "no default": (_drop("filing_no", "default"), "filing_no: a nullable field has default null"),
    "wrong default": (_set("baseline", default="false"), "baseline: a default is true or false"),
    "core but null": (_set("filing_no", core=True), "filing_no: such a field cannot have core"),
    "unknown property": (_set("filing_no", colour="red"), "filing_no: there is no property colour"),
    "unknown format": (_set("filing_no", format="iso"), "filing_no: format cannot be 'iso'"),
    "format of a number": (
        _set("total_price", format="uuid"),
        "total_price: such a field cannot have format",
    ),
    "positive text": (_set("filing_no", positive=True), "filing_no: such a field cannot have positive"),
    "no sharing": (_drop("filing_no", "sharing"), "filing_no: it does not say how it may be shared"),
    "no length": (_drop("filing_no", "max_length"), "filing_no: it does not say how long"),
    "wrong sibling": (_set("filed_at", not_before="title_date"), "filed_at: it names title_date"),
    "wrong role": (
        _set("parties", required_roles=["LESSOR"]),
        "parties: a required role is none of its roles",
    ),
    "unknown code list": (
        _set("contract_kind", code_list="kinds"),
        "contract_kind: there is no code list kinds",
    ),
    "camel case": (
        _append(name="newField", type=["null", "string"], default=None),
        "newField: is not snake_case",
    ),
    "twice": (_append(name="filing_no", type=["null", "string"], default=None), "filing_no: is there twice"),
    "envelope order": (_swap_first_two, "does not begin with the fields of the envelope"),
    "status": (
        _append(name="status", type=["null", "string"], default=None),
        "does not have status or contract",
    ),
    "name": (lambda schema: schema.update(name="Sales"), "is not the record cn.qianbei.Sale"),
}


@pytest.mark.parametrize("case", PLANTED)
def test_each_house_rule_catches_what_it_is_for(case: str) -> None:
    plant, message = PLANTED[case]
    schema = _sale()
    lists = {field["code_list"] for field in _every_field(schema) if "code_list" in field}
    assert violations("sale", 1, schema, lists) == []
    plant(schema)
    found = [str(violation) for violation in violations("sale", 1, schema, lists)]
    assert any(message in text for text in found), found


def _every_field(schema: Schema) -> list[Any]:
    inner = [
        f["type"]["items"] for f in schema["fields"] if isinstance(f["type"], dict) and "items" in f["type"]
    ]
    return schema["fields"] + [
        field for items in inner if isinstance(items, dict) for field in items["fields"]
    ]


def test_files_must_agree_on_the_envelope_and_on_named_types() -> None:
    newest = {record: copy.deepcopy(load_schema(record, 1)) for record in files.records()}
    assert shared_violations(newest) == []
    _field(newest["lease"], "county_code")["max_length"] = 12
    _field(newest["title"], "holders")["type"]["items"]["fields"].pop()
    found = [str(violation) for violation in shared_violations(newest)]
    assert "lease: county_code: is not what it is in project" in found
    assert "title: record Party: is not what it is in sale" in found


def test_a_later_version_keeps_logical_types() -> None:
    newer = _sale()
    _field(newer, "total_price")["type"] = DECIMAL | {"scale": 4}
    _field(newer, "filed_at")["type"] = ["null", "long"]
    found = [str(violation) for violation in changed_types("sale", _sale(), newer)]
    assert found == [
        "sale: filed_at: has another type than in an earlier version",
        "sale: total_price: has another type than in an earlier version",
    ]


def test_a_later_version_may_gain_fields() -> None:
    newer = _sale()
    _append(name="x", type=["null", "string"], default=None)(newer)
    _field(newer, "parties")["type"]["items"]["fields"].append({"name": "y", "type": ["null", "string"]})
    assert changed_types("sale", _sale(), newer) == []


def test_released_files_are_as_they_were() -> None:
    assert manifest_problems() == []


def test_an_edited_a_missing_and_an_unlisted_file_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "avro"
    shutil.copytree(FOLDER, folder)
    assert manifest_problems(folder) == []
    sale = folder / "sale" / "v1.avsc"
    sale.write_bytes(sale.read_bytes() + b"\n")
    (folder / "lease" / "v1.avsc").unlink()
    shutil.copy(folder / "unit" / "v1.avsc", folder / "unit" / "v99.avsc")
    assert manifest_problems(folder) == [
        "lease/v1.avsc was released and is gone",
        "sale/v1.avsc was released and may not be edited: make a new version",
        f"unit/v99.avsc is not in {houserules.MANIFEST.name}: add it on release",
    ]
