"""Departments' schemas: what is derived, and that any two versions of one read each other."""

import json
from io import BytesIO
from typing import Any

import avro.schema
import fastavro
import pytest

from schemas.derive import ALWAYS, KEYS, NEVER, Schema, camel, named_types, paths_of, select
from schemas.entitlements import Grant, SubjectEntitlement, grants, load_entitlements, newest_schemas
from tests.unit.test_routing_records import avro_bytes

SHIPPED = grants(load_entitlements())


def derived(grant: Grant) -> Schema:
    return grant.schema(newest_schemas()[grant.subject])


def grant_of(*fields: str, subject: str = "sale", **terms: Any) -> Grant:
    given = {
        "version": 1,
        "legal_basis": "建房〔2020〕61号 四",
        "purpose": {"zh": "用途", "en": "purpose"},
        "rows": "all",
        "retention_days": 1,
        "fields": fields,
    }
    return Grant("bank.icbc", subject, SubjectEntitlement.model_validate(given | terms))


def all_fields(schema: Schema) -> list[Schema]:
    inner = [
        field for record in named_types(schema).values() if record is not schema for field in record["fields"]
    ]
    return [*schema["fields"], *inner]


@pytest.mark.parametrize("grant", SHIPPED, ids=lambda grant: grant.topic)
def test_all_but_the_key_is_nullable_with_default_null(grant: Grant) -> None:
    schema = derived(grant)
    assert tuple(field["name"] for field in schema["fields"][:3]) == KEYS
    assert [field["type"] for field in schema["fields"][:3]] == ["string", "long", "string"]
    for field in all_fields(schema)[3:]:
        assert field["type"][0] == "null", field["name"]
        assert field["default"] is None


@pytest.mark.parametrize("grant", SHIPPED, ids=lambda grant: grant.topic)
def test_other_implementations_accept_the_schema(grant: Grant) -> None:
    schema = derived(grant)
    fastavro.parse_schema(json.loads(json.dumps(schema)))
    avro.schema.parse(json.dumps(schema))
    assert "Protected" not in json.dumps(schema)


@pytest.mark.parametrize("grant", SHIPPED, ids=lambda grant: grant.topic)
def test_a_left_record_needs_its_key_alone(grant: Grant) -> None:
    assert avro_bytes(derived(grant), {"entity_id": "e", "revision": 1, "event_type": "LEFT"})


@pytest.mark.parametrize("grant", SHIPPED, ids=lambda grant: grant.topic)
def test_no_field_beyond_the_entitlement(grant: Grant) -> None:
    allowed = {mask.name for mask in grant.terms.masks.values()} | set(ALWAYS)
    allowed |= {part for path in grant.terms.fields for part in path.split(".")}
    present = {field["name"] for field in all_fields(derived(grant))}
    assert present <= allowed
    assert not present & NEVER


def test_the_order_is_keys_then_envelope_then_the_subjects() -> None:
    schema = derived(grant_of("total_price", "contract_no", "parties.name"))
    names = [field["name"] for field in schema["fields"]]
    assert names == [*ALWAYS, "contract_no", "parties", "total_price"]


def test_names() -> None:
    schema = derived(grant_of("parties.name"))
    assert (schema["namespace"], schema["name"]) == ("cn.qianbei.dept.BankIcbc", "Sale")
    (item,) = [f["type"][1]["items"] for f in schema["fields"] if f["name"] == "parties"]
    assert (item["namespace"], item["name"]) == ("cn.qianbei.dept.BankIcbc.sale", "BankIcbcParty")
    assert camel("bank.icbc") == "BankIcbc"


def test_two_lists_of_the_same_item_have_two_names() -> None:
    project = {
        "type": "record",
        "name": "cn.qianbei.Pair",
        "fields": [
            {"name": "entity_id", "type": "string"},
            {
                "name": "a",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "It",
                        "fields": [{"name": "x", "type": "string"}, {"name": "y", "type": "string"}],
                    },
                },
            },
            {"name": "b", "type": {"type": "array", "items": "It"}},
        ],
    }
    schema = grant_of("a.x", "b.y", subject="pair").schema(project)
    fastavro.parse_schema(schema)
    items = {f["name"]: f["type"][1]["items"]["name"] for f in schema["fields"] if f["name"] in ("a", "b")}
    assert items == {"a": "BankIcbcIt", "b": "BankIcbcItB"}


def test_protected_and_masked_fields_are_strings_and_a_mask_has_its_own_name() -> None:
    grant = grant_of(
        "parties.name", "parties.phone", masks={"parties.phone": {"mask": "last4", "name": "tail"}}
    )
    party = named_types(derived(grant))["BankIcbcParty"]
    by_name = {field["name"]: field for field in party["fields"]}
    assert set(by_name) == {"name", "tail"}
    assert by_name["name"]["type"] == by_name["tail"]["type"] == ["null", "string"]
    assert by_name["tail"]["mask"] == "last4"


def test_docs_and_codes_of_the_standard_are_kept_and_rules_of_admission_are_not() -> None:
    schema = derived(grant_of("contract_no", "contract_kind"))
    by_name = {field["name"]: field for field in schema["fields"]}
    assert by_name["contract_no"]["doc"].startswith("合同编号")
    assert by_name["contract_kind"]["code_list"] == "contract_kind"
    assert not {"core", "min_length", "owner"} & {key for field in schema["fields"] for key in field}
    assert "建房〔2020〕61号" in schema["doc"]


def test_any_two_versions_of_an_entitlement_read_each_other() -> None:
    versions = [
        derived(grant_of("contract_no", "parties.name")),
        derived(grant_of("contract_no", "parties.name", "parties.id_no", "total_price")),
        derived(grant_of("address", "parties.role")),
    ]
    value = {
        "entity_id": "e",
        "revision": 1,
        "event_type": "FILED",
        "parties": [{"name": "n"}],
        "contract_no": "c",
    }
    for writer in versions:
        for reader in versions:
            raw = avro_bytes(writer, value)
            parsed_reader = fastavro.parse_schema(json.loads(json.dumps(reader)))
            read = fastavro.schemaless_reader(BytesIO(raw), fastavro.parse_schema(writer), parsed_reader)
            assert isinstance(read, dict)
            assert read["entity_id"] == "e"
            assert set(read) == {field["name"] for field in reader["fields"]}


def test_a_list_without_an_entitled_field_is_not_there_at_all() -> None:
    schema = newest_schemas()["sale"]
    assert [pick.name for pick in select(schema, grant_of("contract_no").wanted)] == ["contract_no"]


def test_paths_are_leaves_that_may_be_shared() -> None:
    paths = paths_of(newest_schemas()["lease"])
    assert {"occupants.id_no", "parties.name", "rent_amount", "group_id"} <= paths
    assert not paths & {
        "parties",
        "occupants",
        "entity_id",
        "interested",
        "parties.party_ref",
        "parties.name.key_id",
    }
