"""``redecide``: which past decisions would be others by today's rules, or by those of another policy file."""

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from broker.replay.differing import Difference, Ruled
from broker.replay.past import InOrder, Past
from broker.replay.redeciding import By, Redeciding
from broker.replay.reopening import reopened
from broker.topics import OPERATOR
from qianbei.cli.progress import bar
from qianbei.cli.times import Moment
from qianbei.inspect.reading import printable
from qianbei.language import headed, spoken
from qianbei.site import current_site

MOST = 1_000
_TELL_EVERY = 200


@click.command(name="redecide")
@click.option(
    "--by",
    type=click.Choice([one.value for one in By]),
    default=By.EVIDENCE.value,
    show_default=True,
    help="evidence: each decision alone, on what was known then; history: with all that would have followed.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The rules of this file.  [default: those in force here]",
)
@click.option("--since", type=Moment(), help="Take as they were the decisions before this time.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=MOST,
    show_default=True,
    help="So many differences are told; all are counted.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a difference, then one with the counts."
)
def redecide_command(by: str, policy: Path | None, since: datetime | None, limit: int, as_json: bool) -> None:
    """Decide what was decided once more, by today's rules or those of a policy file, and tell what would differ.

    A dry run: nothing is written anywhere, and nothing live is touched. It takes the key of party references, and so runs
    where admission does. Ends with 1 if any decision would differ.

    \b
    Example: qianbei redecide
             qianbei redecide --by history --policy rules-2027.yaml --since 2027-01-01 --json
    """
    site = current_site()
    settings = site.settings(OPERATOR)
    with (
        reopened(settings, site.admin.installation(), policy) as past,
        bar(spoken("deciding anew")) as tell,
    ):
        work = Redeciding(past.knowledge, By(by), past.asked_then, since)
        decided = 0

        def seen(_one: Past) -> None:
            nonlocal decided
            decided += 1
            if decided % _TELL_EVERY == 0:
                tell(decided, past.offsets)

        found = work.differences(past.pasts, seen)
        told = list(islice(found, limit))
        more = sum(1 for _ in found)
        tell(past.offsets, past.offsets)
    summary = _summary(work, decided, len(told) + more, past.pasts)
    (_say_json if as_json else _say)(told, summary, work)
    if told or more:
        raise click.exceptions.Exit(1)


def _summary(work: Redeciding, decided: int, different: int, past: InOrder) -> dict[str, Any]:
    return {
        "decided": decided,
        "different": different,
        "taken_as_they_were": work.unjudged,
        "unordered": past.unordered,
        "stopped_slots": [one.slot for one in past.pasts if one.stopped],
        "other_evidence": work.other_evidence,
        "counts": [
            {"before": list(before), "after": list(after), "decisions": count}
            for (before, after), count in sorted(work.counts.items())
        ],
    }


def _say_json(told: Iterable[Difference], summary: dict[str, Any], _work: Redeciding) -> None:
    for one in told:
        click.echo(json.dumps(_as_dict(one), ensure_ascii=False))
    click.echo(json.dumps(summary, ensure_ascii=False))


def _as_dict(one: Difference) -> dict[str, Any]:
    return {
        "place": one.place,
        "slot": one.slot,
        "slot_seq": one.slot_seq,
        "decision_id": one.decision_id,
        "recorded_at": one.recorded_at.isoformat(),
        "principal": one.principal,
        "subject": one.subject,
        "event_type": one.event_type,
        "entity_id": one.entity_id,
        "before": _ruled(one.before),
        "after": _ruled(one.after),
        "fields": list(one.fields),
        "same_evidence": one.same_evidence,
    }


def _ruled(one: Ruled) -> dict[str, Any]:
    return {"outcome": one.outcome, "reasons": [ground._asdict() for ground in one.grounds]}


def _say(told: Iterable[Difference], summary: dict[str, Any], work: Redeciding) -> None:
    console = Console()
    for one in told:
        head = f"{one.recorded_at.isoformat()} {one.place} {one.subject} {one.entity_id} {one.event_type}"
        console.print(printable(head), markup=False, highlight=False, soft_wrap=True)
        line = f"  {_words(one.before)} → {_words(one.after)}"
        console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
        if not one.same_evidence:
            console.print("  " + spoken("on other evidence"), style="dim")
        for name in one.fields:
            console.print(printable(f"  {name}"), style="dim", markup=False, highlight=False, soft_wrap=True)
    table = headed("then", "today", "decisions")
    for (before, after), count in sorted(work.counts.items()):
        table.add_row(
            " ".join(before), " ".join(after), f"{count:,}", style=None if before == after else "red"
        )
    console.print(table)
    console.print(
        spoken(
            "{decided:,} decisions, {different:,} would differ, {taken_as_they_were:,} taken as they were",
            **{name: summary[name] for name in ("decided", "different", "taken_as_they_were")},
        ),
        highlight=False,
    )
    if slots := summary["stopped_slots"]:
        console.print(
            spoken(
                "slots {slots} were read up to where the exchange is still writing",
                slots=", ".join(map(str, slots)),
            )
        )
    if summary["unordered"]:
        console.print(
            spoken(
                "{unordered:,} could not be put in order with what they saw: run `qianbei verify`",
                unordered=summary["unordered"],
            ),
            style="red",
        )


def _words(one: Ruled) -> str:
    grounds = (
        f"{ground.code}{f' ({ground.field})' if ground.field else ''}"
        f"{f' [{ground.rule_version}]' if ground.rule_version else ''}"
        for ground in one.grounds
    )
    return " ".join([one.outcome, ", ".join(grounds)]).strip()
