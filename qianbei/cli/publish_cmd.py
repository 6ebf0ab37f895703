"""``publish``: a source's events from a file."""

import json
from pathlib import Path

import click

from producers.jsonlines import Summary, publish_lines
from producers.publisher import Publisher
from qianbei.cli.completing import principals
from qianbei.language import spoken
from qianbei.site import current_site
from schemas.said import shown


@click.command()
@click.argument("source", shell_complete=principals)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help="Seconds to wait for decisions.",
)
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object.")
def publish(source: str, file: Path, timeout: float, as_json: bool) -> None:
    """Publish a JSON Lines FILE as SOURCE, and print what was decided. Exit code 1 if a line was not accepted.

    Sending the same file again is safe. Example: qianbei publish bureau filings.jsonl
    """
    site = current_site()
    with Publisher(site.settings(source), source) as publisher, click.open_file(str(file), "rb") as lines:
        summary = publish_lines(publisher, lines, timeout_s=timeout, catalogue=publisher.catalogue)
    if as_json:
        click.echo(json.dumps(_as_dict(summary), ensure_ascii=False))
    else:
        _print(summary)
    if not summary.complete:
        raise click.exceptions.Exit(1)


def _as_dict(summary: Summary) -> dict[str, object]:
    return {
        "lines": summary.lines,
        "sent": summary.sent,
        "outcomes": dict(summary.outcomes),
        "reasons": dict(summary.reasons),
        "problems": [str(problem) for problem in summary.problems],
        "undecided": summary.undecided,
    }


def _print(summary: Summary) -> None:
    for problem in summary.problems:
        click.echo(spoken("not sent: {problem}", problem=problem), err=True)
    for refused in summary.refused:
        assert refused.decision is not None
        for reason in refused.decision.reasons:
            click.echo(
                spoken(
                    "line {line} refused: {code} {field} {zh} {en}",
                    line=refused.line,
                    code=reason.code,
                    field=reason.field or "",
                    zh=reason.zh,
                    en=reason.en,
                ),
                err=True,
            )
    for line in summary.undecided:
        click.echo(spoken("line {line} is sent and not decided yet", line=line), err=True)
    click.echo(shown(summary))
