"""``audit report``: the periodic file for an assessor."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from broker.disclosed.figures import figures
from broker.kafka import Connection, PartitionReader
from broker.report.figures import Period, Table, one_moment
from broker.store.roles import AUDIT as ROLE
from broker.topics import AUDIT
from qianbei.assessment.acts import acts
from qianbei.assessment.page import assessment
from qianbei.audit import Report, verify_chains
from qianbei.cli.report_cmd import summary_of
from qianbei.language import spoken
from qianbei.report.files import as_json, write_csv, write_text
from qianbei.site import Site, current_site
from schemas.dates import day_in_china

_DAYS = 90
_PAGE = "report.html"


class Hours(click.ParamType[tuple[int, int]]):
    """The hours in which officials work, such as ``8-18``."""

    name = "from-to"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Fails for what is no pair of hours of one day."""
        if isinstance(value, tuple):
            return value
        opens, _, closes = str(value).partition("-")
        if not (opens.isdigit() and closes.isdigit() and int(opens) < int(closes) <= 24):
            self.fail(f"{value!r} is no pair of hours: write 8-18", param, ctx)
        return int(opens), int(closes)


@click.command(name="report")
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day.  [default: 90 days up to --to]"
)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day.  [default: today]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder: report.html, and a CSV file a table.",
)
@click.option(
    "--hours", type=Hours(), default="8-18", show_default=True, help="The hours in which officials work."
)
@click.option("--verify", is_flag=True, help="Verify all chains too, as `qianbei audit verify` does.")
@click.option("--json", "as_json_", is_flag=True, help="All tables as one JSON object.")
def assessment_command(
    first: datetime | None,
    last: datetime | None,
    out: Path | None,
    hours: tuple[int, int],
    verify: bool,
    as_json_: bool,
) -> None:
    """What an assessor asks for of a period: who was given what and why, calls denied, what is out of the common, chains, acts.

    A summary unless --out or --json is given. Days are those of China. No person is named, and no address or number of a
    document is in it. Ends with 1 if --verify finds anything.

    Example: qianbei audit report --from 2020-10-01 --to 2020-12-31 --out assessment --verify
    """
    to = day_in_china(datetime.now(UTC)) if last is None else last.date()
    since = to - timedelta(days=_DAYS - 1) if first is None else first.date()
    if since > to:
        raise click.UsageError(spoken("--from is after --to"))
    site, period = current_site(), Period(since, to)
    tables = _tables(site, period, hours)
    verified = _verified(site) if verify else None
    told = {"from": str(since), "to": str(to), "verified": None if verified is None else verified.as_dict()}
    if out is not None:
        _write(out, tables, period, hours, verified)
    if as_json_:
        click.echo(as_json(tables, **told))
    elif out is None:
        summary_of(tables["questions"])
    if verified is not None and not verified.ok:
        raise click.exceptions.Exit(1)


def _tables(site: Site, period: Period, hours: tuple[int, int]) -> dict[str, Table]:
    settings = site.settings(AUDIT, role=ROLE)
    with one_moment(settings.dsn()) as db, PartitionReader(Connection.of(settings)) as reader:
        found = figures(db, period, *hours)
        return found | {"acts": acts(db, reader, settings.installation(), period)}


def _verified(site: Site) -> Report:
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(spoken("verifying chains"), total=None)
        return verify_chains(
            site.settings(AUDIT, role=ROLE),
            site.secrets / "audit",
            lambda done, of: bar.update(task, completed=done, total=of),
        )


def _write(
    out: Path, tables: dict[str, Table], period: Period, hours: tuple[int, int], verified: Report | None
) -> None:
    paths = write_csv(out, tables)
    made = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d %H:%M}"
    about = f"{period.first} 至 {period.last}　生成于 {made}（北京时间）"
    write_text(out / _PAGE, assessment(tables, about, hours, verified))
    if verified is not None:
        path = out / "verification.json"
        write_text(path, json.dumps(verified.as_dict(), ensure_ascii=False))
        paths.append(path)
    for path in (out / _PAGE, *paths):
        click.echo(spoken("written: {path}", path=path), err=True)
