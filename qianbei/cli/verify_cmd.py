"""``verify``: are the exchange's promises kept."""

import json

import click
from rich.console import Console
from rich.table import Table

from qianbei.site import current_site
from qianbei.verify import CheckResult, Report, verify

TITLES = {
    "conservation": "1 conservation: every intake record has one outcome, every effect its decision",
    "fold": "2 fold: the tables latest equal exchange.*",
    "projection": "3 projection: dept.* equals exchange.* as entitled",
    "law": "4 law: no sale of a seized house or to a listed buyer, one live sale a unit, every clash has its conflict",
}


@click.command(name="verify")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--wait", default=30.0, show_default=True, help="Seconds to wait for services that are behind.")
def verify_command(as_json: bool, wait: float) -> None:
    """Check from outside, from topics and tables alone, that nothing is lost, doubled or shown to the wrong reader.

    Prints the counts that were compared. Exit code 1 if anything is wrong, or if there was nothing to compare.

    Example: qianbei verify --json
    """
    progress = Console(stderr=True)
    with progress.status("reading") as status:
        report = verify(current_site(), status.update, patience_s=wait)
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        show(report, Console())
    if not report.ok:
        raise click.exceptions.Exit(1)


def show(report: Report, console: Console) -> None:
    """Print a report for people."""
    table = Table("check", "compared", "result")
    for name, check in report.checks.items():
        wrong = sum(check.found.values())
        table.add_row(
            TITLES[name], counts_of(check), "[green]kept[/]" if check.ok else f"[red]{wrong:,} violations[/]"
        )
    console.print(table)
    for name, check in report.checks.items():
        for violation in check.violations:
            line = f"{name}: {violation.what} {violation.place}: {violation.detail}"
            console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
        if (more := sum(check.found.values()) - len(check.violations)) > 0:
            console.print(f"{name}: and {more:,} more", style="red", highlight=False)
    console.print(f"{'verified' if report.ok else 'NOT verified'} in {report.seconds:.1f} s", highlight=False)


def counts_of(check: CheckResult) -> str:
    """The counts of a check, one a line."""
    return "\n".join(f"{count:,} {name.replace('_', ' ')}" for name, count in check.counts.items()) or "0"
