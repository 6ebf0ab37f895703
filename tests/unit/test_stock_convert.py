"""Rows of a table as events: what is right becomes one, what is wrong is named with its column and never its person."""

from typing import Any

import pytest

from broker.errors import ConfigError
from producers.stock.convert import Converter, Defect
from producers.stock.mapping import parse_mapping
from producers.stock.values import BadCell, day, moment, number
from schemas.catalogue import load_catalogue

MAPPING: dict[str, Any] = {
    "subject": "sale",
    "event_type": "DRAFTED",
    "fixed": {
        "version": 7, "county_code": "411402", "contract_status": "DRAFT", "contract_kind": "12", "version_no": 1,
        "filing_org_code": "11411400005900008T", "planned_use_code": "11", "source_system": "旧系统",
        "parties[0].role": "SELLER", "parties[0].party_kind": "2", "parties[0].id_type": "USCC",
        "parties[1].role": "BUYER", "parties[1].party_kind": "1", "parties[1].id_type": "1",
    },
    "columns": {
        "合同编号": {"to": ["contract_no", "entity_id", "source_seq"]},
        "签约日期": {"to": ["signed_at", "occurred_at"]},
        "备案时间": {"to": "filed_at"},
        "房屋编码": {"to": "house_code"},
        "坐落": {"to": "address"},
        "建筑面积": {"to": "gross_area"},
        "套内面积": {"to": "inner_area"},
        "总价": {"to": "total_price", "unit": "万元"},
        "付款方式": {"to": "payment_method", "codes": "filing_legacy"},
        "出卖人": {"to": "parties[0].name"},
        "出卖人代码": {"to": "parties[0].id_no"},
        "买受人": {"to": "parties[1].name"},
        "身份证号": {"to": "parties[1].id_no"},
    },
}  # fmt: skip
ROW = {
    "合同编号": "SQ20200000003", "签约日期": "2020年11月30日", "备案时间": "", "房屋编码": "4114020012020**00001200016",
    "坐落": "示范路1号", "建筑面积": "120.00", "套内面积": "", "总价": "90.5", "付款方式": "177",
    "出卖人": "商丘示例房地产开发有限公司", "出卖人代码": "91411402MA40001002", "买受人": "样本甲",
    "身份证号": "11010519491231002X",
}  # fmt: skip


def converted(**changes: str) -> dict[str, Any] | list[Defect]:
    converter = Converter(load_catalogue(), "bureau", parse_mapping(MAPPING))
    return converter.convert(5, {**ROW, **changes})


def test_a_right_row_is_an_event() -> None:
    event = converted()
    assert isinstance(event, dict), event
    assert event["total_price"] == "905000"
    assert event["payment_method"] == "1"
    assert event["signed_at"] == "2020-11-30T00:00:00+08:00"
    assert event["baseline"] is True


def test_the_event_id_follows_from_the_content() -> None:
    first, again, mended = converted(), converted(), converted(总价="91")
    assert isinstance(first, dict)
    assert isinstance(again, dict)
    assert isinstance(mended, dict)
    assert first["event_id"] == again["event_id"] != mended["event_id"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("身份证号", "110105194912310021"),
        ("房屋编码", "4114020012020**00001200019"),
        ("付款方式", "999"),
        ("签约日期", "2020-02-30"),
        ("建筑面积", "一百二"),
        ("总价", "-90.5"),
        ("套内面积", "130"),
        ("备案时间", "2019-01-01"),
        ("坐落", ""),
        ("买受人", ""),
        ("总价", "90.5555555"),
    ],
)
def test_a_bad_cell_is_named(column: str, value: str) -> None:
    defects = converted(**{column: value})
    assert isinstance(defects, list)
    assert column in {defect.column for defect in defects}
    assert all(defect.row == 5 and defect.reason and defect.how for defect in defects)


def test_what_admission_only_warns_of_is_no_defect() -> None:
    event = converted(出卖人代码="91411402MA40001003")
    assert isinstance(event, dict)


def test_a_protected_value_is_masked() -> None:
    defects = converted(身份证号="110105194912310021")
    assert "110105" not in repr(defects)


def test_a_missing_column_is_named() -> None:
    converter = Converter(load_catalogue(), "bureau", parse_mapping(MAPPING))
    defects = converter.convert(2, {name: text for name, text in ROW.items() if name != "总价"})
    assert isinstance(defects, list)
    assert [(d.column, d.reason) for d in defects] == [("总价", "missing column")]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subjekt": "sale"}, "subjekt"),
        ({"subject": "nothing"}, "nothing"),
        ({"columns": {"A": {"to": "no_such"}}}, "no_such"),
        ({"columns": {"A": {"to": "parties.name"}}}, "parties.name"),
        ({"columns": {"A": {"to": "gross_area", "unit": "亩"}}}, "unit"),
        ({"columns": {"A": {"to": "payment_method", "codes": {"x": "77"}}}}, "77"),
        ({"columns": {"A": {"to": "address"}, "B": {"to": "address"}}}, "twice"),
    ],
)
def test_a_wrong_mapping_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse_mapping({**MAPPING, **change})


@pytest.mark.parametrize("text", ["2020-12-01", "2020/12/1", "2020.12.1", "20201201", "2020年12月1日"])
def test_dates_in_the_usual_forms(text: str) -> None:
    assert day(text) == "2020-12-01"
    assert moment(text) == "2020-12-01T00:00:00+08:00"


def test_times_and_numbers() -> None:
    assert moment("2020-12-01 9:30") == "2020-12-01T09:30:00+08:00"
    assert number("1,234.50", "万元") == "12345000"
    assert number("120.10") == "120.1"


@pytest.mark.parametrize("text", ["1,23", "NaN", "1e5", "", "٣", "12元"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(BadCell):
        number(text)
