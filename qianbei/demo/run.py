"""Driving a simulated city through an exchange, and counting what came out."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from broker.errors import QianbeiError
from producers.simulator.drive import drive
from producers.simulator.ledger import Ledger
from producers.simulator.model_compare import account
from qianbei.demo.readout import Readout, wait_until_done
from qianbei.demo.result import Result
from qianbei.explain import Story, story
from qianbei.language import spoken
from qianbei.services import start_services
from qianbei.site import Site, current_site, deploy_site
from qianbei.stack import embedded_stack
from qianbei.verify import verify
from schemas.said import said

#: Below what the services of this demo sustain, so that the latencies shown are the exchange's and not a queue's.
DEFAULT_RATE = 600.0

Say = Callable[[str], None]


class Stalled(QianbeiError):
    """A service made no progress for a long time; its log says why."""


@contextmanager
def throw_away_exchange(say: Say, *, keep: bool = False, services: bool = True) -> Iterator[Site]:
    """A whole exchange in a folder of its own: servers, topics, services. All processes end with the block.

    ``keep`` leaves the folder with data and logs; otherwise it is kept only if the block fails. Ctrl-C is no failure.
    """
    home = Path(tempfile.mkdtemp(prefix="qianbei-demo-"))
    failed = False
    try:
        with exchange_in(home, say, services=services) as site:
            yield site
    except Exception:
        failed = True
        say(said("the logs are in {home}", home=home / "log"))
        raise
    finally:
        if not (keep or failed):
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def exchange_in(home: Path, say: Say, *, services: bool = True) -> Iterator[Site]:
    """A whole exchange in this folder for the length of the block; the folder stays."""
    with embedded_stack(home, say) as stack:
        site = current_site({}, home)
        made = deploy_site(site)
        say(
            said(
                "deployed {topics} topics, {schemas} schemas, {rights} rights",
                topics=made.topics,
                schemas=made.schemas,
                rights=made.rights,
            )
        )
        if services:
            say(said("started {services}", services=", ".join(start_services(site, stack.supervisor, 1))))
        yield site


def run_city(site: Site, seed: int, events: int, rate: float | None, console: Console) -> Ledger:
    """Send the plan of a seed and wait until every service has handled all of it, with live progress.

    Raises Stalled if a service stands still.
    """
    with _progress(console) as progress, Readout(site) as readout:
        sending = progress.add_task(spoken("sent"), total=events)
        bars = {name: progress.add_task(name, total=None) for name in ("admission", "routing", "compaction")}
        sampled = time.monotonic()

        def sent(number: int) -> None:
            nonlocal sampled
            progress.update(sending, completed=number)
            if time.monotonic() - sampled > 1.0:
                sampled = time.monotonic()
                _advance(progress, bars, readout.progress())

        ledger = drive(site.admin, seed, events, rate=rate, account=site.settings, progress=sent)
        progress.update(sending, completed=events)
        if not wait_until_done(readout.progress, lambda now: _advance(progress, bars, now)):
            raise Stalled(
                said("a service made no progress for two minutes: see its log and `qianbei status`")
            )
    return ledger


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<11}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=False)


def _advance(progress: Progress, bars: Mapping[str, TaskID], now: Mapping[str, tuple[int, int]]) -> None:
    for name, (done, total) in now.items():
        progress.update(bars[name], completed=done, total=total)


def count(site: Site, ledger: Ledger, begun: float, say: Say) -> Result:
    """Read everything out, compare with the simulator's own account, and verify from outside."""
    with Readout(site) as readout:
        say(said("reading the decisions and comparing them with the simulator's own account"))
        outcomes = readout.outcomes()
        found = account(ledger, outcomes.observed)
        departments, latencies = readout.deliveries(outcomes)
        latest, conflicts = readout.latest_counts(), readout.conflicts()
    say(said("verifying conservation, fold, projection and the law from topics and tables alone"))
    report = verify(site)
    seconds = time.monotonic() - begun
    return Result(
        ledger.total, outcomes.observed, found, departments, latest, conflicts, latencies, report, seconds
    )


def story_of_a_house(site: Site) -> Story | None:
    """All that came about on a house with conflicts, as ``explain`` tells it. None if no house has any."""
    with Readout(site) as readout:
        house = readout.telling_house()
    return None if house is None else story(site, house)
