"""The JSON form: what is read and written for each type, what is refused, and that no value shows in an error."""

import io
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.files import load_schema, parsed, records
from schemas.jsonform import JsonFormError, from_json, json_form, to_json

SECRET = "411499199003070015"


def _schema(type_: Any, **field: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Only", "fields": [{"name": "value", "type": type_, **field}]}


PROTECTED = {
    "type": "record",
    "name": "cn.qianbei.Protected",
    "fields": [
        {"name": "key_id", "type": "string"},
        {"name": "nonce", "type": "bytes"},
        {"name": "ciphertext", "type": "bytes"},
    ],
}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
TIME = {"type": "long", "logicalType": "timestamp-micros"}
DATE = {"type": "int", "logicalType": "date"}
NOON = datetime(2020, 12, 1, 4, 0, tzinfo=UTC)


def _envelope(text: str) -> dict[str, Any]:
    return {"key_id": "clear", "nonce": b"", "ciphertext": text.encode()}


@pytest.mark.parametrize(
    ("type_", "form", "value"),
    [
        ("string", "商丘𠮷", "商丘𠮷"),
        ("boolean", True, True),
        ("int", -(2**31), -(2**31)),
        ("long", 2**63 - 1, 2**63 - 1),
        ("bytes", "AAH/", b"\x00\x01\xff"),
        (MONEY, "1234.50", Decimal("1234.50")),
        (MONEY, "-9999.99", Decimal("-9999.99")),
        (DATE, "2020-02-29", date(2020, 2, 29)),
        (TIME, "2020-12-01T04:00:00Z", NOON),
        (TIME, "2020-12-01T04:00:00.000001Z", NOON + timedelta(microseconds=1)),
        (PROTECTED, "张示例", _envelope("张示例")),
        (["null", "string"], None, None),
        ({"type": "array", "items": "string"}, ["a", "b"], ["a", "b"]),
    ],
)
def test_both_directions(type_: Any, form: Any, value: Any) -> None:
    schema = _schema(type_)
    assert from_json(schema, {"value": form}) == {"value": value}
    assert to_json(schema, {"value": value}) == {"value": form}


@pytest.mark.parametrize(
    ("type_", "form", "value"),
    [
        (MONEY, 1234, Decimal("1234.00")),
        (MONEY, 0.1, Decimal("0.10")),
        (MONEY, Decimal("0.1"), Decimal("0.10")),
        (MONEY, "7.5", Decimal("7.50")),
        (MONEY, "7.500", Decimal("7.50")),
        (TIME, "2020-12-01T12:00:00+08:00", NOON),
        (TIME, "2020-12-01 12:00+08:00", NOON),
    ],
)
def test_more_is_read_than_written(type_: Any, form: Any, value: Any) -> None:
    read = from_json(_schema(type_), {"value": form})
    assert read == {"value": value}
    assert str(read["value"]) == str(value)


def test_times_are_written_in_utc() -> None:
    shanghai = NOON.astimezone(timezone(timedelta(hours=8)))
    assert to_json(_schema(TIME), {"value": shanghai}) == {"value": "2020-12-01T04:00:00Z"}
    with pytest.raises(ValueError, match="without an offset"):
        to_json(_schema(TIME), {"value": NOON.replace(tzinfo=None)})


@pytest.mark.parametrize(
    ("type_", "form", "message"),
    [
        ("string", 5, "value: a number where text is needed; put it in quotes"),
        ("string", None, "value: null where text is needed"),
        ("string", "a\x00b", "NUL character"),
        ("string", "\ud800", "lone surrogate"),
        ("boolean", 1, "a number where true or false is needed"),
        ("boolean", "true", "text where true or false is needed"),
        ("int", True, "true or false where a whole number is needed"),
        ("int", 1.0, "a number where a whole number is needed"),
        ("int", 2**31, "a number beyond 32 bits"),
        ("long", -(2**63) - 1, "a number beyond 64 bits"),
        ("long", "1", "text where a whole number is needed"),
        ("bytes", "not base64", "text that is not base64"),
        ("bytes", "é", "text that is not base64"),
        (MONEY, "1.005", "a number with more than 2 decimals"),
        (MONEY, "10000", "a number with more than 4 digits before the point"),
        (MONEY, 10**400, "more than 4 digits before the point"),
        (MONEY, Decimal("1E+999999"), "more than 4 digits before the point"),
        (MONEY, Decimal("1E-999999"), "more than 2 decimals"),
        (MONEY, Decimal("NaN"), "a number where a decimal number is needed"),
        (MONEY, float("nan"), "a number that is not exact"),
        (MONEY, float("inf"), "a number that is not exact"),
        (MONEY, 0.1 + 0.2, "a number that is not exact"),
        (MONEY, True, "true or false where a decimal number is needed"),
        (MONEY, "1e3", "text where a decimal number is needed"),
        (MONEY, "١٢", "text where a decimal number is needed"),
        (MONEY, " 1", "text where a decimal number is needed"),
        (DATE, "20201201", 'text where a date is needed; write it as "YYYY-MM-DD"'),
        (DATE, "2021-02-29", "a date that is not in the calendar"),
        (DATE, "2020-12-01T00:00:00Z", "text where a date is needed"),
        (TIME, "2020-12-01T04:00:00", "a time without an offset"),
        (TIME, "2020-12-01", "text where a time in ISO 8601 is needed"),
        (TIME, "2020-12-01T04:00:00.0000001Z", "text where a time in ISO 8601 is needed"),
        (TIME, "2020-12-01T25:00:00Z", "a time that does not exist"),
        (TIME, "0001-01-01T00:00:00+08:00", "a time that does not exist"),
        (TIME, 1606795200, "a number where a time in ISO 8601 is needed"),
        (PROTECTED, 5, "a number where text is needed"),
        (PROTECTED, {"key_id": "clear"}, "an object where text is needed"),
        ({"type": "array", "items": "string"}, "a", "text where a list is needed"),
        ({"type": "array", "items": "string"}, ["a", 5], "value[1]: a number where text is needed"),
    ],
)
def test_what_is_refused(type_: Any, form: Any, message: str) -> None:
    with pytest.raises(JsonFormError) as caught:
        from_json(_schema(type_), {"value": form})
    assert message in str(caught.value)


def test_a_protected_value_that_is_not_clear_keeps_its_envelope() -> None:
    envelope = {"key_id": "2020-12", "nonce": b"\x01\x02", "ciphertext": b"\xff\x00"}
    form = to_json(_schema(PROTECTED), {"value": envelope})
    assert form == {"value": {"key_id": "2020-12", "nonce": "AQI=", "ciphertext": "/wA="}}
    assert from_json(_schema(PROTECTED), form) == {"value": envelope}


def test_what_is_left_out_takes_its_default() -> None:
    lists = _schema({"type": "array", "items": "string"}, default=[])
    first = from_json(lists, {})
    first["value"].append("x")
    assert from_json(lists, {}) == {"value": []}
    assert from_json(_schema(["null", "string"], default=None), {}) == {"value": None}
    assert to_json(_schema("boolean", default=False), {}) == {"value": False}
    with pytest.raises(JsonFormError, match="value: missing; give it a value"):
        from_json(_schema("string"), {})


def test_all_problems_are_collected_with_their_paths() -> None:
    schema = load_schema("household", 1)
    with pytest.raises(JsonFormError) as caught:
        from_json(schema, {"household_no": 7, "member": [], "members": [{"name": "甲"}, 5], "as_of": "today"})
    problems = {problem.path: problem for problem in caught.value.problems}
    assert problems["household_no"].what == "a number where text is needed"
    assert problems["members[0].id_no"].what == "missing"
    assert problems["members[1]"].what == "a number where an object is needed"
    assert problems["member"].how == "did you mean members?"
    assert problems["as_of"].how == 'write it as "YYYY-MM-DD"'
    assert {"event_id", "version", "occurred_at"} <= problems.keys()


def test_a_long_list_of_problems_is_cut_in_the_message_only() -> None:
    with pytest.raises(JsonFormError) as caught:
        from_json(_schema({"type": "array", "items": "string"}), {"value": [1] * 50})
    assert len(caught.value.problems) == 50
    assert str(caught.value).endswith("and 30 more")


def test_something_that_is_no_object_is_refused() -> None:
    with pytest.raises(JsonFormError, match="the record: a list where an object is needed"):
        from_json(load_schema("sale", 1), [])


@pytest.mark.parametrize("name", records())
def test_no_value_shows_in_an_error(name: str) -> None:
    """A citizen's number in every place where it does not belong, as a value and as the name of a field."""
    schema = load_schema(name, 1)
    wrong = {field["name"]: {SECRET: SECRET} for field in schema["fields"]}
    lists = {field["name"]: [{SECRET: SECRET}, SECRET, int(SECRET[:17])] for field in schema["fields"]}
    for form in (wrong, lists, {SECRET: SECRET}, SECRET):
        with pytest.raises(JsonFormError) as caught:
            from_json(schema, form)
        everything = str(caught.value) + "".join(map(str, caught.value.problems)) + repr(caught.value)
        assert SECRET[:17] not in everything


def test_types_without_a_form_are_an_error_of_the_programmer() -> None:
    for type_ in (
        "double",
        {"type": "map", "values": "string"},
        ["null", "string", "int"],
        ["string", "int"],
    ):
        with pytest.raises(TypeError, match="no JSON form"):
            json_form(_schema(type_))


def test_a_schema_is_compiled_once() -> None:
    schema = _schema("string")
    assert json_form(schema) is json_form(schema)


# The time a run takes says nothing on a busy machine.
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)))
TIMES = st.integers(-(2**51), 2**52).map(lambda micros: NOON + timedelta(microseconds=micros))
SAMPLE = {
    "type": "record",
    "name": "Sample",
    "fields": [
        {"name": "text", "type": "string"},
        {"name": "number", "type": ["null", "long"]},
        {"name": "money", "type": MONEY},
        {"name": "at", "type": TIME},
        {"name": "on", "type": ["null", DATE]},
        {"name": "names", "type": {"type": "array", "items": PROTECTED}},
    ],
}
SAMPLES = st.fixed_dictionaries(
    {
        "text": TEXT,
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "money": st.decimals(-9999, 9999, places=2),
        "at": TIMES,
        "on": st.none() | st.dates(),
        "names": st.lists(TEXT.map(_envelope), max_size=3),
    }
)


@RELAXED
@given(SAMPLES)
def test_a_record_survives_json_and_avro(record: dict[str, Any]) -> None:
    text = json.dumps(to_json(SAMPLE, record), ensure_ascii=False)
    read = from_json(SAMPLE, json.loads(text))
    assert read == record
    buffer = io.BytesIO()
    schema = fastavro.parse_schema(SAMPLE)
    fastavro.schemaless_writer(buffer, schema, read)
    buffer.seek(0)
    decoded = fastavro.schemaless_reader(buffer, schema, None)
    assert isinstance(decoded, dict)
    assert to_json(SAMPLE, decoded) == json.loads(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a0-:.\u5546", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "money", "x"]), inner)
    ),
    max_leaves=8,
)


@RELAXED
@given(st.dictionaries(st.sampled_from([*(f["name"] for f in SAMPLE["fields"]), "x"]), JSON))
def test_any_json_is_read_or_refused_as_one_error(form: dict[str, Any]) -> None:
    try:
        record = from_json(SAMPLE, form)
    except JsonFormError:
        return
    assert from_json(SAMPLE, to_json(SAMPLE, record)) == record


def test_the_whole_form_of_an_empty_contract_lists_what_is_required() -> None:
    with pytest.raises(JsonFormError) as caught:
        from_json(parsed("sale", 1), {})
    missing = {problem.path for problem in caught.value.problems}
    assert {"contract_no", "house_code", "total_price", "parties", "signed_at"} <= missing
    assert not missing & {"filing_no", "baseline", "revision", "presale_permit_no"}
