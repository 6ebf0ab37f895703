"""An answer is cut by the catalogue, and the catalogue is checked: queries of the entitlement files."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from broker.api.limits import Limits
from broker.api.openapi import document
from broker.errors import ConfigError
from broker.gov.counter import Counter
from broker.gov.opening import DEFINITIONS as OF_CITIZENS
from broker.gov.opening import offered
from broker.protected import clear
from broker.query.asked import Asked, Person, Text, about
from broker.query.cutting import answered_fields, compile_cut, count_of
from broker.query.definition import Definition, offers
from broker.query.desk import Desk
from broker.query.registry import DEFINITIONS, installed_offers
from schemas.catalogue import load_catalogue
from schemas.entitlements import EntitlementError, load_entitlements, newest_schemas
from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json
from schemas.queries import Query
from tests.support.latest import example_json

SCHEMAS = newest_schemas()
QUERY: dict[str, Any] = {
    "name": "sales_of_house",
    "legal_basis": "依据",
    "purpose": {"code": "TEST_ONLY", "zh": "测试", "en": "Test"},
    "number": "case_no",
    "needs": ["house_code"],
    "figures": {
        "count": {"kind": "integer", "zh": "数", "en": "Count"},
        "sales.days": {"kind": "integer", "zh": "天数", "en": "Days"},
        "homes.area": {"kind": "decimal", "zh": "面积", "en": "Area"},
    },
    "records": {
        "sales": {
            "subject": "sale",
            "fields": [
                "contract_no",
                "total_price",
                "filed_at",
                "parties.role",
                "parties.name",
                "parties.id_no",
            ],
            "party_roles": {"parties": ["BUYER"]},
            "masks": {"parties.id_no": {"mask": "id", "name": "id_no_masked"}},
        }
    },
}


def sale() -> dict[str, Any]:
    schema = load_schema("sale", latest_version("sale"))
    known = {field["name"] for field in schema["fields"]}
    return from_json(schema, {k: v for k, v in example_json("sale", "presale").items() if k in known})


def cut(given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return compile_cut(Query.model_validate(QUERY | changes), SCHEMAS)(given)


def test_an_answer_holds_what_is_listed_and_nothing_else() -> None:
    record = sale() | {"days": 3, "secret": "x"}
    answer = cut(
        {
            "count": 1,
            "unlisted": 7,
            "sales": [record],
            "homes": [{"area": Decimal("89.50"), "address": "x"}],
        }
    )
    (shown,) = answer["sales"]
    buyers = [p for p in record["parties"] if p["role"] == "BUYER"]
    assert answer == {"count": 1, "sales": [shown], "homes": [{"area": "89.50"}]}
    assert shown.keys() == {"contract_no", "total_price", "filed_at", "parties", "days"}
    assert len(shown["parties"]) == len(buyers)
    assert shown["parties"][0].keys() == {"role", "name", "id_no_masked"}
    assert "********" in shown["parties"][0]["id_no_masked"]
    assert json.loads(json.dumps(answer)) == answer
    assert (count_of(answer), answered_fields(answer)[:2]) == (2, ["count", "sales.contract_no"])


def test_what_is_taken_out_of_the_catalogue_is_out_of_the_answer() -> None:
    records = QUERY["records"]["sales"]
    fewer = records | {"fields": ["contract_no"], "party_roles": {}, "masks": {}}
    answer = cut({"sales": [sale() | {"days": 3}]}, records={"sales": fewer}, figures={})
    assert answer == {"sales": [{"contract_no": sale()["contract_no"]}]}


def test_what_is_not_given_is_null_or_empty() -> None:
    assert cut({}) == {"count": None, "sales": [], "homes": []}


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("boolean", True, 1),
        ("integer", 1, True),
        ("decimal", Decimal(1), 1.0),
        ("text", "x", b"x"),
        ("texts", ["x"], "x"),
        ("date", date(2020, 1, 2), datetime(2020, 1, 2, tzinfo=UTC)),
        ("time", datetime(2020, 1, 2, tzinfo=UTC), date(2020, 1, 2)),
    ],
)
def test_a_figure_is_of_its_kind(kind: str, right: Any, wrong: Any) -> None:
    figures = {"one": {"kind": kind, "zh": "一", "en": "One"}}
    assert cut({"one": right}, figures=figures, records={})["one"] is not None
    with pytest.raises(TypeError, match="the figure one is declared as"):
        cut({"one": wrong}, figures=figures, records={})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"records": {"sales": {"subject": "sail", "fields": ["x"]}}},
            "sail is no subject; the nearest is sale",
        ),
        ({"records": {"sales": {"subject": "sale", "fields": ["price"]}}}, "price is no field"),
        ({"records": {"sales": {"subject": "sale", "fields": ["parties.party_ref"]}}}, "shared with nobody"),
        ({"figures": {"sales": {"kind": "text", "zh": "x", "en": "x"}}}, "is a list already"),
        (
            {"figures": {"sales.contract_no": {"kind": "text", "zh": "x", "en": "x"}}},
            "is a field of the record",
        ),
        ({"figures": {"a.b.c": {"kind": "text", "zh": "x", "en": "x"}}}, "is no name"),
        ({"figures": {}, "records": {}}, "answers nothing"),
        ({"may": ["house_code"]}, "stands in needs and in may"),
        ({"purpose": {"code": "lower", "zh": "x", "en": "x"}}, "purpose.code"),
        ({"number": "any"}, "number"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    entitlement = {"departments": ["tax"], "zh": "税", "en": "Tax", "queries": [QUERY | changes]}
    (tmp_path / "tax.yaml").write_text(yaml.safe_dump(entitlement, allow_unicode=True), encoding="utf-8")
    with pytest.raises(EntitlementError, match=says) as error:
        load_entitlements(tmp_path, SCHEMAS)
    assert "tax.yaml" in str(error.value)


class HouseAsked(Asked):
    """As ``QUERY`` needs it."""

    house_code: Text


async def nothing(_asked: Any, _reading: Any) -> dict[str, Any]:
    return {}


def test_only_what_the_catalogue_declares_is_offered(tmp_path: Path) -> None:
    entitlement = {"departments": ["tax"], "zh": "税", "en": "Tax", "queries": [QUERY]}
    (tmp_path / "tax.yaml").write_text(yaml.safe_dump(entitlement, allow_unicode=True), encoding="utf-8")
    loaded = load_entitlements(tmp_path, SCHEMAS)
    defined = Definition("tax", "sales_of_house", HouseAsked, nothing)
    other = Definition("tax", "another", HouseAsked, nothing)
    assert [one.label for one in offers(loaded, [defined, other], SCHEMAS)] == ["tax/sales_of_house"]
    with pytest.raises(ConfigError, match="make them equal"):
        offers(loaded, [Definition("tax", "sales_of_house", Asked, nothing)], SCHEMAS)
    with pytest.raises(ConfigError, match="defined twice"):
        offers(loaded, [defined, Definition("tax", "sales_of_house", HouseAsked, nothing)], SCHEMAS)


def test_every_query_of_the_catalogue_is_answered_and_every_answer_is_in_the_catalogue() -> None:
    declared = {(one.group, query.name) for one in load_entitlements() for query in one.queries}
    assert {(one.group, one.name) for one in (*DEFINITIONS, *OF_CITIZENS)} == declared


def test_what_a_call_is_about_is_no_number_of_a_document() -> None:
    class Both(Asked):
        """A house, and two people."""

        house_code: Text
        contract_no: Text
        people: tuple[Person, ...]

    person = Person(id_type="1", id_no="411499199003070015")
    found = about(Both(house_code="H", contract_no="C", people=(person, person)), bytes(32))
    assert (found.houses, found.contracts) == (("H",), ("C",))
    assert found.parties == (person.ref(bytes(32)),)


def test_a_protected_value_is_in_clear_only_where_it_is_listed() -> None:
    record = sale() | {"days": 1}
    record["parties"][0] |= {"role": "BUYER", "phone": clear("13900001234")}
    assert "13900001234" not in json.dumps(cut({"sales": [record]}))


# --- the document ---------------------------------------------------------------------------------------------------


def annexes() -> list[Any]:
    unused: Any = None
    return [
        Desk(installed_offers(), unused, unused, unused),
        Counter(offered(), unused, unused, unused, unused),
    ]


def every(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from every(one)


def test_the_document_describes_queries_in_both_languages_and_every_reference_leads_somewhere() -> None:
    whole = document(load_catalogue(), "1", Limits(), annexes())
    references = {one["$ref"] for one in every(whole) if isinstance(one, dict) and "$ref" in one}
    assert references <= {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    operation = whole["paths"]["/v1/query/education/home_for_admission"]["post"]
    assert "入学" in operation["summary"]
    assert "school admission" in operation["summary"]
    reference = {"$ref": "#/components/schemas/query_education_home_for_admission"}
    check = jsonschema_rs.Draft202012Validator(reference | {"components": whole["components"]})
    call = {
        "officer": {"id": "1", "name": "甲"},
        "purpose": "SCHOOL_ADMISSION",
        "business_no": "RX-1",
        "asked": {"parent": {"id_type": "1", "id_no": "411499199003070015"}, "address": "某路1号"},
    }
    check.validate(call)
    assert not check.is_valid(call | {"purpose": "OTHER_PURPOSE"})
    assert not check.is_valid({name: value for name, value in call.items() if name != "officer"})
