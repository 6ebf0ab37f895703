"""``import``: a source's stock data from a table."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from broker.errors import ConfigError
from producers.first_decisions import FirstDecisions
from producers.publisher import Publisher
from producers.stock.convert import Converter
from producers.stock.importing import Importer
from producers.stock.mapping import StockMapping, read_mapping
from producers.stock.reading import Progress as Told
from producers.stock.reading import Report, check
from producers.stock.rejects import RejectFile, reject_file
from producers.stock.sheet import Sheet, open_sheet
from producers.stock.state import ImportState
from producers.stock.suggest import as_yaml, suggest
from qianbei.cli.completing import principals
from qianbei.language import spoken
from qianbei.site import current_site, known_catalogue
from qianbei.stack import home_from_env
from schemas.said import said, shown

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="import")
@click.argument("source", shell_complete=principals)
@click.argument("file", type=_FILE)
@click.option("--mapping", type=_FILE, help="Which column goes to which field (YAML; see docs/stock.md).")
@click.option(
    "--check", "only_check", is_flag=True, help="Read everything, publish nothing; needs no server."
)
@click.option("--suggest-mapping", "suggesting", is_flag=True, help="Print a mapping to begin with, and end.")
@click.option("--subject", default="sale", show_default=True, help="What --suggest-mapping maps to.")
@click.option("--event-type", default="FILED", show_default=True, help="What --suggest-mapping maps to.")
@click.option("--rejects", type=_NEW_FILE, help="The reject file.  [default: FILE.rejects.csv]")
@click.option("--encoding", help="Of a CSV file, such as gb18030.  [default: detected]")
@click.option("--sheet", help="Of an Excel file.  [default: the first]")
@click.option("--state", type=_NEW_FILE, help="What is imported already.  [default: in the home, by source]")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object.")
def import_command(
    source: str,
    file: Path,
    mapping: Path | None,
    only_check: bool,
    suggesting: bool,
    subject: str,
    event_type: str,
    rejects: Path | None,
    encoding: str | None,
    sheet: str | None,
    state: Path | None,
    as_json: bool,
) -> None:
    """Import a table (CSV or .xlsx) of stock data as SOURCE. Exit code 1 if a row was not accepted.

    Bad rows are written to the reject file. Mend the rows and run again: only what is missing is imported. A run that
    was cut off goes on where it was.

    Example: qianbei import bureau sales.csv --mapping sales.yaml --check
    """
    with open_sheet(file, encoding=encoding, sheet=sheet) as table:
        if suggesting:
            click.echo(as_yaml(subject, event_type, suggest(subject, table.header)), nl=False)
            return
        if mapping is None:
            raise click.UsageError(spoken("name the mapping with --mapping, or begin with --suggest-mapping"))
        converter = Converter(known_catalogue(), source, read_mapping(mapping))
        _check_header(converter.mapping, table)
        click.echo(
            spoken(
                "{name}: {about}, {count} columns", name=file.name, about=table.about, count=len(table.header)
            ),
            err=True,
        )
        into = rejects or file.with_name(file.name + ".rejects.csv")
        with reject_file(into) as rejected, _bar(table) as progress:
            if only_check:
                report = check(converter, table.rows(), rejected, progress)
            else:
                report = _imported(source, converter, table, rejected, progress, state or _state_of(source))
    _print(report, into, only_check, as_json)
    if not report.complete:
        raise click.exceptions.Exit(1)


def _imported(
    source: str, converter: Converter, table: Sheet, rejected: RejectFile, progress: Told, path: Path
) -> Report:
    settings = current_site().settings(source)
    with (
        ImportState(path) as state,
        Publisher(settings, source) as publisher,
        FirstDecisions(settings, source) as firsts,
    ):
        return Importer(publisher, firsts, converter, state, rejected, progress).run(table.rows())


def _state_of(source: str) -> Path:
    return home_from_env() / "imports" / f"{source}.sqlite3"


def _check_header(mapping: StockMapping, table: Sheet) -> None:
    """A column that is missing, or that nobody thought of, is found before the first row."""
    lost = [name for name in mapping.columns if name not in table.header]
    new = [name for name in table.header if name not in mapping.columns and name not in mapping.ignore]
    if lost:
        raise ConfigError(
            said(
                "the file lacks the columns {lost}; it has {header}",
                lost=", ".join(lost),
                header=", ".join(table.header),
            )
        )
    if new:
        raise ConfigError(
            said(
                "the mapping says nothing of the columns {new}: map them or list them under ignore",
                new=", ".join(new),
            )
        )


@contextmanager
def _bar(table: Sheet) -> Iterator[Told]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(spoken("rows"), total=1.0, told="")

        def tell(report: Report) -> None:
            done = report.good + report.accepted + report.before
            told = spoken(
                "{rows:,} read, {done:,} good, {bad:,} rejected",
                rows=report.rows,
                done=done,
                bad=report.bad + report.refused,
            )
            progress.update(task, completed=table.fraction(), told=told)

        yield tell
        progress.update(task, completed=1.0)


def _print(report: Report, into: Path, only_check: bool, as_json: bool) -> None:
    rejects = str(into) if into.exists() else None
    if as_json:
        counts = {field.name: getattr(report, field.name) for field in fields(report)}
        click.echo(
            json.dumps({**counts, "complete": report.complete, "rejects": rejects}, ensure_ascii=False)
        )
        return
    if only_check:
        click.echo(
            spoken(
                "{rows} rows: {good} good, {bad} bad; nothing was published",
                rows=report.rows,
                good=report.good,
                bad=report.bad,
            )
        )
    else:
        click.echo(
            spoken(
                "{rows} rows: {accepted} accepted, {before} accepted before, {repeated} repeated, "
                "{refused} refused, {bad} bad",
                rows=report.rows,
                accepted=report.accepted,
                before=report.before,
                repeated=report.repeated,
                refused=report.refused,
                bad=report.bad,
            )
        )
    for reason, times in report.reasons.most_common():
        click.echo(f"  {times:>8}  {shown(reason)}")
    if rejects:
        click.echo(spoken("what is wrong with which row: {rejects}", rejects=rejects))
