"""``sync``: a department's topics as tables in its own Postgres."""

import json
import threading

import click
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from broker import logging
from broker.errors import ConfigError
from broker.metrics import ServiceMetrics, served
from broker.settings import Settings
from consumers.sync.keeping import Sync
from consumers.sync.standing import Standing, forget_positions, standing
from consumers.sync.swap import Swapped
from consumers.sync.target import SCHEMA
from qianbei.cli.completing import departments
from qianbei.cli.progress import bar
from qianbei.language import headed, spoken
from qianbei.services import stopping
from qianbei.site import settings_of
from schemas.said import said


@click.command(name="sync")
@click.argument("department", shell_complete=departments)
@click.option(
    "--into",
    "dsn",
    metavar="DSN",
    required=True,
    envvar="QIANBEI_SYNC_DSN",
    help="The department's own Postgres, postgresql://user@host/database; also QIANBEI_SYNC_DSN. Leave the password to "
    "~/.pgpass or PGPASSWORD: a command line is seen by others.",
)
@click.option("--schema", default=SCHEMA, show_default=True, help="The schema that the tables are kept in.")
@click.option("--once", is_flag=True, help="End when all that is there now is in the tables.")
@click.option(
    "--rebuild", is_flag=True, help="First fold everything into new tables beside the live ones, then swap."
)
@click.option(
    "--accept-missing",
    is_flag=True,
    help="With --rebuild: also if the topics no longer have all entities of the tables.",
)
@click.option("--from-start", is_flag=True, help="First go back to the first record, within the live tables.")
@click.option("--status", is_flag=True, help="Show how the tables stand, and end.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics on 127.0.0.1.")
@click.option("--json", "as_json", is_flag=True, help="With --once or --status: one JSON object.")
def sync_command(
    department: str,
    dsn: str,
    schema: str,
    once: bool,
    rebuild: bool,
    accept_missing: bool,
    from_start: bool,
    status: bool,
    metrics_port: int | None,
    as_json: bool,
) -> None:
    """Keep the topics of DEPARTMENT as tables in its own Postgres, until Ctrl-C.

    Tables are made and extended from the schemas; positions are kept beside the rows, so a restart goes on exactly where
    it was. Ends with 1 if records were set aside (--once, --status).

    \b
    Example: qianbei sync tax --into postgresql://tax@db.example/tax
             qianbei sync tax --into postgresql://tax@db.example/tax --once --json
             qianbei sync tax --into postgresql://tax@db.example/tax --rebuild
    """
    settings = settings_of(department).model_copy(update={"postgres_dsn": SecretStr(dsn)})
    if status:
        _finish(_standing(settings, department, schema), as_json)
        return
    logging.configure(level="WARNING" if once else "INFO")
    metrics = ServiceMetrics("sync")
    sync = Sync(settings, department, schema, metrics)
    stop = threading.Event()
    with stopping(stop), served(metrics, metrics_port):
        if from_start:
            forget_positions(settings, department, schema)
        if rebuild:
            with bar(spoken("rebuilding")) as tell:
                _say(sync.rebuild(stop, tell, accept_missing=accept_missing), schema)
        if not once:
            sync.keep(stop)
            return
        with bar(spoken("catching up")) as tell:
            sync.catch_up(stop, tell)
    _finish(_standing(settings, department, schema), as_json)


def _standing(settings: Settings, department: str, schema: str) -> Standing:
    found = standing(settings, department, schema)
    if found is None:
        raise ConfigError(
            said(
                "there are no tables of {department} in {schema} yet: run sync without --status",
                department=department,
                schema=schema,
            )
        )
    return found


def _finish(found: Standing, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_dict(found), ensure_ascii=False))
    else:
        Console().print(_as_table(found))
    if found.rejected:
        raise click.exceptions.Exit(1)


def _as_dict(found: Standing) -> dict[str, object]:
    return {
        "department": found.target.department,
        "schema": found.target.schema,
        "group": found.target.group,
        "behind": found.behind,
        "rejected": found.rejected,
        "subjects": {
            one.subject: {
                "topic": one.topic,
                "newer_topic": one.newer,
                "rows": one.rows,
                "behind": one.behind,
            }
            for one in found.subjects
        },
    }


def _as_table(found: Standing) -> Table:
    title = spoken(
        "{department} in {schema}: {rejected} records set aside",
        department=found.target.department,
        schema=found.target.schema,
        rejected=found.rejected,
    )
    table = headed("table", "topic", "rows", "behind", title=title)
    for one in found.subjects:
        topic = one.topic + (spoken(" (--rebuild takes {newer})", newer=one.newer) if one.newer else "")
        table.add_row(f"{found.target.schema}.{one.subject}", topic, f"{one.rows:,}", f"{one.behind:,}")
    return table


def _say(swapped: Swapped | None, schema: str) -> None:
    if swapped is None:
        click.echo(
            spoken("stopped: the tables of {schema} are as they were; --rebuild goes on", schema=schema),
            err=True,
        )
        return
    click.echo(
        spoken(
            "the tables of {schema} are new: {carried} grants, indexes and views carried over, "
            "{missing} entities accepted as missing",
            schema=schema,
            carried=swapped.carried,
            missing=swapped.missing,
        ),
        err=True,
    )
    for subject in swapped.ended:
        click.echo(
            spoken("{subject} is no longer among the topics, and its tables are gone", subject=subject),
            err=True,
        )
