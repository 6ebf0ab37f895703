"""``sandbox``: an exchange of a department's own, with a simulated city in it."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from qianbei.cli.completing import departments
from qianbei.demo.sandbox import Arrival, live, require_topics, sandbox_exchange, write_connection
from qianbei.inspect.connection import ClientConnection, as_env, client_connection
from qianbei.language import headed, spoken
from qianbei.services import stopping


@click.command()
@click.argument("department", shell_complete=departments)
@click.option(
    "--rate",
    type=click.FloatRange(0, 200, min_open=True),
    default=5.0,
    show_default=True,
    help="Events a second that the city's offices send; a part of them concerns the department.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    help="Use or start the exchange of this folder.",
)
@click.option("--keep", is_flag=True, help="Keep the folder of a throw-away sandbox, with data and logs.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="JSON lines: first the connection's files, then each record that arrives.",
)
def sandbox(department: str, rate: float, home: Path | None, keep: bool, as_json: bool) -> None:
    """Start an exchange for DEPARTMENT to try its programs on, with a simulated city that lives until Ctrl-C.

    Prints how to connect from another shell, and shows what arrives. At the end nothing is left, but for --keep and --home.
    All data are synthetic.

    Example: qianbei sandbox tax --rate 10
    """
    require_topics(department)
    console = Console(stderr=True)
    stop = threading.Event()
    with sandbox_exchange(home, console.print, keep=keep) as site, stopping(stop):
        connection = client_connection(site, department)
        files = write_connection(connection, site.secrets.parent)
        if as_json:
            click.echo(json.dumps({"department": department, "files": {k: str(v) for k, v in files.items()}}))
        else:
            _tell(connection, files)
        with _lines() if as_json else _table(connection) as told:
            live(site, connection, rate, stop, told)
    kept = home or (files["env"].parent if keep else None)
    console.print(
        spoken("stopped; the data are in {kept}", kept=kept) if kept else spoken("stopped; nothing is left")
    )


def _tell(connection: ClientConnection, files: dict[str, Path]) -> None:
    click.echo(f"\n{as_env(connection)}\n")
    click.echo(spoken("In another shell:"))
    shell = [
        "set -a",
        f". {files['env']}",
        "set +a",
        f"python samples/python/sdk.py {connection.dept_topics[0]}",
    ]
    click.echo(f"  {'; '.join(shell)}")
    others = ", ".join(str(files[form]) for form in ("java", "kcat", "json"))
    click.echo(spoken("For other tools: {files}", files=others))
    click.echo(spoken("The city begins with its history, then lives on. Ctrl-C ends it."))


@contextmanager
def _lines() -> Iterator[Callable[[Arrival], None]]:
    def told(one: Arrival) -> None:
        record = {
            "topic": one.topic,
            "entity_id": one.entity_id,
            "revision": one.revision,
            "event_type": one.event_type,
        }
        click.echo(json.dumps(record))

    yield told


@contextmanager
def _table(connection: ClientConnection) -> Iterator[Callable[[Arrival], None]]:
    """How many came a topic, and the last of each."""
    counts: Counter[str] = Counter()
    last: dict[str, Arrival] = {}

    def rows() -> Table:
        table = headed("topic", "records", "last", "revision", "event")
        for topic in connection.dept_topics:
            one = last.get(topic)
            seen = (one.entity_id, str(one.revision), one.event_type) if one else ("", "", "")
            table.add_row(topic, f"{counts[topic]:,}", *seen)
        return table

    with Live(get_renderable=rows, refresh_per_second=4):

        def told(one: Arrival) -> None:
            counts[one.topic] += 1
            last[one.topic] = one

        yield told
