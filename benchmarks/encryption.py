"""What encryption costs: the same simulated city through admission, routing and compaction, without it and with each algorithm.

One stack; for each setting the services are started anew and a city of the same size is sent as fast as it goes, in rounds,
in another order each round. ``python -m benchmarks.encryption`` prints one JSON object: for each setting the events a second
from the first send until every service has handled all (the best of the rounds), the processor time of each service in
microseconds an event (the least), and the bytes of a record of ``exchange.*``. Processor time says more than the clock on
a machine that has other work.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from broker.kafka import Connection, PartitionReader, TopicPartition
from broker.replay.reading import Span, read_out
from broker.store.connect import connected
from broker.topics import OPERATOR
from qianbei.demo.run import run_city
from qianbei.services import SERVICES, child
from qianbei.site import Site, current_site, deploy_site
from qianbei.stack import Supervisor, embedded_stack
from schemas.catalogue import load_catalogue

SETTINGS = ("off", "aes-256-gcm", "sm4-gcm")
MEASURED = ("admission", "routing", "compaction")
EVENTS, ROUNDS = 4_000, 2
WARM_UP = 300
"""Events before the clock: a service that has just started compiles, connects and fills its caches."""


@dataclass(frozen=True, slots=True)
class Run:
    """One city under one setting."""

    seconds: float
    cpu_s: Mapping[str, float]
    bytes_a_record: float


def measure(site: Site, supervisor: Supervisor, setting: str, seed: int, events: int) -> Run:
    """Start the services under a setting, send a city, stop them."""
    own = replace(site, admin=site.admin.model_copy(update={"encryption": setting}))
    console = Console(file=sys.stderr, quiet=True)
    with _running(own, supervisor):
        run_city(own, seed, WARM_UP, None, console)
        before, begins = _cpu(supervisor), _ends(site)
        begun = time.monotonic()
        run_city(own, seed + 1, events, None, console)
        seconds, after = time.monotonic() - begun, _cpu(supervisor)
    cpu = {name: after[name] - before[name] for name in MEASURED}
    return Run(seconds, cpu, _size(site, begins))


@contextmanager
def _running(site: Site, supervisor: Supervisor) -> Iterator[None]:
    children = [child(site, SERVICES[name], 0) for name in MEASURED]
    for one in children:
        supervisor.start(one)
    supervisor.wait_ready(*children)
    _await_tables(site)
    try:
        yield
    finally:
        supervisor.stop(*(one.name for one in children))


def _await_tables(site: Site) -> None:
    """Compaction makes them after it has started, the first time."""
    with connected(site.admin.dsn(), "benchmark") as db:
        while db.execute("SELECT to_regclass('latest.position')").fetchone() == (None,):
            time.sleep(0.1)


def _cpu(supervisor: Supervisor) -> dict[str, float]:
    found = {}
    for name in MEASURED:
        process = supervisor.process(f"{name}-0")
        assert process is not None, f"{name} has ended"
        times = process.cpu_times()
        found[name] = times.user + times.system
    return found


def _ends(site: Site) -> dict[TopicPartition, int]:
    with PartitionReader(Connection.of(site.settings(OPERATOR))) as reader:
        topics = (f"exchange.{subject}" for subject in load_catalogue().subjects)
        return dict(reader.end_offsets([p for topic in topics for p in reader.partitions_of(topic)]))


def _size(site: Site, begins: Mapping[TopicPartition, int]) -> float:
    ends = _ends(site)
    with PartitionReader(Connection.of(site.settings(OPERATOR))) as reader:
        spans = {p: Span(begins[p], ends[p]) for p in begins}
        sizes = [len(record.value or b"") for record in read_out(reader, spans)]
    return sum(sizes) / len(sizes)


def run(site: Site, supervisor: Supervisor, *, events: int, rounds: int) -> dict[str, Any]:
    """All settings, in every round in another order. Gives the table of the module's description."""
    runs: dict[str, list[Run]] = {setting: [] for setting in SETTINGS}
    seed = 500
    for n in range(rounds):
        for setting in (*SETTINGS[n % 3 :], *SETTINGS[: n % 3]):
            seed += 2
            found = measure(site, supervisor, setting, seed, events)
            runs[setting].append(found)
            print(f"{setting}: {events / found.seconds:,.0f} events/s, {dict(found.cpu_s)}", file=sys.stderr)
    return {setting: _row(found, events) for setting, found in runs.items()}


def _row(runs: list[Run], events: int) -> dict[str, Any]:
    return {
        "events_per_s": round(events / min(run.seconds for run in runs)),
        "cpu_us_per_event": {
            name: round(min(run.cpu_s[name] for run in runs) / events * 1e6) for name in MEASURED
        },
        "bytes_per_record": round(sum(run.bytes_a_record for run in runs) / len(runs)),
    }


def main() -> None:
    """Measure on an embedded stack of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="of each city")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    say = Console(file=sys.stderr).print
    with tempfile.TemporaryDirectory(prefix="qianbei-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        with embedded_stack(home, say) as stack:
            site = current_site({}, home)
            deploy_site(site)
            print(json.dumps(run(site, stack.supervisor, events=given.events, rounds=given.rounds)))


if __name__ == "__main__":
    main()
