"""A table of stock data as an old system would hand it over: filed sales, some of them wrong in twelve ways.

Deterministic by seed, and made row by row. What is wrong with which row is known, so that an import can be held to it.
Everybody in it is invented: county 411499 of the identity numbers was never assigned.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from schemas.identifiers import citizen_id, house_code

HEADER = (
    "合同编号", "签约日期", "备案日期", "备案编号", "县区代码", "房屋编码", "坐落", "建筑面积", "套内面积",
    "总价(万元)", "付款方式", "出卖人", "出卖人代码", "买受人", "身份证号", "备注",
)  # fmt: skip

MAPPING = """\
subject: sale
event_type: FILED
fixed:
  contract_kind: "12"
  version_no: 1
  filing_org_code: 11411400005900008T
  planned_use_code: "11"
  source_system: 旧网签系统
  "parties[0].role": SELLER
  "parties[0].party_kind": "2"
  "parties[0].id_type": USCC
  "parties[1].role": BUYER
  "parties[1].party_kind": "1"
  "parties[1].id_type": "1"
columns:
  合同编号: {to: [contract_no, source_seq]}
  签约日期: {to: signed_at}
  备案日期: {to: [filed_at, occurred_at]}
  备案编号: {to: filing_no}
  县区代码: {to: county_code}
  房屋编码: {to: house_code}
  坐落: {to: address}
  建筑面积: {to: gross_area}
  套内面积: {to: inner_area}
  总价(万元): {to: total_price, unit: 万元}
  付款方式: {to: payment_method, codes: filing_legacy}
  出卖人: {to: "parties[0].name"}
  出卖人代码: {to: "parties[0].id_no"}
  买受人: {to: "parties[1].name"}
  身份证号: {to: "parties[1].id_no"}
ignore: [备注]
"""

_PAYMENTS = ("177", "178", "179")
_DATES = ("{0}-{1:02}-{2:02}", "{0}/{1}/{2}", "{0}.{1}.{2}", "{0}{1:02}{2:02}", "{0}年{1}月{2}日")
Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class StockRow:
    """A row of the table: its number in the sheet, its cells, and the kind of what is wrong with it, if anything is."""

    number: int
    cells: tuple[str, ...]
    wrong: str | None


def _put(column: str, value: str) -> Callable[[Cells], None]:
    def change(cells: Cells) -> None:
        cells[column] = value

    return change


def _other_check(column: str, letters: str) -> Callable[[Cells], None]:
    def change(cells: Cells) -> None:
        text = cells[column]
        cells[column] = text[:-1] + letters[(letters.index(text[-1]) + 1) % len(letters)]

    return change


SAME_NUMBER = "合同编号 twice"
TOO_FEW = "cells missing"
_WRONGS: dict[str, Callable[[Cells], None]] = {
    "身份证号": _other_check("身份证号", "0123456789X"),
    "房屋编码": _other_check("房屋编码", "0123456789"),
    "付款方式": _put("付款方式", "999"),
    "签约日期": _put("签约日期", "2020-02-30"),
    "建筑面积": _put("建筑面积", "一百二"),
    "总价(万元)": _put("总价(万元)", "-90.5"),
    "套内面积": _put("套内面积", "900"),
    "备案日期": _put("备案日期", "2001-01-01"),
    "买受人": _put("买受人", ""),
    "县区代码": _put("县区代码", "999999"),
}
KINDS = (*_WRONGS, SAME_NUMBER, TOO_FEW)
"""What may be wrong. The first ten are named after the column; the number that is there twice only the exchange can see."""


def stock_table(rows: int, *, seed: int = 1, wrong: float = 0.02, prefix: str = "JC") -> Iterator[StockRow]:
    """The rows of a table, the header not counted: about the share ``wrong`` of them is bad, of all kinds alike.

    ``prefix`` begins the contract numbers: it keeps the tables of several runs apart.
    """
    rng = Random(seed)
    earlier = ""
    for n in range(rows):
        kind = rng.choice(KINDS) if rng.random() < wrong else None
        if kind == SAME_NUMBER and not earlier:
            kind = None
        cells = _right_row(rng, f"{prefix}{n:08d}", n)
        if kind in _WRONGS:
            _WRONGS[kind](cells)
        elif kind == SAME_NUMBER:
            cells["合同编号"] = earlier
        elif kind is None:
            earlier = cells["合同编号"]
        texts = tuple(cells.values())
        yield StockRow(n + 2, texts[:-2] if kind == TOO_FEW else texts, kind)


def _right_row(rng: Random, number: str, n: int) -> Cells:
    signed = (rng.randrange(2005, 2020), rng.randrange(1, 13), rng.randrange(1, 29))
    form = rng.choice(_DATES)
    area = rng.randrange(4000, 20000)
    values = (
        number,
        form.format(*signed),
        form.format(signed[0] + 1, *signed[1:]),
        f"BA{number}",
        "411402",
        _house(n),
        f"示范路{n // 500 + 1}号{n % 500 + 1}室",
        f"{area / 100:.2f}",
        f"{area * 0.8 / 100:.2f}",
        f"{rng.randrange(200_000, 3_000_000) / 10_000:.4f}",
        rng.choice(_PAYMENTS),
        "商丘示例房地产开发有限公司",
        "91411402MA40001002",
        f"样本{n}",
        _person(n),
        "",
    )
    return dict(zip(HEADER, values, strict=True))


def _house(n: int) -> str:
    body = f"411402008202006{n // 9999 + 1:06d}{n % 9999 + 1:04d}"
    return body + str(house_code.check_digit(body))


def _person(n: int) -> str:
    body = f"411499{1950 + n // 9999 % 50}0101{n % 999 + 1:03d}"
    return body + citizen_id.check_digit(body)
