"""``verify``: are the exchange's promises kept."""

import json

import click
from rich.console import Console

from qianbei.demo.result import violations
from qianbei.language import headed, spoken
from qianbei.site import current_site
from qianbei.verify import CheckResult, Report, verify
from schemas.said import said, shown

TITLES = {
    "conservation": said("1 conservation: every intake record has one outcome, every effect its decision"),
    "fold": said("2 fold: the tables latest equal exchange.*"),
    "projection": said("3 projection: dept.* equals exchange.* as entitled"),
    "law": said(
        "4 law: no sale of a seized house or to a listed buyer, one live sale a unit, every clash has its conflict"
    ),
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
        report = verify(current_site(), lambda doing: status.update(shown(doing)), patience_s=wait)
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        show(report, Console())
    if not report.ok:
        raise click.exceptions.Exit(1)


def show(report: Report, console: Console) -> None:
    """Print a report for people."""
    table = headed("check", "compared", "result")
    for name, check in report.checks.items():
        wrong = sum(check.found.values())
        table.add_row(
            shown(TITLES[name]),
            counts_of(check),
            f"[green]{spoken('kept')}[/]" if check.ok else f"[red]{violations(wrong)}[/]",
        )
    console.print(table)
    for name, check in report.checks.items():
        for violation in check.violations:
            line = f"{name}: {violation.what} {violation.place}: {shown(violation.detail)}"
            console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
        if (more := sum(check.found.values()) - len(check.violations)) > 0:
            console.print(
                spoken("{name}: and {more:,} more", name=name, more=more), style="red", highlight=False
            )
    seconds = report.seconds
    ended = (
        spoken("verified in {seconds:.1f} s", seconds=seconds)
        if report.ok
        else spoken("NOT verified in {seconds:.1f} s", seconds=seconds)
    )
    console.print(ended, highlight=False)


def counts_of(check: CheckResult) -> str:
    """The counts of a check, one a line."""
    return "\n".join(f"{count:,} {_named(name)}" for name, count in check.counts.items()) or "0"


def _named(count: str) -> str:
    subject = count.removesuffix("_revisions")
    if count != subject and count not in COUNTED:
        return spoken("{subject} revisions", subject=subject)
    return shown(COUNTED.get(count, count.replace("_", " ")))


COUNTED = {
    "intake": said("intake"),
    "exchange": said("exchange"),
    "outcomes": said("outcomes"),
    "effects": said("effects"),
    "accepted": said("accepted"),
    "refused": said("refused"),
    "duplicate": said("duplicate"),
    "quarantined": said("quarantined"),
    "unknown": said("unknown"),
    "slot_seqs": said("slot seqs"),
    "rows": said("rows"),
    "cells": said("cells"),
    "party_rows": said("party rows"),
    "dept_records": said("dept records"),
    "dept_schemas": said("dept schemas"),
    "decoded": said("decoded"),
    "erased_values": said("values erased with their key"),
    "buyers": said("buyers"),
    "sales_judged": said("sales judged"),
    "listings_met_sales": said("listings met sales"),
    "standing_listings": said("standing listings"),
    "terms_ended": said("terms ended"),
}
"""What is counted, in words."""
