"""``explain``: why is it as it is."""

import json
from collections.abc import Callable, Iterator

import click
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from qianbei.explain import Entry, Fact, Redriven, Story, Why, story
from qianbei.explain.model import Matter, Words
from qianbei.explain.words import OUTCOMES, SEVERITIES
from qianbei.inspect.reading import printable
from qianbei.language import is_chinese
from qianbei.site import current_site

Say = Callable[[Words], str]
"""Puts a text into the language that was asked for."""

LANGUAGES: dict[str, Say] = {
    "zh": lambda words: words.zh,
    "en": lambda words: words.en,
    "both": lambda words: words.zh if words.zh == words.en else f"{words.zh} | {words.en}",
}
COLOURS = {"ACCEPTED": "green", "REFUSED": "red", "DUPLICATE": "yellow"}
MATTERS = {
    Matter.EVENT: Words("事件", "event"),
    Matter.HOUSE: Words("房屋", "house"),
    Matter.CONTRACT: Words("合同", "contract"),
    Matter.ENTITY: Words("记录", "entity"),
}
BY_THE_WAY = Words("随本决定", "with this decision")
OWN = Words("本记录", "the record itself")
ABSENT = Words("无", "none")
REFERENCE = 64
"""So long is a party reference."""


@click.command(name="explain")
@click.argument("what", metavar="EVENT_ID|CONTRACT|HOUSE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--lang",
    type=click.Choice(list(LANGUAGES)),
    help="Language.  [default: zh where messages are Chinese, else both]",
)
def explain_command(what: str, as_json: bool, lang: str | None) -> None:
    """Tell the story of an event, a contract, a house, or of one entity such as a seizure, as a timeline.

    What came, what was decided, why, on what evidence, and what followed. Names and identity numbers are masked.

    Example: qianbei explain HT-2020-000009 --lang en
    """
    told = story(current_site(), what)
    if as_json:
        click.echo(json.dumps(told.as_dict(), ensure_ascii=False))
    else:
        show(told, Console(), lang)


def show(told: Story, console: Console, lang: str | None = None) -> None:
    """Print a story for people: panels on a terminal, plain lines elsewhere."""
    say = LANGUAGES[lang or ("zh" if is_chinese() else "both")]
    console.print(Text(_title(told, say), "bold"), soft_wrap=True)
    for entry in told.entries:
        head, lines = headline(entry, say), [printable(line) for line in lines_of(entry, say)]
        colour = COLOURS.get(entry.outcome, "blue")
        if console.is_terminal:
            body = Group(*(Text(line, overflow="fold") for line in lines))
            console.print(Panel(body, title=Text(head, colour), title_align="left", border_style=colour))
        else:
            console.print(Text("\n".join(["", head, *(f"  {line}" for line in lines)])), soft_wrap=True)


def _title(told: Story, say: Say) -> str:
    count, refused = len(told.entries), len(told.refused)
    counts = Words(f"{count} 项决定，拒绝 {refused} 项", f"{count} decisions, {refused} refused")
    return f"{say(MATTERS[told.matter])} {printable(told.about)}: {say(counts)}"


def headline(entry: Entry, say: Say) -> str:
    """When, what, and how it was decided."""
    outcome = OUTCOMES.get(entry.outcome, Words(entry.outcome, entry.outcome))
    return printable(f"{entry.recorded_at}  {entry.principal}  {say(entry.what)}  → {say(outcome)}")


def lines_of(entry: Entry, say: Say) -> Iterator[str]:
    """All that is to be told of an entry, a line each."""
    yield from _came(entry, say)
    for reason in entry.reasons:
        yield from _reason(reason, say)
    if entry.first_decision_id:
        yield say(Words("首次决定", "first decided")) + f": {entry.first_decision_id}"
    if entry.seen:
        seen = ", ".join(fact(one, say) for one in entry.seen)
        yield say(Words("所见其他槽位", "seen of other slots")) + f": {seen}"
    for change in entry.changes:
        part = say(OWN if change.own else BY_THE_WAY)
        yield f"→ {part}: {say(change.what)} {fact(change.fact, say)} {say(change.detail)}".rstrip()
    for asked in entry.requests:
        outcome = say(OUTCOMES.get(asked.outcome, Words(asked.outcome, asked.outcome)))
        where = say(Words(f"槽 {asked.slot}", f"slot {asked.slot}"))
        request = say(Words("向平台自身提出", "asked of the exchange itself"))
        yield f"⇒ {request} ({where}): {say(asked.what)} {asked.entity_id} → {outcome}, {asked.recorded_at}"


def _came(entry: Entry, say: Say) -> Iterator[str]:
    sent = entry.occurred_at or "-"
    version = say(Words(f"来源版本 {entry.version}", f"version {entry.version}"))
    yield f"{entry.subject} {entry.entity_id}, {version}, {say(Words('发生', 'occurred'))} {sent}"
    if entry.content.zh:
        yield say(entry.content)
    yield f"{entry.place}, {say(Words('事件', 'event'))} {entry.event_id}"
    if entry.redriven:
        yield _redriven(entry.redriven, say)
    order = Words(
        f"槽 {entry.slot} 第 {entry.slot_seq} 项决定", f"decision {entry.slot_seq} of slot {entry.slot}"
    )
    yield f"{say(order)}, {entry.decision_id}"


def _redriven(how: Redriven, say: Say) -> str:
    edited = say(Words("，内容有改动", ", edited")) if how.edited else ""
    what = say(Words(f"{how.operator} 自隔离区重投", f"sent in again from quarantine by {how.operator}"))
    return f"{what} ({how.place}{edited}, {how.at}): {how.reason}"


def _reason(reason: Why, say: Say) -> Iterator[str]:
    severity = say(SEVERITIES.get(reason.severity, Words(reason.severity, reason.severity)))
    where = f" ({reason.field})" if reason.field else ""
    yield f"! {severity} {reason.code}{where}: {say(reason.text)}"
    edition = say(Words(f"，规则版本 {reason.rule_version}", f", rule version {reason.rule_version}"))
    basis = say(Words("依据", "legal basis"))
    yield f"    {basis}: {reason.legal_basis}{edition if reason.rule_version else ''}"
    if reason.evidence:
        evidence = say(Words("证据", "evidence"))
        yield f"    {evidence}: {', '.join(fact(one, say) for one in reason.evidence)}"


def fact(one: Fact, say: Say) -> str:
    """Something at a revision. What was not there is named by what it was looked for by, a reference cut short."""
    if one.revision is None:
        name = one.entity_id if len(one.entity_id) < REFERENCE else f"{one.entity_id[:8]}…"
        return f"{one.subject} {name} @{say(ABSENT)}"
    return f"{one.subject} {one.entity_id} @{one.revision}"
