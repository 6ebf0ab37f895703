"""``audit who``: who saw what of a person, a house or a contract."""

import json
from datetime import datetime

import click
from rich.console import Console

from broker.topics import AUDIT
from qianbei.cli.acts import act_of, user
from qianbei.cli.document import asked_document
from qianbei.cli.times import Moment
from qianbei.inspect.reading import printable
from qianbei.language import is_chinese, spoken
from qianbei.site import current_site
from qianbei.who.asking import Found, Meant, contract, house, person, who
from qianbei.who.telling import as_dict, lines


@click.command(name="who")
@click.argument("number", metavar="[CONTRACT]", required=False)
@click.option(
    "--person",
    "is_person",
    is_flag=True,
    help="A person, whose document is asked for, or read from standard input: its kind and number.",
)
@click.option("--house", "house_code", metavar="CODE", help="A house, by any of its codes.")
@click.option(
    "--reason", required=True, help="Why you look, in your words; kept for ever, so name no person."
)
@click.option("--operator", default=user, show_default="you", help="Who looks; kept for ever.")
@click.option("--since", type=Moment(), help="Disclosed at this time or later.")
@click.option("--until", type=Moment(), help="Disclosed before this time.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def who_command(
    number: str | None,
    is_person: bool,
    house_code: str | None,
    reason: str,
    operator: str,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """List to whom anything was disclosed of a person, a house, or a contract (by contract or filing number, or id), and what.

    Each record that reached a department's topic and each call of the query API: department, purpose, case number,
    fields and time. The look itself is written to the access log, before anything is shown. Needs the audit reader
    (`qianbei up --audit`). A document's number is never given on the command line.

    \b
    Example: qianbei audit who HT-2020-000009 --reason "complaint 2020-17"
             qianbei audit who --house 41140200120200600001201016 --reason "complaint 2020-17" --json
             qianbei audit who --person --reason "request of the person, 2020-18" < document.txt
    """
    if (number is not None) + is_person + (house_code is not None) != 1:
        raise click.UsageError(spoken("name a contract, or --house, or --person: one of them"))
    act = act_of(operator, reason)
    found = who(current_site(), _meant(number, house_code), act, since, until)
    if as_json:
        click.echo(json.dumps(_as_json(found), ensure_ascii=False))
    else:
        _show(found, Console())


def _meant(number: str | None, house_code: str | None) -> Meant:
    if number is not None:
        return contract(number)
    return (
        person(current_site().settings(AUDIT), asked_document()) if house_code is None else house(house_code)
    )


def _as_json(found: Found) -> dict[str, object]:
    return {
        "access_id": str(found.access_id),
        "as_of": found.as_of.isoformat(),
        "behind": found.behind,
        "disclosures": [as_dict(one) for one in found.disclosures],
    }


def _show(found: Found, console: Console) -> None:
    for one in found.disclosures:
        console.print(
            *(printable(line) for line in lines(one, chinese=is_chinese())),
            sep="\n",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
    said = spoken(
        "{count} disclosures; this look is {access_id} in the access log",
        count=len(found.disclosures),
        access_id=found.access_id,
    )
    console.print(said, highlight=False, soft_wrap=True)
    if found.behind:
        console.print(
            spoken(
                "the index is {count} offsets behind: what came in them is not listed", count=found.behind
            ),
            style="yellow",
        )
