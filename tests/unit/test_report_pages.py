"""Reports as pages and files: whole without a network, right in their numbers, safe in their texts."""

import csv
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from broker.errors import ConfigError
from broker.report.buckets import ERROR_BOUND, bucket
from broker.report.figures import Table
from broker.report.fold import UNKNOWN_COUNTY, county_of
from qianbei.report import words
from qianbei.report.charts import BOTTOM, HEIGHT, LEFT, Chart, Series
from qianbei.report.files import as_json, write_csv, write_text
from qianbei.report.market_page import market_page

MONTHS = (date(2021, 1, 1), date(2021, 2, 1))
SALES = Table(
    (
        *("county", "month", "segment", "filings", "cancelled", "net_filings", "area", "net_area"),
        *("amount", "net_amount", "mean_price", "median_price"),
    ),
    tuple(
        (
            county,
            month,
            "NEW_HOME",
            3,
            4,
            -1,
            Decimal(300),
            Decimal(200),
            Decimal(9),
            Decimal(8),
            None,
            Decimal("6000.50"),
        )
        for county in ("ALL", "411402")
        for month in MONTHS
    ),
)
STOCK = Table(
    ("county", "month", "units", "area", "monthly_net_area", "months_of_inventory"),
    (
        ("ALL", MONTHS[0], None, None, Decimal(10), None),
        ("ALL", MONTHS[1], 2, Decimal(200), Decimal(10), Decimal(20)),
    ),
)
TABLES = {"sales": SALES, "rents": Table(SALES.columns, ()), "stock": STOCK}


def drawings(page: str) -> list[ET.Element]:
    return [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_a_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    page = market_page(TABLES, "2021 <b>&")
    assert not re.search(r"<script|<link|<img|https?:|url\(|@import|\son\w+=", page)
    assert "2021 &lt;b&gt;&amp;" in page
    assert "梁园区" in page
    assert "本期无数据" in page
    assert len(drawings(page)) == 6


def test_bars_are_as_high_as_their_numbers_and_hang_below_zero() -> None:
    (drawing,) = drawings(Chart(["a", "b"], [Series("x", [4.0, -2.0]), Series("y", [4.0, None])]).bars())
    heights = [float(bar.attrib["height"]) for bar in drawing.iter("rect")]
    whole = HEIGHT - BOTTOM - 12
    # From -2 to 8: ten in all, so four are two fifths.
    assert sorted(heights) == pytest.approx([0, whole * 0.2, whole * 0.4, whole * 0.4], abs=0.2)


def test_a_line_breaks_where_nothing_is_known() -> None:
    (drawing,) = drawings(Chart(["a", "b", "c", "d"], [Series("x", [1.0, None, 2.0, 3.0])]).lines())
    (path,) = drawing.iter("path")
    assert [step[0] for step in re.findall(r"[ML][\d.,]+", path.attrib["d"])] == ["M", "M", "L"]
    assert len(list(drawing.iter("circle"))) == 3
    assert all(float(dot.attrib["cx"]) > LEFT for dot in drawing.iter("circle"))


def test_a_chart_of_nothing_is_an_empty_frame() -> None:
    assert drawings(Chart([], [Series("x", [])]).bars())
    assert drawings(Chart([], [Series("x", [])]).lines())


def test_csv_opens_in_a_spreadsheet_with_chinese_and_all_digits(tmp_path: Path) -> None:
    paths = write_csv(tmp_path / "new" / "folder", TABLES)
    assert [path.name for path in paths] == ["sales.csv", "rents.csv", "stock.csv"]
    assert paths[0].read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(paths[0].read_text(encoding="utf-8-sig").splitlines()))
    assert (rows[0]["median_price"], rows[0]["mean_price"], rows[0]["month"]) == ("6000.50", "", "2021-01-01")


def test_json_loses_no_digit() -> None:
    told = json.loads(as_json(TABLES, county=None))
    assert told["sales"][0]["median_price"] == "6000.50"
    assert told["stock"][0]["units"] is None
    assert told["county"] is None


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="name another place"):
        write_csv(tmp_path / "file", TABLES)
    with pytest.raises(ConfigError, match=r"missing/page\.html"):
        write_text(tmp_path / "missing" / "page.html", "")


@pytest.mark.parametrize("milliseconds", [1, 1.5, 7, 70, 999, 1000, 86_400_000, 1e12])
def test_a_bucket_is_within_its_bound(milliseconds: float) -> None:
    number = bucket(timedelta(milliseconds=milliseconds))
    middle = 2 ** ((number - 0.5) / 8)
    assert abs(middle - milliseconds) <= ERROR_BOUND * milliseconds * (1 + 1e-9)


def test_nothing_and_less_than_nothing_are_the_first_bucket() -> None:
    assert {bucket(timedelta(0)), bucket(timedelta(days=-3)), bucket(timedelta(microseconds=999))} == {0}


def test_counties_are_few_whatever_is_written() -> None:
    assert county_of("411402") == "411402"
    assert {county_of(x) for x in ("999999", "", None, "张三")} == {UNKNOWN_COUNTY}
    assert words.county(UNKNOWN_COUNTY) == "未写明 Not said"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0 ms"), (0.07, "70 ms"), (90, "1.5 min"), (7200, "2 h"), (172_800, "2 d"), (None, "–")],
)
def test_durations_are_written_in_their_unit(seconds: float | None, written: str) -> None:
    assert words.duration(seconds) == written
