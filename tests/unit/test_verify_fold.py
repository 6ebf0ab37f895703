"""Check 2 finds every planted fault in the tables, and none where there is none."""

import copy
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from qianbei.verify.fold import Fold, Newest, Row, as_json, envelope, expected_rows, shape_of
from qianbei.verify.latest import Goal
from qianbei.verify.released import completing
from qianbei.verify.report import CheckResult, Findings
from qianbei.verify.tables import Merged, Subject, compare
from tests.unit.verify_world import EXCHANGE, SALE, clear, encode, readers, sale

SHAPE = shape_of(SALE)
COLUMNS = ["entity_id", *(name for name in SHAPE.main if name != "entity_id")]
SUBJECT = Subject("sale", EXCHANGE, COLUMNS, {"parties": list(SHAPE.children["parties"])})

RECORDS = [
    sale("s1", 1),
    sale("s2", 1, due=None, loan_no=None, interested=None),
    sale("s1", 2, price=Decimal("-0.05"), steps=[]),
    sale("s10", 1, parties=[]),
    sale("é", 1, contract_no="号"),
]


def folded(records: list[dict[str, Any]] = RECORDS) -> Fold:
    fold = Fold()
    for at, record in enumerate(records):
        value = encode(1, record)
        newest = Newest(record["revision"], 0, at, value)
        fold.add(EXCHANGE, record["entity_id"], newest)
    return fold


def rows() -> tuple[list[list[Any]], list[list[Any]]]:
    """The tables as they must be, main and parties, in the order of ``entity_id``; made from the values themselves."""
    newest = {record["entity_id"]: record for record in sorted(RECORDS, key=lambda r: r["revision"])}
    main, parties = [], []
    for entity_id in ("s1", "s10", "s2", "é"):
        record = newest[entity_id]
        json = {"steps": [{"at": "2020-11-30T00:00:00Z"}] if record["steps"] else []}
        main.append([json.get(name, record[name]) for name in SUBJECT.columns])
        for position, party in enumerate(record["parties"]):
            name = (
                b"\x0aclear\x00" + bytes([2 * len(party["name"]["ciphertext"])]) + party["name"]["ciphertext"]
            )
            phone = None if party["phone"] is None else b"\x0aclear\x00\x1613900000001"
            parties.append([entity_id, position, party["role"], party["party_ref"], name, phone])
    return main, parties


def check(
    main: list[list[Any]], parties: list[list[Any]], limits: dict[int, int] | None = None
) -> CheckResult:
    findings = Findings()
    expected = expected_rows(folded().newest[EXCHANGE], readers(), SALE, SUBJECT.columns, SUBJECT.children)
    compare(
        SUBJECT,
        expected,
        Merged("sale", iter(map(tuple, main)), findings),
        {"parties": Merged("sale_parties", iter(map(tuple, parties)), findings)},
        {0: 99} if limits is None else limits,
        findings,
    )
    return findings.result("rows")


def test_the_right_tables() -> None:
    main, parties = rows()
    result = check(main, parties)
    assert result.ok, result.violations
    assert dict(result.counts) == {"rows": 4, "party_rows": 6, "cells": 4 * len(SUBJECT.columns) + 6 * 6}


def test_a_shape_has_a_column_for_each_field_and_a_table_for_each_party_list() -> None:
    assert set(SHAPE.main) == {field["name"] for field in SALE["fields"]} - {"parties"}
    assert list(SHAPE.children["parties"]) == ["role", "party_ref", "name", "phone"]


def changed(column: str, value: Any) -> Callable[[list[list[Any]], list[list[Any]]], None]:
    def plant(main: list[list[Any]], _parties: list[list[Any]]) -> None:
        main[0][SUBJECT.columns.index(column)] = value

    return plant


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("contract_no", "SQ2020"),
        ("contract_no", None),
        ("price", Decimal("0.05")),
        ("due", date(2021, 7, 1)),
        ("occurred_at", datetime(2020, 12, 1, 2, 0, 0, 250_001, UTC)),
        ("baseline", True),
        ("baseline", None),
        ("interested", []),
        ("interested", None),
        ("steps", [{"at": "2020-11-30T00:00:00+00:00"}]),
        ("revision", 1),
        ("version", 3),
    ],
)
def test_a_changed_cell(column: str, value: Any) -> None:
    main, parties = rows()
    changed(column, value)(main, parties)
    result = check(main, parties)
    assert dict(result.found) == {"WRONG_ROW": 1}
    assert result.violations[0].detail == f"latest.sale: differs in {column}"
    assert result.violations[0].place == f"{EXCHANGE}/0@2"


def test_a_missing_row() -> None:
    main, parties = rows()
    result = check(main[1:], parties)
    assert dict(result.found) == {"MISSING_ROW": 1}


def test_a_row_too_many() -> None:
    main, parties = rows()
    for entity_id, at in (("a", 0), ("s11", 2), ("ü", 4)):
        extra = [
            entity_id if name == "entity_id" else value
            for name, value in zip(SUBJECT.columns, main[0], strict=True)
        ]
        result = check([*main[:at], extra, *main[at:]], parties)
        assert dict(result.found) == {"EXTRA_ROW": 1}


def test_a_missing_party_row() -> None:
    main, parties = rows()
    for at in range(len(parties)):
        result = check(main, parties[:at] + parties[at + 1 :])
        assert dict(result.found) == {"WRONG_PARTY_ROWS": 1}


def test_a_party_row_that_should_have_gone() -> None:
    main, parties = rows()
    assert dict(check(main, [*parties[:2], ["s10", 0, "BUYER", None, b"", None], *parties[2:]]).found) == {
        "WRONG_PARTY_ROWS": 1
    }
    assert dict(check(main, [*parties, ["ü", 0, "BUYER", None, b"", None]]).found) == {"EXTRA_ROW": 1}


@pytest.mark.parametrize(
    ("at", "value"), [(1, 7), (2, "SELLER"), (3, None), (4, b"\x0aclear\x00\x00"), (5, None)]
)
def test_a_changed_party_row(at: int, value: Any) -> None:
    main, parties = rows()
    parties[1][at] = value
    assert dict(check(main, parties).found) == {"WRONG_PARTY_ROW": 1}


def test_an_entity_that_compaction_has_not_come_to_is_passed_over() -> None:
    main, parties = rows()
    changed("revision", 1)(main, parties)
    result = check(main, parties, limits={0: 2})
    assert result.ok, result.violations
    assert result.compared == 1


def test_what_compaction_must_have_taken() -> None:
    goal = Goal({("exchange.sale", 0): 16, ("exchange.sale", 1): 4, ("exchange.unit", 0): 0})
    positions = {("exchange.sale", 0): 17, ("exchange.sale", 1): 4}
    assert goal.behind(positions) == {("exchange.sale", 1): 4, ("exchange.unit", 0): 0}


def test_the_newest_revision_counts_whatever_the_order() -> None:
    backward = folded(list(reversed(RECORDS)))
    assert {e: n.revision for e, n in backward.newest[EXCHANGE].items()} == {
        "s1": 2,
        "s2": 1,
        "s10": 1,
        "é": 1,
    }


def test_an_older_record_counts_with_the_defaults_of_the_newest_schema() -> None:
    newest = copy.deepcopy(SALE)
    newest["fields"].insert(3, {"name": "flags", "type": {"type": "array", "items": "string"}, "default": []})
    newest["fields"].append({"name": "remark", "type": ["null", "string"], "default": None})
    newest["fields"][-2]["type"]["items"]["fields"].append(
        {"name": "minor", "type": "boolean", "default": False}
    )
    columns, children = ["entity_id", "flags", "remark"], {"parties": ["role", "minor"]}
    fold = folded([RECORDS[0]])
    (expected,) = expected_rows(fold.newest[EXCHANGE], readers(), newest, columns, children)
    assert expected.main == ("s1", [], None)
    assert expected.children["parties"] == [("s1", 0, "SELLER", False), ("s1", 1, "BUYER", False)]
    assert completing(SALE, SALE) is None


def test_an_envelope_is_its_avro_encoding() -> None:
    text = "长" * 100
    assert envelope(clear(text)) == b"\x0aclear\x00" + b"\xd8\x04" + text.encode()
    assert envelope({"key_id": "k", "nonce": b"\x01", "ciphertext": b""}) == b"\x02k\x02\x01\x00"


def test_json_values() -> None:
    value = [
        {
            "d": Decimal("0.000001"),
            "b": b"\xff",
            "t": datetime(2020, 1, 1, tzinfo=UTC),
            "x": date(2020, 1, 1),
            "n": None,
        }
    ]
    assert as_json(value) == [
        {"d": "0.000001", "b": "ff", "t": "2020-01-01T00:00:00Z", "x": "2020-01-01", "n": None}
    ]


def test_a_row_is_a_tuple_in_the_order_of_the_columns_that_the_table_has() -> None:
    columns = ["price", "unknown", "entity_id"]
    (expected,) = expected_rows(folded([RECORDS[0]]).newest[EXCHANGE], readers(), SALE, columns, {})
    row: Row = (Decimal("880000.00"), None, "s1")
    assert expected.main == row
