"""The page of data quality: timeliness, accuracy, coverage, consistency."""

from collections.abc import Iterator
from typing import Any

from broker.report.figures import ALL, Table, Tables
from qianbei.report import words
from qianbei.report.charts import HALF, Chart, Series
from qianbei.report.page import Column, heading, kpis, page, pair, paragraph, table

_MOST_REASONS = 25
_COUNTY = Column("县区", "county", "county", words.county)
_OUTCOMES = (
    Column("接受", "accepted", "accepted", words.number),
    Column("拒绝", "refused", "refused", words.number),
    Column("重复", "duplicate", "duplicate", words.number),
    Column("隔离", "quarantined", "quarantined", words.number),
    Column("拒绝率", "refusal rate", "refusal_rate", words.rate),
    Column("隔离率", "quarantine rate", "quarantine_rate", words.rate),
)


def quality_page(tables: Tables, about: str) -> str:
    """The page of a period's tables. ``about``: period, counties and when it was counted."""
    parts = [
        _first_read(tables),
        *_timeliness(tables),
        *_accuracy(tables),
        *_coverage(tables),
        *_consistency(tables),
    ]
    return page("房屋网签备案数据质量报告", "Data quality of housing-contract filings", about, parts)


def _first_read(tables: Tables) -> str:
    late = {row["stage"]: row["p90_s"] for row in _of_all(tables["timeliness_by_county"])}
    (accuracy,) = _of_all(tables["accuracy_by_county"])
    (coverage,) = _of_all(tables["coverage_by_county"])
    (consistency,) = _of_all(tables["consistency_by_county"])
    return kpis(
        [
            ("备案至收录", "p90, filed to recorded", words.duration(late.get("FILED_TO_RECORDED"))),
            ("收录至发布", "p90, to published", words.duration(late.get("RECORDED_TO_PUBLISHED"))),
            ("拒绝率", "refused", words.rate(accuracy["refusal_rate"])),
            ("隔离率", "quarantined", words.rate(accuracy["quarantine_rate"])),
            ("合同房屋已知率", "known units", words.rate(coverage["contracts_rate"])),
            ("人户一致率", "residence matches", words.rate(consistency["residence_rate"])),
            ("未解决冲突", "open conflicts", words.number(consistency["open"])),
        ]
    )


def _of_all(figures: Table) -> list[dict[str, Any]]:
    return [row for row in figures.records() if row["county"] == ALL]


def _timeliness(tables: Tables) -> Iterator[str]:
    yield heading(2, "一、及时性", "Timeliness")
    yield paragraph(
        "自网签、备案、收录至发布各段用时，仅计备案事件，不含存量数据。分位数由对数直方图合并得出，误差不超过 4.4%。"
    )
    yield _stages(tables["timeliness_by_county"], _COUNTY)
    yield heading(3, "按合同类型", "By kind of contract")
    yield _stages(tables["timeliness_by_kind"], Column("合同类型", "kind", "kind", words.kind))
    daily = tables["timeliness_by_day"].records()
    for code in words.STAGES:
        rows = [row for row in daily if row["stage"] == code]
        if rows:
            yield heading(3, *words.STAGES[code])
            yield _durations(rows)


def _stages(figures: Table, first: Column) -> str:
    """A line a county or kind, with the percentiles of all stages."""
    found: dict[str, dict[str, Any]] = {}
    for row in figures.records():
        line = found.setdefault(row[first.name], {first.name: row[first.name], "count": row["count"]})
        line[row["stage"]] = tuple(row[f"p{share}_s"] for share in ("50", "90", "99"))
    columns = (first.name, "count", *words.STAGES)
    wide = Table(columns, tuple(tuple(line[name] for name in columns) for line in found.values()))
    stages = [
        Column(f"{zh}（p50 / p90 / p99）", en, code, words.durations)
        for code, (zh, en) in words.STAGES.items()
    ]
    return table(wide, [first, Column("件数", "filings", "count", words.number), *stages])


def _durations(rows: list[dict[str, object]]) -> str:
    names = {"中位数 p50": "p50_s", "p90": "p90_s", "p99": "p99_s"}
    seconds = {name: [float(str(row[key])) for row in rows] for name, key in names.items()}
    size, unit = words.unit_of(words.largest(v for values in seconds.values() for v in values))
    series = [Series(name, [value / size for value in values]) for name, values in seconds.items()]
    return Chart([str(row["day"])[5:] for row in rows], series, lambda value: f"{value:,g} {unit}").lines()


def _accuracy(tables: Tables) -> Iterator[str]:
    yield heading(2, "二、准确性", "Accuracy")
    yield paragraph("拒绝率＝拒绝÷（接受＋拒绝）；隔离率＝隔离÷（接受＋拒绝＋隔离）。重复报送不计入分母。")
    yield table(tables["accuracy_by_county"], [_COUNTY, *_OUTCOMES])
    daily = tables["accuracy_by_day"]
    days = [str(day)[5:] for day in daily.column("day")]
    series = [
        Series(zh, daily.column(name))
        for zh, name in (
            ("接受 accepted", "accepted"),
            ("拒绝 refused", "refused"),
            ("隔离 quarantined", "quarantined"),
        )
    ]
    yield heading(3, "每日结果", "Outcomes by day")
    yield Chart(days, series).bars()
    yield heading(3, "按报送单位", "By source")
    yield table(
        tables["accuracy_by_principal"],
        [Column("报送单位", "source", "principal", words.principal), *_OUTCOMES],
    )
    yield heading(3, "按理由", f"By reason, the first {_MOST_REASONS}")
    reasons = tables["accuracy_by_reason"]
    yield table(
        reasons,
        [
            Column("结果", "outcome", "outcome", words.outcome),
            Column("理由代码", "reason code", "reason", words.text),
            Column("报送单位", "source", "principal", words.principal),
            Column("件数", "count", "count", words.number),
        ],
        range(min(_MOST_REASONS, len(reasons.rows))),
    )


def _coverage(tables: Tables) -> Iterator[str]:
    yield heading(2, "三、覆盖率", "Coverage")
    yield paragraph(
        "楼盘表覆盖率：本期新建户中，写明楼幢且其项目已登记者所占比例。合同房屋已知率：备案时房屋已在楼盘表中的合同"
        "÷（备案合同＋因房屋未知被拒绝的申报）。"
    )
    yield table(
        tables["coverage_by_county"],
        [
            _COUNTY,
            Column("新建户数", "new units", "units", words.number),
            Column("有楼盘表", "with a building table", "units_in_table", words.number),
            Column("楼盘表覆盖率", "rate", "units_rate", words.rate),
            Column("备案合同", "contracts", "contracts", words.number),
            Column("房屋已知", "unit known", "contracts_known", words.number),
            Column("因房屋未知被拒", "refused for it", "refused_unit_unknown", words.number),
            Column("合同房屋已知率", "rate", "contracts_rate", words.rate),
        ],
    )


def _consistency(tables: Tables) -> Iterator[str]:
    yield heading(2, "四、一致性", "Consistency")
    yield paragraph(
        "人户一致率＝公安反馈相符÷全部居住核验反馈。未解决冲突为期末累计数。纠错为各部门核对后提出的差异。"
    )
    yield table(
        tables["consistency_by_county"],
        [
            _COUNTY,
            Column("提出冲突", "raised", "raised", words.number),
            Column("解决冲突", "resolved", "resolved", words.number),
            Column("期末未解决", "open at the end", "open", words.number),
            Column("居住核验", "residences checked", "residences", words.number),
            Column("相符", "matched", "matched", words.number),
            Column("人户一致率", "rate", "residence_rate", words.rate),
            Column("提出纠错", "corrections", "corrections_proposed", words.number),
            Column("采纳", "accepted", "corrections_accepted", words.number),
            Column("不采纳", "rejected", "corrections_rejected", words.number),
        ],
    )
    yield heading(3, "每日冲突", "Conflicts by day")
    yield pair(*(_of_conflicts(tables["consistency"], *one) for one in _CONFLICTS))


_CONFLICTS = (("提出 raised", "CONFLICT_RAISED"), ("解决 resolved", "CONFLICT_RESOLVED"))


def _of_conflicts(figures: Table, name: str, measure: str) -> str:
    rows = figures.records()
    days = sorted({row["day"] for row in rows if str(row["measure"]).startswith("CONFLICT")})
    counts = [
        float(sum(r["count"] for r in rows if (r["day"], r["measure"]) == (day, measure))) for day in days
    ]
    return Chart([day[5:] for day in days], [Series(name, counts)], width=HALF).bars()
