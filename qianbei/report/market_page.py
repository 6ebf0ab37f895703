"""The page of the market: filings, areas, prices, rents, stock."""

from collections.abc import Iterator, Sequence

from broker.report.figures import ALL, Table, Tables
from qianbei.report import words
from qianbei.report.charts import HALF, Chart, Series
from qianbei.report.page import Column, heading, kpis, page, pair, paragraph, table

_COUNTY = Column("县区", "county", "county", words.county)
_MONTH = Column("月份", "month", "month", words.month)
_SEGMENT = Column("市场", "segment", "segment", words.segment)
_COUNTS = (
    Column("备案", "filed", "filings", words.number),
    Column("注销", "cancelled", "cancelled", words.number),
    Column("净备案", "net", "net_filings", words.number),
    Column("面积 m²", "area", "area", words.number),
    Column("净面积 m²", "net area", "net_area", words.number),
)


def market_page(tables: Tables, about: str) -> str:
    """The page of a period's tables. ``about``: period, counties and when it was counted."""
    parts = [
        _first_read(tables),
        *_sales(tables["sales"]),
        *_rents(tables["rents"]),
        *_stock(tables["stock"]),
    ]
    return page("房地产市场监测报告", "Monitoring of the housing market", about, parts)


def _of_city(figures: Table, segment: str | None = None) -> list[dict[str, object]]:
    return [
        r for r in figures.records() if r["county"] == ALL and (segment is None or r["segment"] == segment)
    ]


def _first_read(tables: Tables) -> str:
    new, old = (_of_city(tables["sales"], one) for one in ("NEW_HOME", "EXISTING_HOME"))
    rents, stock = _of_city(tables["rents"], "LEASE_HOME"), _of_city(tables["stock"])
    return kpis(
        [
            ("新房净备案", "new homes, net", words.number(sum(int(str(r["net_filings"])) for r in new))),
            (
                "存量房净备案",
                "existing homes, net",
                words.number(sum(int(str(r["net_filings"])) for r in old)),
            ),
            ("新房中位价", "newest month, yuan/m²", _newest(new, "median_price")),
            ("存量房中位价", "newest month, yuan/m²", _newest(old, "median_price")),
            ("中位租金", "yuan/m²/month", _newest(rents, "median_price")),
            ("去化周期（月）", "months of inventory", _newest(stock, "months_of_inventory")),
        ]
    )


def _newest(rows: list[dict[str, object]], name: str) -> str:
    known = [row[name] for row in rows if row[name] is not None]
    return f"{float(str(known[-1])):,.2f}".rstrip("0").rstrip(".") if known else words.NONE


def _sales(figures: Table) -> Iterator[str]:
    yield heading(2, "一、买卖", "Sales")
    yield paragraph(
        "按备案月统计。注销、撤销的合同在注销当月按原备案面积和金额扣回，已结束月份的数字不再变动。"
        "均价＝金额÷建筑面积；中位价为当月各合同单价的精确中位数。"
    )
    segments = [one for one in ("NEW_HOME", "EXISTING_HOME") if _of_city(figures, one)]
    yield pair(
        heading(3, "净备案套数", "Net filings") + _chart(figures, segments, "net_filings", bars=True),
        heading(3, "中位价（元/m²）", "Median price") + _chart(figures, segments, "median_price"),
    )
    yield table(
        figures,
        [
            _COUNTY,
            _SEGMENT,
            _MONTH,
            *_COUNTS,
            Column("净金额（元）", "net amount, yuan", "net_amount", words.number),
            Column("均价", "mean, yuan/m²", "mean_price", words.number),
            Column("中位价", "median, yuan/m²", "median_price", words.number),
        ],
    )


def _rents(figures: Table) -> Iterator[str]:
    yield heading(2, "二、租赁", "Leases")
    yield paragraph("租金折算为每月每平方米；未写明租金周期的合同计入件数和面积，不计入租金。")
    yield pair(
        heading(3, "净备案件数", "Net filings") + _chart(figures, ["LEASE_HOME"], "net_filings", bars=True),
        heading(3, "中位租金（元/m²·月）", "Median rent") + _chart(figures, ["LEASE_HOME"], "median_price"),
    )
    rents = (
        Column("平均租金", "mean, yuan/m²/month", "mean_price", words.number),
        Column("中位租金", "median", "median_price", words.number),
    )
    yield table(figures, [_COUNTY, _SEGMENT, _MONTH, *_COUNTS, *rents])


def _stock(figures: Table) -> Iterator[str]:
    yield heading(2, "三、库存", "Stock of new homes")
    yield paragraph(
        "库存为期末可售的新建商品住宅；去化周期＝库存面积÷近十二个月（不足的按实有月数）月均净备案面积。"
    )
    rows = _of_city(figures)
    months = [str(row["month"])[:7] for row in rows]
    yield pair(
        heading(3, "可售面积（m²）", "Area for sale")
        + Chart(months, [Series("合计 Total", _floats(rows, "area"))], width=HALF).bars(),
        heading(3, "去化周期（月）", "Months of inventory")
        + Chart(months, [Series("合计 Total", _floats(rows, "months_of_inventory"))], width=HALF).lines(),
    )
    yield table(
        figures,
        [
            _COUNTY,
            _MONTH,
            Column("可售套数", "units", "units", words.number),
            Column("可售面积 m²", "area", "area", words.number),
            Column("月均净备案面积 m²", "net area a month", "monthly_net_area", words.number),
            Column("去化周期（月）", "months of inventory", "months_of_inventory", words.number),
        ],
    )


def _chart(figures: Table, segments: Sequence[str], name: str, *, bars: bool = False) -> str:
    rows = {one: {str(r["month"]): r for r in _of_city(figures, one)} for one in segments}
    months = sorted({month for found in rows.values() for month in found})
    series = [
        Series(words.segment(one), _floats([rows[one].get(m, {}) for m in months], name)) for one in segments
    ]
    chart = Chart([month[:7] for month in months], series, width=HALF)
    return chart.bars() if bars else chart.lines()


def _floats(rows: Sequence[dict[str, object]], name: str) -> list[float | None]:
    return [None if (value := row.get(name)) is None else float(str(value)) for row in rows]
