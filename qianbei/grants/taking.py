"""Whether the service processes of this home have taken the site's files in, by the digest that each tells."""

import time
from collections.abc import Mapping
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from qianbei.inspect.metrics import metrics_ports, service_of

TAKEN_S = 40.0
_LOOK_S = 0.1
_TIMEOUT_S = 2.0


def taken(home: Path, digest: str, patience_s: float = TAKEN_S) -> Mapping[str, bool]:
    """Each process that runs here and decides or routes, and whether it has taken this digest in within the time."""
    ports = {name: port for name, port in metrics_ports(home).items() if service_of(name) != "compaction"}
    found: dict[str, bool] = {}
    deadline = time.monotonic() + patience_s
    while ports:
        for name, port in tuple(ports.items()):
            known = _digest_of(port)
            # Where nobody listens nobody runs, and who starts reads the files.
            if known in (digest, None):
                ports.pop(name)
            if known is not None:
                found[name] = known == digest
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK_S if ports else 0)
    return found


def _digest_of(port: int) -> str | None:
    """What a process says, nothing if it is slow to; None if nobody listens."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
    except httpx.ConnectError:
        return None
    except httpx.HTTPError:
        return ""
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == "qianbei_installation":
                return str(sample.labels["digest"])
    return ""
