"""``rebuild``: the tables of ``latest`` folded anew from the topics, as of any moment."""

import json
import threading
from dataclasses import asdict
from datetime import UTC, datetime

import click
from rich.console import Console

from broker.replay.rebuilding import Rebuilt, rebuild
from broker.replay.switching import NEXT, OLD
from broker.replay.switching import switch as put_in_place
from broker.replay.targets import drop as drop_schema
from broker.store.roles import COMPACTION
from broker.topics import OPERATOR
from qianbei.cli.progress import bar
from qianbei.cli.times import Moment
from qianbei.language import headed, spoken
from qianbei.services import stopping
from qianbei.site import Site, current_site


@click.command(name="rebuild")
@click.option(
    "--into",
    "schema",
    metavar="SCHEMA",
    help="The schema that the tables are made in; by default latest_next with --switch.",
)
@click.option(
    "--as-of",
    type=Moment(),
    metavar="TIME",
    help="Only what the exchange had decided by then (recorded_at), in ISO 8601; by default all.",
)
@click.option(
    "--switch",
    is_flag=True,
    help="Then put the tables in the place of latest, while readers go on: the way to repair or migrate it.",
)
@click.option(
    "--accept-missing",
    is_flag=True,
    help="With --switch: also if latest has entities that the log does not know as well.",
)
@click.option("--drop", is_flag=True, help="Remove SCHEMA, which must be one that was rebuilt, and end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def rebuild_command(
    schema: str | None,
    as_of: datetime | None,
    switch: bool,
    accept_missing: bool,
    drop: bool,
    as_json: bool,
) -> None:
    """Fold exchange.* into tables as those of latest, in a SCHEMA of their own. Nothing live is touched before --switch.

    Interrupted, it goes on where it was when run again. Ends with 1 if records were set aside, or it did not come to the
    end.

    \b
    Example: qianbei rebuild --as-of 2021-03-01T09:00:00+08:00 --into march
             qianbei diff march latest
             qianbei rebuild --into march --drop
             qianbei rebuild --switch
    """
    if accept_missing and not switch:
        raise click.UsageError(spoken("--accept-missing goes with --switch"))
    site = current_site()
    if switch:
        _switched(site, schema or NEXT, as_of, accept_missing, as_json)
        return
    if schema is None:
        raise click.UsageError(spoken("name a schema with --into"))
    if drop:
        drop_schema(site.admin.dsn(), schema)
        return
    _refuse_future(as_of)
    found = _rebuilt(site, schema, as_of)
    if as_json:
        click.echo(json.dumps(_as_dict(found, schema, as_of), ensure_ascii=False))
    else:
        _show(found, schema)
    if found.rejected or not found.complete:
        raise click.exceptions.Exit(1)


def _switched(site: Site, schema: str, as_of: datetime | None, accept_missing: bool, as_json: bool) -> None:
    if as_of is not None:
        raise click.UsageError(spoken("--switch takes the newest state: leave --as-of out"))
    settings = site.settings(OPERATOR, role=COMPACTION)
    stop = threading.Event()
    with stopping(stop), bar(spoken("rebuilding")) as tell:
        found = put_in_place(site.admin.dsn(), settings, schema, stop, tell, accept_missing=accept_missing)
    if found is None:
        click.echo(spoken("stopped before the end: run it again, it goes on"), err=True)
        raise click.exceptions.Exit(1)
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    click.echo(
        spoken(
            "latest is new: {carried} grants, indexes and views carried over, {missing} entities accepted as missing",
            carried=found.carried,
            missing=found.missing,
        )
    )
    if not found.old_dropped:
        click.echo(
            spoken("the old tables are still read: drop the schema {schema} later", schema=OLD), err=True
        )


def _refuse_future(as_of: datetime | None) -> None:
    if as_of is not None and as_of > datetime.now(UTC):
        raise click.UsageError(spoken("--as-of lies in the future: what will be decided is not known"))


def _rebuilt(site: Site, schema: str, as_of: datetime | None) -> Rebuilt:
    settings = site.settings(OPERATOR, role=COMPACTION)
    stop = threading.Event()
    with stopping(stop), bar(spoken("rebuilding")) as tell:
        return rebuild(site.admin.dsn(), settings, schema, as_of, stop, tell)


def _as_dict(found: Rebuilt, schema: str, as_of: datetime | None) -> dict[str, object]:
    return {
        "schema": schema,
        "as_of": None if as_of is None else as_of.isoformat(),
        "complete": found.complete,
        "rows": found.rows,
        "rejected": found.rejected,
    }


def _show(found: Rebuilt, schema: str) -> None:
    table = headed("table", "rows", title=spoken("{rejected} records set aside", rejected=found.rejected))
    for subject, rows in found.rows.items():
        table.add_row(f"{schema}.{subject}", f"{rows:,}")
    Console().print(table)
    if not found.complete:
        click.echo(spoken("stopped before the end: run it again, it goes on"), err=True)
