"""``report``: data quality for the yearly assessment, and the market, as HTML, CSV or JSON."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from broker.report.figures import Period, Table, Tables, counted_until, one_moment
from broker.report.market import market
from broker.report.quality import quality
from broker.store.roles import READER
from broker.topics import OPERATOR
from qianbei.language import headed, spoken
from qianbei.report import words
from qianbei.report.files import as_json, write_csv, write_text
from qianbei.report.market_page import market_page
from qianbei.report.quality_page import quality_page
from qianbei.site import current_site
from schemas.codelists import code_list
from schemas.dates import day_in_china, months_after

_Decorated = Callable[..., Any]
_DAYS = 30
_MONTHS = 12


@click.group(name="report")
def report_command() -> None:
    """Figures for the yearly assessment and for market monitoring (docs/reports.md).

    Example: qianbei report quality --html quality.html
    """


def _counties(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [code.code for code in code_list("county") if code.code.startswith(incomplete)]


def _outputs(command: _Decorated) -> _Decorated:
    """The options of every report."""
    known = click.Choice(sorted(code_list("county").codes))
    for option in (
        click.option("--json", "as_json_", is_flag=True, help="All tables as one JSON object."),
        click.option(
            "--csv",
            "csv_",
            type=click.Path(file_okay=False, path_type=Path),
            help="A folder: a CSV file a table.",
        ),
        click.option(
            "--html", type=click.Path(dir_okay=False, path_type=Path), help="A file: one page with charts."
        ),
        click.option(
            "--county",
            type=known,
            metavar="CODE",
            shell_complete=_counties,
            help="Only this county, by its code.",
        ),
    ):
        command = option(command)
    return command


@report_command.command(name="quality")
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day.  [default: 30 days up to --to]"
)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day.  [default: today]")
@_outputs
def quality_command(first: datetime | None, last: datetime | None, **output: Any) -> None:
    """Timeliness, accuracy, coverage and consistency by county and day; a summary unless a file is named.

    Days are those on which the exchange recorded it, in China.

    Example: qianbei report quality --from 2021-01-01 --to 2021-12-31 --html quality.html --csv quality
    """
    to = day_in_china(datetime.now(UTC)) if last is None else last.date()
    since = to - timedelta(days=_DAYS - 1) if first is None else first.date()
    _report(_period(since, to, output["county"]), quality, quality_page, "accuracy_by_county", **output)


@report_command.command(name="market")
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m"]), help="First month.  [default: 12 months up to --to]"
)
@click.option("--to", "last", type=click.DateTime(["%Y-%m"]), help="Last month.  [default: this one]")
@_outputs
def market_command(first: datetime | None, last: datetime | None, **output: Any) -> None:
    """Filings, areas, prices, rents and stock by county and month; a summary unless a file is named.

    A cancelled filing is taken back in the month of its cancellation.

    Example: qianbei report market --from 2021-01 --to 2021-12 --html market.html
    """
    to = (day_in_china(datetime.now(UTC)) if last is None else last.date()).replace(day=1)
    since = months_after(to, 1 - _MONTHS) if first is None else first.date()
    _report(_period(since, to, output["county"]), market, market_page, "sales", **output)


def _period(first: date, last: date, county: str | None) -> Period:
    if first > last:
        raise click.UsageError(spoken("--from is after --to"))
    return Period(first, last, county)


def _report(
    period: Period,
    read: Callable[[Any, Period], Tables],
    page: Callable[[Tables, str], str],
    summary: str,
    *,
    county: str | None,
    html: Path | None,
    csv_: Path | None,
    as_json_: bool,
) -> None:
    with one_moment(current_site().settings(OPERATOR, role=READER).dsn()) as db:
        tables, until = read(db, period), counted_until(db)
    if html is not None:
        write_text(html, page(tables, _about(period, until)))
        click.echo(spoken("written: {path}", path=html), err=True)
    for path in () if csv_ is None else write_csv(csv_, tables):
        click.echo(spoken("written: {path}", path=path), err=True)
    if as_json_:
        told = {"from": str(period.first), "to": str(period.last), "county": county}
        click.echo(as_json(tables, **told, counted_until=None if until is None else until.isoformat()))
    elif html is None and csv_ is None:
        summary_of(tables[summary])


def _about(period: Period, until: datetime | None) -> str:
    counted = words.NONE if until is None else f"{until + timedelta(hours=8):%Y-%m-%d %H:%M}"
    return f"{period.first} 至 {period.last}　{words.county(period.county or 'ALL')}　统计截至 {counted}（北京时间）"


def summary_of(figures: Table) -> None:
    """Print a table of figures for people."""
    shown = headed()
    for column in figures.columns:
        shown.add_column(column, overflow="fold")
    for row in figures.rows:
        shown.add_row(*("" if value is None else f"{value}" for value in row))
    Console().print(shown)
