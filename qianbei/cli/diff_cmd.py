"""``diff``: in what two schemas with the tables of ``latest`` differ, and which events made it so."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice

import click
from rich.console import Console

from broker.replay.comparing import Difference, differences
from broker.replay.explaining import Explained, explained
from broker.store.roles import READER
from broker.topics import OPERATOR
from qianbei.language import headed, spoken
from qianbei.site import current_site

MOST = 1_000


@click.command(name="diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=MOST,
    show_default=True,
    help="So many differences are told and explained; all are counted.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a difference, then one with the counts."
)
def diff_command(before: str, after: str, limit: int, as_json: bool) -> None:
    """Compare two schemas entity by entity: A and B are rebuilt ones, or latest.

    Each difference is told with the fields that differ and the events between the two revisions, never with a value. Ends
    with 1 if there is any.

    \b
    Example: qianbei rebuild --as-of 2021-03-01 --into march
             qianbei diff march latest
    """
    settings = current_site().settings(OPERATOR, role=READER)
    counts: Counter[str] = Counter()
    found = _counted(differences(settings.dsn(), before, after), counts)
    first = list(islice(found, limit))
    for _ in found:  # counted, and not kept
        pass
    told = explained(settings, first)
    (_say_json if as_json else _say)(told, counts, before, after)
    if counts:
        raise click.exceptions.Exit(1)


def _counted(found: Iterable[Difference], counts: Counter[str]) -> Iterable[Difference]:
    for one in found:
        counts[one.subject] += 1
        yield one


def _say_json(told: list[Explained], counts: Counter[str], before: str, after: str) -> None:
    for one in told:
        click.echo(json.dumps(_as_dict(one), ensure_ascii=False))
    summary = {
        "a": before,
        "b": after,
        "differences": dict(counts),
        "told": len(told),
        "unexplained": _unexplained(told),
    }
    click.echo(json.dumps(summary, ensure_ascii=False))


def _as_dict(one: Explained) -> dict[str, object]:
    found = one.difference
    return {
        "subject": found.subject,
        "entity_id": found.entity_id,
        "revision_a": found.before,
        "revision_b": found.after,
        "fields": found.fields,
        "events": [
            {
                "revision": step.revision,
                "event_type": step.event_type,
                "event_id": step.event_id,
                "decision_id": step.decision_id,
                "recorded_at": step.recorded_at,
                "place": step.place,
            }
            for step in one.steps
        ],
        "explained": one.whole,
    }


def _say(told: list[Explained], counts: Counter[str], before: str, after: str) -> None:
    console = Console()
    for one in told:
        found = one.difference
        head = f"{found.subject} {found.entity_id}: {_revision(found.before)} → {_revision(found.after)}"
        console.print(head, markup=False, highlight=False, soft_wrap=True)
        if found.fields:
            console.print("  " + ", ".join(found.fields), markup=False, highlight=False, soft_wrap=True)
        for step in one.steps:
            line = f"  {step.revision} {step.event_type} {step.recorded_at} {step.decision_id} {step.place}"
            console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
        if not one.whole:
            console.print("  " + spoken("no event explains this"), style="red")
    table = headed("subject", "differences", title=f"{before} → {after}")
    for subject, count in counts.items():
        table.add_row(subject, f"{count:,}")
    console.print(
        table if counts else spoken("{before} and {after} are the same", before=before, after=after)
    )


def _revision(found: int | None) -> str:
    return "–" if found is None else str(found)


def _unexplained(told: list[Explained]) -> int:
    return sum(not one.whole for one in told)
