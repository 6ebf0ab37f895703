"""The assessor's page: disclosures by department and purpose, calls, what is out of the common, chains, operators' acts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from broker.disclosed.figures import LEAST, TIMES
from broker.report.figures import Tables
from qianbei.audit import Report
from qianbei.report import words
from qianbei.report.charts import Chart, Series
from qianbei.report.page import Column, heading, kpis, page, pair, paragraph, table
from schemas.said import shown

_MOST_ROWS = 500
"""Of any table on the page; the CSV files hold all."""
_MONTH = Column("月份", "month", "month", words.text)
_DEPARTMENT = Column("部门", "department", "department", words.principal)
_PURPOSE = Column("用途", "purpose", "purpose", words.text)
_PERSONS = Column("涉及人数", "persons", "persons", words.number)
_HOUSES = Column("涉及房屋", "houses", "houses", words.number)
_RECORDS = Column("记录数", "records", "records", words.number)
_CALLS = Column("次数", "calls", "calls", words.number)
_OFFICIAL = Column("经办人工号", "official", "official", words.text)
_QUERY = Column("查询", "question", "query", words.text)

ACTS: Mapping[str, str] = {
    "TOKEN_ISSUED": "签发令牌",
    "TOKEN_REVOKED": "吊销令牌",
    "GOV_KEY_ISSUED": "签发签名密钥",
    "GOV_KEY_REVOKED": "吊销签名密钥",
    "REDRIVE": "隔离区重投",
    "GRANT": "授权接入",
    "REVOKE": "撤销接入",
    "AUDIT_WHO": "查询被查看记录",
    "AUDIT_EXPORT": "导出链上记录",
}


def act(code: object) -> str:
    """The Chinese name of an operator's act."""
    return f"{ACTS.get(str(code), '')} {code}".strip()


def minute(value: object) -> str:
    """A time in China, to the minute."""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else words.NONE


def assessment(tables: Tables, about: str, hours: tuple[int, int], verified: Report | None) -> str:
    """The page of a period's tables; ``verified``: the verification that was made with it, if one was."""
    parts = [
        _first_read(tables),
        *_disclosed(tables),
        *_asked(tables),
        *_uncommon(tables, *hours),
        *_chains(tables, verified),
        *_operators(tables),
    ]
    return page("信息披露与审计报告（等保测评）", "Disclosures and audit, for an assessor", about, parts)


def _sum(tables: Tables, name: str, column: str) -> int:
    return sum(tables[name].column(column))


def _first_read(tables: Tables) -> str:
    return kpis(
        [
            ("推送记录", "records sent", words.number(_sum(tables, "topics", "records"))),
            ("查询次数", "calls", words.number(_sum(tables, "questions", "calls"))),
            ("拒绝查询", "denied", words.number(_sum(tables, "questions", "denied"))),
            ("非工作时间", "out of hours", words.number(_sum(tables, "out_of_hours", "outside"))),
            ("超常用量", "unusual days", words.number(len(tables["volume"].rows))),
            ("运维操作", "operators' acts", words.number(len(tables["acts"].rows))),
        ]
    )


def _disclosed(tables: Tables) -> Iterator[str]:
    yield heading(2, "一、推送", "Sent to departments' topics")
    yield paragraph(
        "记录进入部门主题即视为已向该部门披露。人数按证件去重，房屋按编码去重；“停止推送”仅含实体标识和修订号。"
    )
    columns = [_MONTH, _DEPARTMENT, Column("类别", "subject", "subject", words.text), _PURPOSE]
    columns += [_RECORDS, Column("其中停止推送", "no longer sent", "ended", words.number), _PERSONS, _HOUSES]
    yield table(tables["topics"], columns, _most(tables, "topics"))


def _asked(tables: Tables) -> Iterator[str]:
    yield heading(2, "二、查询", "Asked of the query API")
    yield paragraph("每次调用在应答前记入访问日志，准予与拒绝均记录；被拒绝的调用未披露任何信息。")
    months = sorted(set(tables["questions"].column("month")))
    yield pair(
        *(_by_month(tables, months, *one) for one in (("准予 granted", "granted"), ("拒绝 denied", "denied")))
    )
    columns = [_MONTH, _DEPARTMENT, Column("异地", "city", "city", words.text), _QUERY, _PURPOSE, _CALLS]
    columns += [
        Column("准予", "granted", "granted", words.number),
        Column("拒绝", "denied", "denied", words.number),
    ]
    columns += [_RECORDS, Column("经办人数", "officials", "officials", words.number), _PERSONS, _HOUSES]
    yield table(tables["questions"], columns, _most(tables, "questions"))
    yield heading(3, "拒绝原因", "Why calls were denied")
    reason = Column("原因代码", "code", "code", words.text)
    yield table(tables["refusals"], [_MONTH, _DEPARTMENT, _QUERY, reason, _CALLS], _most(tables, "refusals"))


def _by_month(tables: Tables, months: Sequence[str], name: str, column: str) -> str:
    rows = tables["questions"].records()
    counts = [float(sum(row[column] for row in rows if row["month"] == month)) for month in months]
    return Chart(months, [Series(name, counts)], width=470).bars()


def _uncommon(tables: Tables, opens: int, closes: int) -> Iterator[str]:
    yield heading(2, "三、异常使用", "Out of the common")
    yield paragraph(
        f"非工作时间：每日 {opens} 时前、{closes} 时起及周六、周日（法定节假日未计入）。超常用量：单日不少于 {LEAST} 次，"
        f"且超过本部门经办人单日次数中位数的 {TIMES} 倍。仅为线索，须由部门核实。"
    )
    yield heading(3, "非工作时间", "Out of hours")
    columns = [_DEPARTMENT, _OFFICIAL, _CALLS, Column("非工作时间", "outside", "outside", words.number)]
    columns += [Column("占比", "share", "share", words.rate), Column("最近一次", "newest", "newest", minute)]
    yield table(tables["out_of_hours"], columns, _most(tables, "out_of_hours"))
    yield heading(3, "超常用量", "Volume")
    columns = [_DEPARTMENT, _OFFICIAL, Column("日期", "day", "day", words.text), _CALLS]
    columns += [Column("中位数", "median", "median", words.number)]
    yield table(tables["volume"], columns, _most(tables, "volume"))


def _chains(tables: Tables, verified: Report | None) -> Iterator[str]:
    yield heading(2, "四、防篡改", "Tamper evidence")
    yield paragraph(
        "每个主题分区、每段访问日志各成一条 SHA-256 和 SM3 哈希链，链头定期以 Ed25519 签名（检查点）。"
    )
    yield paragraph(_verified(verified))
    if verified is not None and verified.findings:
        places = [f"{one.kind}：{one.place}（{shown(one.detail)}）" for one in verified.findings[:_MOST_ROWS]]
        yield "".join(map(paragraph, places))
    columns = [Column("主题", "topic", "topic", words.text), Column("链数", "chains", "chains", words.number)]
    columns += [_RECORDS, Column("待签名", "not signed yet", "unsigned", words.number)]
    yield table(tables["chains"], columns, _most(tables, "chains"))
    yield heading(3, "最近的检查点", "Last checkpoints")
    columns = [
        Column("序号", "sequence", "sequence", words.number),
        Column("时间（UTC）", "at", "at", minute),
    ]
    columns += [Column("密钥", "key", "key_id", words.text), Column("链头数", "heads", "heads", words.number)]
    yield table(tables["checkpoints"], columns)


def _verified(verified: Report | None) -> str:
    if verified is None:
        return "本报告未作校验：请以 qianbei audit verify 校验，或加 --verify 重新生成。"
    judged = "一致" if verified.ok else f"发现 {len(verified.findings)} 处不一致"
    return (
        f"生成时已校验：{verified.partitions:,} 条链共 {verified.records:,} 条记录、{verified.index_rows:,} 行索引、"
        f"{verified.checkpoints:,} 个检查点，{judged}；其中 {verified.unsigned:,} 条尚未签名，{verified.expired:,} 条已过保存期。"
    )


def _operators(tables: Tables) -> Iterator[str]:
    yield heading(2, "五、运维操作", "Operators' acts")
    columns = [Column("时间（UTC）", "at", "at", minute), Column("操作", "act", "act", act)]
    columns += [
        Column("操作人", "operator", "operator", words.text),
        Column("对象", "about", "about", words.text),
    ]
    columns += [Column("说明", "detail", "detail", words.text)]
    yield table(tables["acts"], columns, _most(tables, "acts"))
    yield heading(3, "披露条款的变更", "Changes of what may be disclosed")
    columns = [
        Column("时间（UTC）", "since", "since", minute),
        Column("途径", "way", "way", words.text),
        _PURPOSE,
    ]
    columns += [
        Column("依据", "legal basis", "legal_basis", words.text),
        Column("不告知公民", "untold", "untold", words.text),
    ]
    yield table(tables["terms"], columns, _most(tables, "terms"))


def _most(tables: Tables, name: str) -> range:
    return range(min(_MOST_ROWS, len(tables[name].rows)))
