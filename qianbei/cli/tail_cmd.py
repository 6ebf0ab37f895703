"""``tail``: look at the records of a topic."""

import json
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from broker.registry import Registry
from broker.replay.decoding import AnyDecoder
from broker.topics import OPERATOR
from qianbei.cli.completing import principals, topics
from qianbei.inspect.reading import partitions_of, printable, reader_of
from qianbei.inspect.tail import Line, Tail, Wanted, until_interrupted
from qianbei.language import spoken
from qianbei.site import current_site

_COLOURS = {
    "ACCEPTED": "green",
    "REFUSED": "red",
    "DUPLICATE": "yellow",
    "LEFT": "yellow",
    "CANCELLED": "magenta",
    "REVOKED": "magenta",
    "VOIDED": "magenta",
    "WITHDRAWN": "magenta",
    "SEIZED": "red",
    "LISTED": "red",
}


@click.command(name="tail")
@click.argument("topic", shell_complete=topics)
@click.option("--from-start", is_flag=True, help="From the first retained record on.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--entity", help="Only this entity_id.")
@click.option("--event-type", help="Only this event_type.")
@click.option(
    "--where",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Only where a field, or one in a list, has this value.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="At most so many; without --from-start and --follow the last so many (10).",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
@click.option(
    "--as",
    "user",
    metavar="PRINCIPAL",
    default=OPERATOR,
    shell_complete=principals,
    help="Read with this principal's rights.",
)
def tail_command(
    topic: str,
    from_start: bool,
    follow: bool,
    entity: str | None,
    event_type: str | None,
    where: tuple[str, ...],
    limit: int | None,
    as_json: bool,
    user: str,
) -> None:
    """Print the decoded records of TOPIC: by default the newest ten.

    Example: qianbei tail dept.tax.sale.v1 --as tax --follow --where contract_status=FILED
    """
    site = current_site()
    wanted = Wanted.of(entity, event_type, where)
    show = _show_json if as_json else Painter(Console()).show
    with Registry(site.admin.registry_url) as registry, reader_of(site, user) as reader:
        look = Tail(
            reader,
            AnyDecoder(registry),
            partitions_of(reader, topic, user, site.admin.installation()),
            wanted,
        )
        until_interrupted(look.lines(from_start=from_start, follow=follow, limit=limit), show)


def _show_json(line: Line) -> None:
    click.echo(json.dumps(line.as_dict(), ensure_ascii=False))


class Painter:
    """Prints a record as a headline and its fields, nulls left out."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, line: Line) -> None:
        self._console.print(_headline(line), soft_wrap=True)
        for name, value in (line.record or {}).items():
            if value is not None:
                self._console.print(Text.assemble(f"  {name} ", (_shown(value), "cyan")), soft_wrap=True)


def _headline(line: Line) -> Text:
    head = Text.assemble((line.place, "bold"), " ", (line.at, "dim"))
    if line.problem is not None:
        return head.append(spoken(" {problem} ({size} bytes)", problem=line.problem, size=line.size), "red")
    for name in ("outcome", "event_type", "reason"):
        word = (line.record or {}).get(name)
        if isinstance(word, str):
            head.append(f" {printable(word)}", _COLOURS.get(word, "bold blue"))
    return head


def _shown(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
