"""``make bench-quick``: compaction against the plain loop, then the whole exchange's latency and sustained rate.

Ends with one JSON line: ``ratios.plain.w1`` (one compaction process against the plain loop), events per second of both,
``pipeline_events_per_s`` (intake to the last department, as fast as it goes) and ``latency_ms`` at 200 events a second
(from the append to intake to the append to a department's topic, by the broker's clock).
"""

import argparse
import json
import sys
import time
from typing import Any

from rich.console import Console

from benchmarks.compaction import run as run_compaction
from qianbei.demo.readout import Readout, percentile
from qianbei.demo.run import run_city, throw_away_exchange
from qianbei.site import Site

LIVE_RATE = 200.0
LIVE_EVENTS = 6_000
WARM_UP_S = 5.0
BULK_EVENTS = 10_000


def measure_live(site: Site, events: int, console: Console) -> dict[str, int]:
    """Latency at a steady rate, after the first seconds of services that have just started."""
    run_city(site, 11, events, LIVE_RATE, console)
    with Readout(site) as readout:
        _, latencies = readout.deliveries(readout.outcomes(), warm_up_s=WARM_UP_S)
    return {
        "p50": percentile(latencies, 0.50),
        "p99": percentile(latencies, 0.99),
        "max": max(latencies),
        "records": len(latencies),
    }


def measure_bulk(site: Site, events: int, console: Console) -> float:
    """Events a second from the first send until every service has handled all."""
    begun = time.monotonic()
    run_city(site, 12, events, None, console)
    return events / (time.monotonic() - begun)


def main() -> None:
    """Run both parts and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the full size, for trying it out")
    scale = parser.parse_args().scale
    console = Console(file=sys.stderr)
    with throw_away_exchange(console.print) as site:
        latency = measure_live(site, int(LIVE_EVENTS * scale), console)
        console.print(f"at {LIVE_RATE:.0f} events/s: {latency}")
        pipeline = measure_bulk(site, int(BULK_EVENTS * scale), console)
        console.print(f"as fast as it goes: {pipeline:.0f} events/s")
    with throw_away_exchange(console.print, services=False) as site:
        compaction: dict[str, Any] = run_compaction(
            site.admin, contracts=int(60_000 * scale), events=int(300_000 * scale)
        )
    result = {
        "ratios": {"plain": {"w1": round(compaction["ratio"], 2)}},
        "compaction_events_per_s": round(compaction["compaction_events_per_s"]),
        "plain_events_per_s": round(compaction["plain_events_per_s"]),
        "pipeline_events_per_s": round(pipeline),
        "latency_ms": latency,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
