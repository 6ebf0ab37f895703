"""``lag``: how far the services are behind."""

import json
import time
from collections.abc import Iterable

import click
from rich.console import Console
from rich.table import Table

from qianbei.inspect.lag import FillLag, Lag, ServiceLag, measure
from qianbei.language import headed, spoken
from qianbei.site import current_site
from qianbei.stack import home_from_env


@click.command(name="lag")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def lag_command(as_json: bool) -> None:
    """How far each service is behind: records, age of the oldest, rate and last error.

    Example: qianbei lag --json
    """
    found = measure(current_site(), home_from_env())
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        Console().print(lag_table(found))
        if found.fills:
            Console().print(_fills_table(found.fills))


def lag_table(found: Lag) -> Table:
    """The services as a table, for ``lag`` and ``status``."""
    table = headed("service", "processes", "behind", "oldest", "records/s", "last error", show_footer=True)
    table.columns[0].footer = spoken("total")
    table.columns[2].footer = f"{found.behind:,}"
    for one in found.services:
        table.add_row(one.service, str(len(one.instances)), _behind(one), _age(one), _rate(one), _error(one))
    return table


def _fills_table(fills: Iterable[FillLag]) -> Table:
    table = headed("being filled from history", "joined", "left")
    for one in fills:
        table.add_row(one.topic, f"{one.joined}/{one.partitions}", f"{one.left:,}")
    return table


def _behind(one: ServiceLag) -> str:
    text = f"{'' if one.exact else '≤ '}{one.behind:,}"
    return f"[yellow]{text}[/]" if one.behind else text


def _age(one: ServiceLag) -> str:
    return "" if one.oldest_s is None else f"{one.oldest_s:,.1f} s"


def _rate(one: ServiceLag) -> str:
    return spoken("unknown") if one.rate is None else f"{one.rate:,.0f}"


def _error(one: ServiceLag) -> str:
    if one.last_error is None:
        return ""
    kind, at = one.last_error
    return f"[red]{kind}[/] " + spoken("{seconds:,.0f} s ago", seconds=time.time() - at)
