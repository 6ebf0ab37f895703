"""``up``, ``down``, ``status``, ``deploy`` and ``service``: running an exchange."""

import json
import os
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from broker.deploy import Deployed
from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.settings import load_settings
from broker.topics import department_of
from qianbei.cli.lag_cmd import lag_table
from qianbei.cli.progress import say
from qianbei.inspect.lag import Lag, measure
from qianbei.language import headed, spoken
from qianbei.services import SERVICES, instance_name, running_services, serve, start_services
from qianbei.site import current_site, deploy_site, secrets_from_env
from qianbei.stack import ChildState, ChildStatus, Stack, StackError, home_from_env
from qianbei.stack.line import line_at
from schemas.said import Said, said, shown

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
_STATES = {
    ChildState.RUNNING: said("running"),
    ChildState.SILENT: said("silent"),
    ChildState.DIED: said("died"),
    ChildState.STOPPED: said("stopped"),
}


def _uses_existing_servers() -> bool:
    return "QIANBEI_KAFKA_BOOTSTRAP" in os.environ


def _deployed(made: Deployed) -> Said:
    return said(
        "deployed: {topics} new topics, {rights} changed rights, {schemas} schemas in force",
        topics=made.topics,
        rights=made.rights,
        schemas=made.schemas,
    )


def say_fills(made: Deployed) -> None:
    """New topics stay empty until somebody fills them, so that is said."""
    departments = sorted({department_of(topic) for topic in made.fills})
    for department in departments:
        topics = [topic for topic in made.fills if department_of(topic) == department]
        say(
            said(
                "empty until they are filled from history, by `qianbei backfill {name}`: {topics}",
                name=department,
                topics=", ".join(topics),
            )
        )


@click.command()
@click.option(
    "--instances", type=click.IntRange(1, 16), default=1, show_default=True, help="Processes of each service."
)
@click.option("--audit", is_flag=True, help="Start the audit reader too: hash chains, checkpoints, index.")
@click.option("--servers-only", is_flag=True, help="Start and deploy the servers, but no service.")
@click.option(
    "--line",
    metavar="HOST:PORT",
    envvar="QIANBEI_LINE",
    help="Kafka also listens there, with TLS, for those who show a certificate (docs/connect/line.md); also QIANBEI_LINE.",
)
@_json
def up(instances: int, audit: bool, servers_only: bool, line: str | None, as_json: bool) -> None:
    """Start the embedded stack and the services, or only the services where the environment names servers.

    Example: qianbei up --instances 2
    """
    home = home_from_env()
    stack = Stack(home, say=say, line=line_at(line, secrets_from_env(home)) if line else None)
    if not _uses_existing_servers():
        stack.up()
    site = current_site()
    made = deploy_site(site)
    say(_deployed(made))
    say_fills(made)
    started: list[str] = []
    if not servers_only:
        stack.places.prepare()
        started = list(start_services(site, stack.supervisor, instances, ["audit"] if audit else ()))
        say(said("started: {services}", services=", ".join(started) or said("nothing, all run already")))
    if as_json:
        click.echo(json.dumps(asdict(made) | {"started": started}))


@click.command()
@_json
def down(as_json: bool) -> None:
    """Stop the services and the embedded stack. Data stay. Example: qianbei down"""
    stack = Stack(home_from_env(), say=say)
    stopped = [one.name for one in stack.status() if one.state is not ChildState.STOPPED]
    if stack.places.run.exists():
        stack.supervisor.stop(*running_services(stack.supervisor))
        stack.down()
    say(said("stopped"))
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))


@click.command()
@_json
def status(as_json: bool) -> None:
    """What runs, and how far each service is behind. Exit code 1 if something that was started has died.

    Example: qianbei status --json
    """
    stack = Stack(home_from_env())
    found = stack.status()
    lag = _lag(stack, found)
    if as_json:
        services = lag.as_dict() if isinstance(lag, Lag) else {"unknown": lag}
        click.echo(
            json.dumps({"processes": [_row(one) for one in found], "lag": services}, ensure_ascii=False)
        )
    else:
        Console().print(_table(found))
        Console().print(lag_table(lag) if isinstance(lag, Lag) else spoken("lag: {why}", why=lag))
    if any(one.state is ChildState.DIED for one in found):
        raise click.exceptions.Exit(1)


def _lag(stack: Stack, found: list[ChildStatus]) -> Lag | str:
    """How far the services are behind, or why that cannot be told: a status must also answer when servers are away."""
    if not any(one.name in running_services(stack.supervisor) for one in found):
        return said("no service runs")
    try:
        return measure(current_site(), stack.home)
    except (Unavailable, AccessDenied, ConfigError, StackError) as error:
        return str(error)


def _row(one: ChildStatus) -> dict[str, object]:
    return {
        "name": one.name,
        "pid": one.pid,
        "state": one.state.value,
        "port": one.port,
        "detail": one.detail,
    }


def _table(found: list[ChildStatus]) -> Table:
    table = headed("name", "state", "pid", "port", "detail")
    colours = {ChildState.RUNNING: "green", ChildState.DIED: "red", ChildState.SILENT: "yellow"}
    for one in found:
        colour = colours.get(one.state, "dim")
        table.add_row(
            one.name,
            f"[{colour}]{shown(_STATES[one.state])}[/]",
            str(one.pid or ""),
            str(one.port or ""),
            shown(one.detail),
        )
    return table


@click.command(name="deploy")
@_json
def deploy_command(as_json: bool) -> None:
    """Bring Kafka, Postgres and the registry up to the catalogue: topics, rights, users, schemas, tables.

    Example: QIANBEI_KAFKA_BOOTSTRAP=kafka:9092 … qianbei deploy
    """
    made = deploy_site(current_site())
    if as_json:
        click.echo(json.dumps(asdict(made)))
    else:
        click.echo(shown(_deployed(made)))
        say_fills(made)


@click.command()
@click.argument("name", type=click.Choice(list(SERVICES)))
@click.option("--instance", default=None, help="A stable name, unique among the instances of this service.")
def service(name: str, instance: str | None) -> None:
    """Run one service in the foreground until SIGTERM. Example: qianbei service admission --instance a"""
    wanted = SERVICES[name]
    if _uses_existing_servers():
        settings = load_settings(**({"instance": instance} if instance else {}))
    else:
        site = current_site()
        settings = site.settings(wanted.user, role=wanted.role, instance=instance or "0")
        if wanted.listens and settings.api_port is None:
            port = site.listening_port(instance_name(wanted, instance or 0), 0)
            settings = settings.model_copy(update={"api_port": port})
    serve(wanted, settings)
