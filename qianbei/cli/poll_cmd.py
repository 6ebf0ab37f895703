"""``poll``: a filing system's own database as a source."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
from rich.console import Console

from broker import logging
from broker.metrics import ServiceMetrics, served
from broker.runner import Stop, run
from broker.settings import Settings
from producers.database.config import PollConfig, read_config
from producers.database.learning import used_versions
from producers.database.polling import Poller, Report
from producers.database.reading import Database
from producers.database.state import Fault, PollState
from producers.first_decisions import FirstDecisions
from producers.publisher import Publisher
from producers.stock.convert import Converter
from qianbei.cli.completing import principals
from qianbei.language import headed, spoken
from qianbei.services import stopping
from qianbei.site import known_catalogue, settings_of
from qianbei.stack import home_from_env
from schemas.said import said, shown

_LEARNED = "learned"
_AT_ONCE = 5_000


@click.command(name="poll")
@click.argument("source", shell_complete=principals)
@click.option(
    "--config",
    "config_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is read, and what becomes of it (YAML; see docs/database.md).",
)
@click.option("--once", is_flag=True, help="End when there is no news; scans the whole table once.")
@click.option("--learn", is_flag=True, help="Read again which versions were used by other ways.")
@click.option("--status", is_flag=True, help="Show the rows that the exchange does not have, and end.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The poller's memory.  [default: in the home, by source and configuration]",
)
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics on 127.0.0.1.")
@click.option("--json", "as_json", is_flag=True, help="With --once or --status: one JSON object.")
def poll_command(
    source: str,
    config_file: Path,
    once: bool,
    learn: bool,
    status: bool,
    state: Path | None,
    metrics_port: int | None,
    as_json: bool,
) -> None:
    """Send what changes in SOURCE's own database, until Ctrl-C. Nothing in it is written.

    Ends with 1 if the exchange does not have a row as it is (--once, --status): see why, mend the row, and it is tried
    again.

    \b
    Example: qianbei poll bureau --config units.yaml
             qianbei poll bureau --config units.yaml --once --json
    """
    catalogue = known_catalogue()
    config, mapping = read_config(config_file, catalogue, source)
    path = state or home_from_env() / "polls" / f"{source}-{config_file.stem}.sqlite3"
    work = _Work(settings_of(source), source, config, Converter(catalogue, source, mapping, baseline=False))
    report, stop, metrics = Report(), threading.Event(), ServiceMetrics("poll")
    logging.configure(level="WARNING" if once or status else "INFO")
    with stopping(stop), served(metrics, metrics_port), PollState(path) as memory:
        if not status:
            _learn(memory, work, again=learn)
            if once:
                with work.poller(memory, report, stop) as poller:
                    poller.catch_up()
            else:
                log = logging.get_logger("poll").bind(source=source)
                run(lambda: work.poller(memory, report, stop), stop, metrics, log)
        faults = memory.faults()
    if once or status:
        _tell(report, faults, as_json)
        if faults:
            raise click.exceptions.Exit(1)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a poller is made of, but for its memory."""

    settings: Settings
    source: str
    config: PollConfig
    converter: Converter

    @contextmanager
    def poller(self, memory: PollState, report: Report, stop: Stop) -> Iterator[Poller]:
        """A poller with its clients."""
        with (
            Database(self.config.url(), self.config) as database,
            Publisher(self.settings, self.source) as channel,
            FirstDecisions(self.settings, self.source) as firsts,
        ):
            yield Poller(database, self.config, self.converter, channel, firsts, memory, report, stop)


def _learn(memory: PollState, work: _Work, *, again: bool) -> None:
    if memory.place(_LEARNED) and not again:
        return
    versions = used_versions(work.settings, work.source, work.converter.mapping.subject)
    while some := list(islice(versions, _AT_ONCE)):
        with memory.together():
            memory.used(some)
    memory.keep_place(_LEARNED, True)


def _tell(report: Report, faults: list[Fault], as_json: bool) -> None:
    if as_json:
        told = {
            "outcomes": dict(report.outcomes),
            "bad": report.bad,
            "deleted": report.deleted,
            "faults": [
                {
                    "key": one.key,
                    "kind": one.kind,
                    "reasons": [[r.code, r.field, r.text] for r in one.reasons],
                }
                for one in faults
            ],
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    outcomes = ", ".join(f"{count} {name.lower()}" for name, count in report.outcomes.most_common())
    click.echo(
        spoken(
            "{outcomes}; {deleted} rows were gone",
            outcomes=outcomes or said("no news"),
            deleted=report.deleted,
        )
    )
    if faults:
        table = headed("key", "what", "field", "why")
        for one in faults:
            for reason in one.reasons:
                table.add_row(one.key, f"{one.kind} {reason.code}", reason.field or "", shown(reason.text))
        Console().print(table)
