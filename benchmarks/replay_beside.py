"""What a replay costs the exchange that it runs beside: the latency of live load without one, with one at full speed, and
with one at the default pace, in turn on the same exchange.

``python -m benchmarks.replay_beside`` starts a whole exchange, files a history, and then sends live load in phases. Latency
is that of ``make bench-quick``: from the append to intake to the append to a department's topic, by the broker's clock. Ends
with one JSON line. The target: at full speed p99 is at most half as much again.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console

from broker.topics import intake_topics
from producers.simulator.drive import drive
from qianbei.cli.replay_cmd import RATE
from qianbei.demo.readout import Readout, percentile, wait_until_done
from qianbei.demo.run import run_city, throw_away_exchange
from qianbei.site import Site, environment_of

TARGET = 1.5
SATURATED_MS = 500
WAYS = {"alone": None, "full speed": 0.0, "paced": float(RATE)}
"""By name: at which rate is replayed beside the load; None: not at all."""


@dataclass(slots=True)
class Phase:
    """One stretch of live load. ``begin`` and ``end`` in ms since 1970, without its first seconds."""

    way: str
    begin: float
    end: float = 0.0
    replayed: int = 0
    seconds: float = 0.0
    delays: list[int] = field(default_factory=list)


def measure(site: Site, rate: float, seconds: float, rounds: int, console: Console) -> list[Phase]:
    """All phases, each as often as there are rounds."""
    phases = []
    for number in range(rounds):
        for way, replay_rate in WAYS.items():
            phase = Phase(way, 0.0)
            with replaying(site, replay_rate, phase):
                begun = time.time()
                drive(site.admin, 100 + len(phases), int(rate * seconds), rate=rate, account=site.settings)
                phase.begin, phase.end = (begun + min(5.0, seconds / 4)) * 1000, time.time() * 1000
            phase.seconds = time.time() - begun
            with Readout(site) as readout:
                wait_until_done(readout.progress, lambda _now: None)
            console.print(
                f"round {number + 1}, {way}: {phase.seconds:.0f} s, {phase.replayed:,} records replayed"
            )
            phases.append(phase)
    return phases


@contextmanager
def replaying(site: Site, rate: float | None, phase: Phase) -> Iterator[None]:
    """The command itself as a process, again and again, while the block runs."""
    if rate is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_replay, args=(site, rate, phase, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _replay(site: Site, rate: float, phase: Phase, stop: threading.Event) -> None:
    command = [
        sys.executable,
        "-m",
        "qianbei",
        "replay",
        "exchange.*",
        "intake.*",
        "--rate",
        str(rate),
        "--",
        "wc",
        "-l",
    ]
    environment = os.environ | environment_of(site.admin) | {"QIANBEI_SECRETS": str(site.secrets)}
    while not stop.is_set():
        # Counted there and not here: this process sends the live load.
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                if stop.wait(0.2):
                    process.terminate()
                    break
            assert process.stdout is not None
            phase.replayed += int(process.stdout.read() or 0)


def take_delays(site: Site, phases: list[Phase]) -> None:
    """Read everything out once, and give each phase the delays of what entered in it."""
    installation = site.admin.installation()
    with Readout(site) as readout:
        accepted = readout.outcomes().accepted_events
        topics = intake_topics(installation.catalogue)
        entered = {(r.topic, r.partition, r.offset): r.timestamp_ms for r in readout.records(topics)}
        for record in readout.records(grant.topic for grant in installation.grants):
            at = entered.get(accepted.get((record.header("ce_id") or b"").decode(), ("", 0, 0)))
            for phase in phases:
                if at is not None and phase.begin <= at < phase.end:
                    phase.delays.append(record.timestamp_ms - at)


def result_of(phases: list[Phase]) -> dict[str, object]:
    """Percentiles by way, over all its phases; what was replayed a second."""
    found: dict[str, dict[str, float]] = {}
    for way in WAYS:
        of_way = [phase for phase in phases if phase.way == way]
        delays = [delay for phase in of_way for delay in phase.delays]
        found[way] = {
            "p50_ms": percentile(delays, 0.50),
            "p99_ms": percentile(delays, 0.99),
            "max_ms": max(delays, default=0),
            "deliveries": len(delays),
            "replayed_per_s": round(sum(p.replayed for p in of_way) / sum(p.seconds for p in of_way)),
            "p99_ms_by_round": [percentile(phase.delays, 0.99) for phase in of_way],  # type: ignore[dict-item]
        }
    ratios = {way: _ratios(phases, way) for way in WAYS if way != "alone"}
    # Where the load alone is more than the machine carries, latency is the length of a queue and compares nothing.
    saturated = found["alone"]["p50_ms"] > SATURATED_MS
    met = None if saturated else median(ratios["full speed"]) <= TARGET
    return {
        "ways": found,
        "p99_ratio_by_round": ratios,
        "target": TARGET,
        "saturated": saturated,
        "met": met,
    }


def _ratios(phases: list[Phase], way: str) -> list[float]:
    """p99 beside a replay over that of the load alone, in each round."""
    by_way = {one: [percentile(p.delays, 0.99) for p in phases if p.way == one] for one in ("alone", way)}
    pairs = zip(by_way["alone"], by_way[way], strict=True)
    return [round(beside / max(alone, 1), 2) for alone, beside in pairs]


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, default=20_000, help="events filed before")
    parser.add_argument("--rate", type=float, default=500.0, help="live events a second")
    parser.add_argument("--seconds", type=float, default=40.0, help="length of a phase")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, help="append the result here")
    options = parser.parse_args()
    console = Console(file=sys.stderr)
    with throw_away_exchange(console.print) as site:
        run_city(site, 99, options.history, None, console)
        phases = measure(site, options.rate, options.seconds, options.rounds, console)
        take_delays(site, phases)
    result = vars(options) | {"out": None} | result_of(phases)
    print(json.dumps(result))
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
