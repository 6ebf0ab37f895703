"""``upload``: the monitoring department's filings to the province and the nation."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from broker import logging
from broker.errors import AccessDenied, Unavailable
from broker.metrics import ServiceMetrics
from broker.metrics import served as metrics_served
from broker.runner import run
from broker.topics import group_prefix
from consumers.monitoring import TOPICS
from consumers.subscription import Subscription
from consumers.upload.config import Route, Upload, load_upload
from consumers.upload.dispatch import Dispatched, Dispatcher
from consumers.upload.items import DEPARTMENT
from consumers.upload.ledger import Ledger, opened
from consumers.upload.link import Link
from consumers.upload.reconcile import (
    Compared,
    FiguresInAFile,
    Reconciler,
    UnderWay,
    channels_of,
)
from consumers.upload.running import links_of, read_until_quiet, send, uploading
from consumers.upload.standing import Standing, standing
from qianbei.cli.upload_receiver_cmd import figures_command, receiver_command
from qianbei.language import headed, spoken
from qianbei.services import stopping
from qianbei.site import settings_of
from schemas.dates import CHINA
from schemas.said import shown

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
config_argument = click.argument("config", type=FILE)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group(name="upload")
def upload_command() -> None:
    """Filings in the national standard's items, to the province and the nation. See docs/upload.md.

    Example: qianbei upload run upload.yaml --once
    """


@upload_command.command(name="run")
@config_argument
@click.option("--once", is_flag=True, help="Read what is there, send it, then end.")
@click.option(
    "--quiet",
    type=click.FloatRange(0.1),
    default=5.0,
    show_default=True,
    help="With --once: seconds without a record after which all is read.",
)
@click.option(
    "--every",
    type=click.FloatRange(0.1),
    default=60.0,
    show_default=True,
    help="Without --once: seconds between batches.",
)
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics on 127.0.0.1.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object for each sending.")
def run_command(
    config: Path, once: bool, quiet: float, every: float, metrics_port: int | None, as_json: bool
) -> None:
    """Read the monitoring topics, make batches by route and county, and send them, as CONFIG says.

    What is killed goes on where it was. Exit codes: 0 all is sent; 1 a receiver rejects a batch, or a batch is damaged;
    3 a server or a receiver is away: run it again.

    \b
    Example: qianbei upload run upload.yaml --once
             qianbei upload run upload.yaml --every 300
    """
    logging.configure()
    upload = load_upload(config)
    subscription = Subscription(settings_of(DEPARTMENT), f"{group_prefix(DEPARTMENT)}upload", TOPICS)
    stop = threading.Event()
    with stopping(stop), _sending(upload, stop) as (ledger, links, dispatcher):
        del links

        def sending() -> Dispatched:
            done = send(ledger, upload, dispatcher)
            _say_sent(done, as_json=as_json)
            return done

        if once:
            read_until_quiet(subscription, ledger, stop, quiet)
            _exit_for(sending())
            return
        metrics = ServiceMetrics("upload")
        with metrics_served(metrics, metrics_port):
            run(
                uploading(subscription, ledger, stop, sending, every),
                stop,
                metrics,
                logging.get_logger("upload"),
            )


@upload_command.command(name="reconcile")
@config_argument
@click.option(
    "--day",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    help="The day in China; by default yesterday.",
)
@click.option("--county", help="One county only.")
@click.option(
    "--figures",
    type=FILE,
    help="The receiver's figures as a file, for ways of files: `qianbei upload figures` at its end.",
)
@click.option("--no-repair", is_flag=True, help="Compare only.")
@json_option
def reconcile_command(
    config: Path,
    day: datetime | None,
    county: str | None,
    figures: Path | None,
    no_repair: bool,
    as_json: bool,
) -> None:
    """Compare a day with each receiver by county, and send again exactly what was lost, doubled or changed there.

    Exit codes: 0 both ends are equal, from the start or after the repair; 1 they are not, or batches are under way;
    3 a receiver is away. Example: qianbei upload reconcile upload.yaml --day 2026-11-26
    """
    upload = load_upload(config)
    wanted = _yesterday() if day is None else day.date()
    found: list[Compared] = []
    faults: list[tuple[Route, UnderWay]] = []
    in_a_file = None if figures is None else FiguresInAFile(figures)
    with _sending(upload, threading.Event()) as (ledger, links, dispatcher):
        reconciler = Reconciler(ledger, dispatcher)
        for route in channels_of(ledger, county):
            link = links.get(route.via) or in_a_file
            if link is None:
                raise click.UsageError(spoken("the way {via} goes by files: give --figures", via=route.via))
            try:
                found.append(reconciler.day(route, wanted, link, repair=not no_repair))
            except UnderWay as error:
                faults.append((route, error))
    if as_json:
        days = [_compared_as_json(one) for one in found]
        waiting = {route.channel.name: str(error) for route, error in faults}
        click.echo(
            json.dumps(
                {"day": wanted.isoformat(), "channels": days, "under_way": waiting}, ensure_ascii=False
            )
        )
    else:
        _show_compared(wanted, found)
        for _, fault in faults:
            click.echo(shown(fault), err=True)
    if faults or not all(one.equal for one in found):
        raise click.exceptions.Exit(1)


@upload_command.command(name="status")
@config_argument
@json_option
def status_command(config: Path, as_json: bool) -> None:
    """Show what is sent, what waits, what is withheld and why, and how timely it was. May run beside `run`.

    Exit codes: 0 all is well; 1 filings are withheld, batches are late, or a day is not equal. Example: qianbei upload
    status upload.yaml
    """
    upload = load_upload(config)
    with opened(upload.ledger, read_only=True) as db:
        found = standing(db, upload.file, time.time())
    if as_json:
        click.echo(json.dumps(found.as_object(), ensure_ascii=False))
    else:
        _show_standing(found)
    if not found.is_well:
        raise click.exceptions.Exit(1)


upload_command.add_command(receiver_command)
upload_command.add_command(figures_command)


@contextmanager
def _sending(upload: Upload, stop: threading.Event) -> Iterator[tuple[Ledger, dict[str, Link], Dispatcher]]:
    with Ledger(upload.ledger) as ledger, links_of(upload, stop) as links:
        yield ledger, links, Dispatcher(upload, ledger, links.get, stop)


def _yesterday() -> date:
    return (datetime.now(CHINA) - timedelta(days=1)).date()


def _exit_for(done: Dispatched) -> None:
    if not done.problems:
        return
    away = all(isinstance(error, Unavailable | AccessDenied) for error in done.problems.values())
    raise click.exceptions.Exit(3 if away else 1)


def _say_sent(done: Dispatched, *, as_json: bool) -> None:
    if as_json:
        problems = {name: str(error) for name, error in done.problems.items()}
        made = {"published": done.published, "taken": done.taken, "problems": problems}
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    if done.published or done.taken:
        click.echo(
            spoken("{published} batches made, {taken} taken", published=done.published, taken=done.taken)
        )
    for name, error in done.problems.items():
        click.echo(f"{name}: {shown(error)}", err=True)


def _compared_as_json(one: Compared) -> dict[str, Any]:
    return {
        "channel": one.route.channel.name,
        "filings": one.filings,
        "equal": one.equal,
        "repair_batch": one.repair,
        "differences": [{"kind": kind, **key._asdict()} for kind, key in one.found],
        "mine": one.mine,
        "theirs": one.theirs,
    }


def _show_compared(day: date, found: list[Compared]) -> None:
    table = headed(
        "channel", "filings", "lost", "doubled", "changed", "stray", "repair", "now", title=str(day)
    )
    for one in found:
        kinds = [kind.value for kind, _ in one.found]
        counts = [str(kinds.count(kind)) for kind in ("LOST", "DOUBLED", "CHANGED", "STRAY")]
        now = spoken("equal") if one.equal else spoken("not equal")
        repair = "" if one.repair is None else str(one.repair)
        table.add_row(one.route.channel.name, str(one.filings), *counts, repair, now)
    Console().print(table)
    for one in found:
        for kind, key in one.found:
            click.echo(f"{one.route.channel.name}: {kind} {key.subject} {key.entity_id} {key.revision}")


def _show_standing(found: Standing) -> None:
    table = headed("channel", "filings", "batches", "without receipt", "late")
    for one in found.channels:
        table.add_row(one.channel, *map(str, (one.filings, one.batches, one.open, one.late)))
    Console().print(table)
    click.echo(
        spoken(
            "{filings} filings: {taken} taken, {timely} of them in time; {unsent} not sent yet, {withheld} withheld, "
            "{incomplete} incomplete",
            filings=found.filings,
            taken=found.taken,
            timely=found.timely,
            unsent=found.unsent,
            withheld=found.withheld,
            incomplete=found.incomplete,
        )
    )
    for subject, items in found.missing.items():
        for name, count in items.items():
            click.echo(spoken("{subject} without {item}: {count}", subject=subject, item=name, count=count))
    for day in found.unequal:
        click.echo(spoken("not equal: {channel} on {day}", channel=day["channel"], day=day["day"]))
