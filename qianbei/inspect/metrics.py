"""Asking the service processes of a home for their Prometheus metrics, twice, to know their rates."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from qianbei.stack import Supervisor

_TIMEOUT_S = 1.0
_NOT_READ = frozenset({"sent", "folded", "rejected"})
"""Outcomes that count what was written, not what was read."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a service. ``rate`` is in records a second; None if it could not be asked."""

    name: str
    port: int
    rate: float | None
    handled: int | None
    last_error: tuple[str, float] | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        error = None if self.last_error is None else {"kind": self.last_error[0], "at": self.last_error[1]}
        return {
            "name": self.name,
            "port": self.port,
            "rate_per_second": self.rate,
            "handled": self.handled,
            "last_error": error,
        }


@dataclass(frozen=True, slots=True)
class Scrape:
    """What a process said at one moment (monotonic seconds)."""

    at: float
    handled: float
    last_error: tuple[str, float] | None


def metrics_ports(home: Path) -> dict[str, int]:
    """The metrics port of each recorded process, by its name (``admission-0``).

    A file ``run/<name>.metrics`` with the port comes before the port of the pid record.
    """
    run = home / "run"
    supervisor = Supervisor(run, home / "log")
    ports: dict[str, int] = {}
    for name in supervisor.names() if run.exists() else ():
        record = supervisor.record(name)
        if record is not None and record.port is not None:
            ports[name] = record.port
    for path in run.glob("*.metrics"):
        text = path.read_text(encoding="ascii").strip()
        if text.isdecimal():
            ports[path.stem] = int(text)
    return {name: port for name, port in ports.items() if service_of(name) is not None}


def service_of(name: str) -> str | None:
    """The service of a process; None for what is no service."""
    service, dash, _ = name.rpartition("-")
    return service if dash and service in ("admission", "routing", "compaction", "report") else None


def scrape(port: int) -> Scrape | None:
    """What a process says now; None if it does not answer."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError:
        return None
    return parse(answer.text, time.monotonic())


def parse(text: str, at: float) -> Scrape:
    """Read what matters from Prometheus' text form."""
    handled = 0.0
    errors: list[tuple[str, float]] = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "qianbei_records_total" and sample.labels.get("outcome") not in _NOT_READ:
                handled += sample.value
            elif sample.name == "qianbei_last_error_timestamp_seconds":
                errors.append((sample.labels.get("kind", "unknown"), sample.value))
    return Scrape(at, handled, max(errors, key=lambda error: error[1], default=None))


@contextmanager
def instances(home: Path | None, sample_s: float) -> Iterator[Callable[[], dict[str, tuple[Instance, ...]]]]:
    """Ask the processes of a home now, and again when the function that is given is called, by service.

    The function waits until ``sample_s`` have passed in between.
    """
    ports = metrics_ports(home) if home is not None else {}
    first = {name: scrape(port) for name, port in ports.items()}

    def again() -> dict[str, tuple[Instance, ...]]:
        asked = [one.at for one in first.values() if one is not None]
        if asked:
            time.sleep(max(0.0, min(asked) + sample_s - time.monotonic()))
        found: dict[str, tuple[Instance, ...]] = {}
        for name, port in sorted(ports.items()):
            service = service_of(name)
            assert service is not None
            found[service] = (*found.get(service, ()), _instance(name, port, first[name], scrape(port)))
        return found

    yield again


def _instance(name: str, port: int, first: Scrape | None, second: Scrape | None) -> Instance:
    if second is None:
        return Instance(name, port, None, None, None if first is None else first.last_error)
    rate = None
    if first is not None and second.at > first.at:
        rate = round(max(0.0, second.handled - first.handled) / (second.at - first.at), 1)
    return Instance(name, port, rate, int(second.handled), second.last_error)
