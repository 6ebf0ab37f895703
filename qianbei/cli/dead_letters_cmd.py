"""``dead-letters``: what a department's subscriptions hold, and handing it over again."""

import json

import click
from rich.console import Console
from rich.table import Table

from consumers.dead_letters import Wanted, ask, held
from consumers.kafka_feed import KafkaServers
from consumers.letters import Held, HeldKey
from qianbei.cli.completing import departments, topics
from qianbei.language import headed, spoken
from qianbei.site import settings_of


@click.command(name="dead-letters")
@click.argument("department", shell_complete=departments)
@click.option("--group", help="Only what this consumer group holds.")
@click.option("--topic", shell_complete=topics, help="Only of this topic.")
@click.option("--entity", help="Only of this entity.")
@click.option("--redrive", is_flag=True, help="Ask for these to be handed over again, each key in its order.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def dead_letters_command(
    department: str, group: str | None, topic: str | None, entity: str | None, redrive: bool, as_json: bool
) -> None:
    """What the subscriptions of DEPARTMENT could not handle, and what waits behind it. Ends with 1 if there is any.

    A redrive is done by the running subscription that owns the key: mend its handler and start it first. If a record
    fails again, its key stays held.

    \b
    Example: qianbei dead-letters tax
             qianbei dead-letters tax --group tax-prefill --entity HT-2020-000001 --redrive
    """
    servers = KafkaServers(settings_of(department))
    found = held(servers, department, Wanted(group, topic, entity))
    if redrive:
        asked = ask(servers, department, found)
        click.echo(json.dumps({"asked": asked}) if as_json else spoken("{asked} keys asked for", asked=asked))
        return
    if as_json:
        click.echo(json.dumps({"held": [_as_dict(about, one) for about, one in found]}, ensure_ascii=False))
    else:
        Console().print(_table(found))
    if found:
        raise click.exceptions.Exit(1)


def _as_dict(about: HeldKey, one: Held) -> dict[str, object]:
    first = one.first
    return {
        "group": about.group,
        "topic": about.topic,
        "entity_id": about.name,
        "records": len(one.letters),
        "error": one.failed or first.error,
        "first": first.place,
        "asked": one.requested,
    }


def _table(found: list[tuple[HeldKey, Held]]) -> Table:
    table = headed("group", "topic", "entity", "records", "error", "first")
    for about, one in found:
        error = one.failed or one.first.error
        error = spoken("{error}, asked for again", error=error) if one.requested else error
        table.add_row(about.group, about.topic, about.name, str(len(one.letters)), error, one.first.place)
    return table
