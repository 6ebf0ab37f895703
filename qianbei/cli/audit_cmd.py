"""``audit``: the hash chains of all topics and of the access log, their checkpoints and keys."""

import json
from itertools import chain
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from broker.errors import ConfigError
from broker.settings import Settings
from broker.store.roles import AUDIT as ROLE
from broker.topics import AUDIT
from qianbei.audit import Report, verify_chains
from qianbei.audit.export import checkpoint_lines, range_lines
from qianbei.audit.findings import Kind
from qianbei.cli.acts import act_of, user
from qianbei.cli.assessment_cmd import assessment_command
from qianbei.cli.completing import topics
from qianbei.cli.who_cmd import who_command
from qianbei.language import headed, spoken
from qianbei.site import current_site
from qianbei.who.exporting import record_export
from schemas.said import said, shown

_KINDS = {
    Kind.CHANGED: said("changed"),
    Kind.DROPPED: said("dropped"),
    Kind.INSERTED: said("inserted"),
    Kind.REORDERED: said("re-ordered"),
    Kind.CORRUPT: said("corrupt on disk"),
    Kind.ROW_EDITED: said("table row edited"),
    Kind.ROW_DROPPED: said("table row dropped"),
    Kind.INDEX_EDITED: said("index edited"),
    Kind.REWRITTEN: said("not what was signed"),
    Kind.SIGNATURE: said("signature wrong"),
    Kind.CHECKPOINT: said("checkpoint missing"),
}
_SHOWN = 200
_PATH = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(name="audit")
def audit_command() -> None:
    """Who saw what; and prove that no record of the exchange or of its access log was changed. See docs/audit.md.

    Example: qianbei audit verify --json
    """


audit_command.add_command(who_command)
audit_command.add_command(assessment_command)


def _settings() -> Settings:
    return current_site().settings(AUDIT, role=ROLE)


def _keys() -> Path:
    return current_site().secrets / "audit"


@audit_command.command(name="verify")
@click.option(
    "--topic",
    "chosen",
    multiple=True,
    shell_complete=topics,
    help="Only this topic; audit.access for the access log.",
)
@click.option("--since", type=click.IntRange(0), default=0, help="Begin where this checkpoint stands.")
@click.option("--held", type=_PATH, help="Checkpoints that were kept elsewhere: all must still be there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify_command(chosen: tuple[str, ...], since: int, held: Path | None, as_json: bool) -> None:
    """Compare log, chains, index and checkpoints, and name every place that was changed.

    Example: qianbei audit verify --held checkpoints.jsonl
    """
    bodies = _held(held) if held else {}
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(spoken("verifying chains"), total=None)
        report = verify_chains(
            _settings(),
            _keys(),
            lambda done, of: bar.update(task, completed=done, total=of),
            topics=chosen,
            since=since,
            held=bodies,
        )
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        show(report, Console())
    if not report.ok:
        raise click.exceptions.Exit(1)


def _held(path: Path) -> dict[int, str]:
    try:
        bodies = [json.loads(line)["checkpoint"] for line in path.read_text(encoding="utf-8").splitlines()]
        return {json.loads(body)["sequence"]: body for body in bodies}
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            said(
                "{path} does not hold checkpoints as `qianbei audit checkpoint export` writes them", path=path
            )
        ) from None


def show(report: Report, console: Console) -> None:
    """Print a report for people."""
    if report.findings:
        table = headed("kind", "place", "detail")
        for one in report.findings[:_SHOWN]:
            table.add_row(shown(_KINDS[one.kind]), one.place, shown(one.detail))
        console.print(table)
    if (more := len(report.findings) - _SHOWN) > 0:
        console.print(spoken("and {more:,} more", more=more), style="red")
    compared = spoken(
        "{records:,} records in {chains:,} chains, {rows:,} rows of the index, {checkpoints:,} checkpoints",
        records=report.records,
        chains=report.partitions,
        rows=report.index_rows,
        checkpoints=report.checkpoints,
    )
    console.print(compared, highlight=False)
    console.print(
        spoken(
            "{expired:,} past their retention, {unsigned:,} not yet signed",
            expired=report.expired,
            unsigned=report.unsigned,
        ),
        highlight=False,
    )
    seconds = report.seconds
    ended = (
        spoken("verified in {seconds:.1f} s", seconds=seconds)
        if report.ok
        else spoken("NOT verified in {seconds:.1f} s", seconds=seconds)
    )
    console.print(ended, highlight=False)


@audit_command.command(name="export")
@click.argument("topic", shell_complete=topics)
@click.argument("partition", type=click.IntRange(0))
@click.argument("first", type=click.IntRange(0))
@click.argument("last", type=click.IntRange(0))
@click.option(
    "--reason", required=True, help="For whom and why, in your words; kept for ever, so name no person."
)
@click.option("--operator", default=user, show_default="you", help="Who does it; kept for ever.")
def export_command(topic: str, partition: int, first: int, last: int, reason: str, operator: str) -> None:
    """Write records FIRST to LAST, up to the signed heads around them, for docs/audit/verify_range.py.

    They are whole, so the export is written to the access log, with all persons in them, before anything is written out.

    Example: qianbei audit export exchange.sale 2 1000 1100 --reason "assessor of 2020" > range.jsonl
    """
    act = act_of(operator, reason)
    lines = range_lines(_settings(), topic, partition, first, last)
    bounds = next(lines)
    record_export(_settings(), act, topic, partition, bounds["after"] + 1, bounds["to"])
    for line in chain([bounds], lines):
        click.echo(json.dumps(line, ensure_ascii=False))


@audit_command.group(name="checkpoint")
def checkpoint_command() -> None:
    """Signed checkpoints. Example: qianbei audit checkpoint export > checkpoints.jsonl"""


@checkpoint_command.command(name="export")
@click.option("--after", type=click.IntRange(0), default=0, help="Only those after this one.")
def checkpoint_export_command(after: int) -> None:
    """Write the checkpoints as JSON Lines, to be kept by someone else.

    Example: qianbei audit checkpoint export --after 1200 >> checkpoints.jsonl
    """
    for line in checkpoint_lines(_settings(), after):
        click.echo(json.dumps(line, ensure_ascii=False))


@audit_command.command(name="keys")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def keys_command(as_json: bool) -> None:
    """Print the public keys that checkpoints are verified with, by id. Example: qianbei audit keys"""
    for path in sorted(_keys().glob("*.pub")):
        key_id, key = path.stem, path.read_text(encoding="ascii").strip()
        click.echo(json.dumps({"key_id": key_id, "key": key}) if as_json else f"{key_id}  {key}")
