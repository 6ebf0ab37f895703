"""One self-contained HTML page: no script, nothing fetched, fit for A4."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import NamedTuple

from broker.report.figures import Table

Written = Callable[[object], str]
_NUMERIC = frozenset({"number", "rate", "duration", "durations"})
STYLE = """
@page { size: A4; margin: 14mm }
body { font: 14px/1.55 "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei", sans-serif;
  color: #222; max-width: 1000px; margin: 0 auto; padding: 24px }
h1 { font-size: 24px; margin: 0 } h2 { font-size: 18px; margin: 32px 0 6px; border-bottom: 2px solid #1f5f8b; padding-bottom: 3px }
h3 { font-size: 14px; margin: 18px 0 4px } small { color: #666; font-weight: normal; font-size: 0.78em; margin-left: 0.4em }
p { margin: 4px 0 10px; color: #555 } .kpis { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 10px; margin: 18px 0 }
.kpis div { border: 1px solid #d5dde3; border-radius: 6px; padding: 8px 12px }
.kpis small { display: block; margin: 0 } .kpis b { display: block; font-size: 20px; color: #1f5f8b; white-space: nowrap }
table { border-collapse: collapse; width: 100%; margin: 6px 0 14px; font-size: 13px; break-inside: auto }
th { text-align: left; background: #eef3f6; font-weight: 600; vertical-align: bottom } th small { display: block; margin: 0 }
th, td { padding: 4px 8px; border-bottom: 1px solid #dde3e8 } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
tr { break-inside: avoid } tr.all td { font-weight: 600; background: #f7f9fa } thead { display: table-header-group }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 20px } figure { margin: 4px 0 10px; break-inside: avoid }
figcaption span { margin-right: 14px; font-size: 12px; color: #444 } figcaption i { display: inline-block; width: 10px; height: 10px;
  margin-right: 5px; border-radius: 2px } svg { width: 100%; height: auto } svg text { font-size: 11px; fill: #555 }
.grid { stroke: #e2e7eb; stroke-width: 1 } @media print { body { padding: 0; max-width: none } }
"""


class Column(NamedTuple):
    """A column of a table: its headings, the figure, and how that is written."""

    zh: str
    en: str
    name: str
    written: Written


def heading(level: int, zh: str, en: str) -> str:
    """A heading in both languages."""
    return f"<h{level}>{escape(zh)}<small>{escape(en)}</small></h{level}>"


def paragraph(zh: str) -> str:
    """Small print."""
    return f"<p>{escape(zh)}</p>"


def table(figures: Table, columns: Sequence[Column], rows: Iterable[int] | None = None) -> str:
    """The named columns of these rows (all, if not given)."""
    heads = "".join(f"<th{_class(c)}>{escape(c.zh)}<small>{escape(c.en)}</small></th>" for c in columns)
    values = [(c, figures.column(c.name)) for c in columns]
    lines = "".join(
        f"<tr{_of_all(values[0][1][n])}>"
        + "".join(f"<td{_class(c)}>{escape(c.written(column[n]))}</td>" for c, column in values)
        + "</tr>"
        for n in (range(len(figures.rows)) if rows is None else rows)
    )
    if not lines:
        lines = f'<tr><td colspan="{len(columns)}">本期无数据 No data in this period</td></tr>'
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _class(column: Column) -> str:
    return ' class="n"' if column.written.__name__ in _NUMERIC else ""


def _of_all(first: object) -> str:
    return ' class="all"' if first == "ALL" else ""


def kpis(items: Iterable[tuple[str, str, str]]) -> str:
    """The few figures that are read first: Chinese, English, value."""
    boxes = "".join(
        f"<div>{escape(zh)}<small>{escape(en)}</small><b>{escape(v)}</b></div>" for zh, en, v in items
    )
    return f'<div class="kpis">{boxes}</div>'


def pair(*charts: str) -> str:
    """Two charts beside each other."""
    return '<div class="pair">' + "".join(f"<div>{one}</div>" for one in charts) + "</div>"


def page(zh: str, en: str, about: str, parts: Iterable[str]) -> str:
    """The whole page."""
    return (
        f'<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(zh)}</title>'
        f"<style>{STYLE}</style></head><body>{heading(1, zh, en)}{paragraph(about)}{''.join(parts)}</body></html>\n"
    )
