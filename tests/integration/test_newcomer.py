"""From a clean folder to the first decoded record of one department, by each sample and by sync, timed.

Under a minute where the tools have their downloads, under ten with them. QIANBEI_NEWCOMER_COLD=1 gives every newcomer
empty caches.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from tests.fix_timed import TIMED
from tests.support.exchange import Exchange
from tests.support.newcomer import ROOT, Missing, Newcomer, Running, go_version, newcomer
from tests.support.sync import own_database

COLD = os.environ.get("QIANBEI_NEWCOMER_COLD") == "1"
COLD_SECONDS, WARM_SECONDS = 600.0, 60.0
TOPIC = "dept.tax.sale.v1"
LOCK = ROOT / "requirements.lock"
GO_NEEDED = (1, 24)

Arrived = Callable[[Running], bool]


class Way(NamedTuple):
    """How a newcomer gets there: his steps up to the command that reads, and when the record is seen."""

    command: Callable[[Newcomer], list[str | Path]]
    arrived: Arrived
    exit_code: int = 0


def printed(contract: str) -> Arrived:
    """The sample has printed the newest revision of the contract."""
    last = {"entity_id": contract, "revision": 2, "event_type": "FILED"}
    return lambda running: any(json.loads(line) == last for line in running.lines())


def sdk(wheel: Path) -> Callable[[Newcomer], list[str | Path]]:
    return lambda he: [he.venv("--constraint", LOCK, wheel) / "python", he.sample("python") / "sdk.py", TOPIC]


def plain(he: Newcomer) -> list[str | Path]:
    sample = he.sample("python")
    return [he.venv("--requirement", sample / "requirements.txt") / "python", sample / "plain.py", TOPIC]


def java(wheel: Path) -> Callable[[Newcomer], list[str | Path]]:
    def steps(he: Newcomer) -> list[str | Path]:
        python = he.venv("--constraint", LOCK, wheel) / "python"
        return [python, he.sample("java") / "run.py", "tax.properties", TOPIC]

    return steps


def go(he: Newcomer) -> list[str | Path]:
    sample = he.sample("go")
    he.run("go", "build", "-o", "reader", ".", cwd=sample)
    return [sample / "reader", TOPIC]


def reach(way: Way, he: Newcomer, limit: float) -> float:
    """Seconds until the record is there; the reader then stops when it is told to."""
    begun = time.monotonic()
    with he.running(*way.command(he)) as running:
        running.wait(lambda: way.arrived(running), limit)
        seconds = time.monotonic() - begun
        assert running.stop() == way.exit_code, running.errors.read_text()
    return seconds


@pytest.fixture
def timed(
    exchange: Exchange, tmp_path: Path, record_property: Callable[[str, object], None]
) -> Callable[[str, Way], None]:
    """Lets a newcomer go a way, with no network if what he needs was downloaded before, and tells how long it took."""

    def time_it(name: str, way: Way) -> None:
        if COLD:
            seconds, limit, how = cold(way, tmp_path / "caches"), COLD_SECONDS, "nothing downloaded before"
        else:
            try:
                he = newcomer(exchange, "tax", tmp_path / "warm", None, network=False)
                seconds, limit, how = reach(way, he, WARM_SECONDS), WARM_SECONDS, "all downloaded before"
            except Missing as missing:
                seconds, limit = cold(way, None), COLD_SECONDS
                how = f"downloads were missing ({str(missing).strip().splitlines()[-1][:100]})"
        record_property(TIMED, f"newcomer, {name}: {seconds:.1f} s to the first decoded record; {how}")
        assert seconds < limit

    def cold(way: Way, caches: Path | None) -> float:
        he = newcomer(exchange, "tax", tmp_path / "cold", caches, network=True)
        return reach(way, he, COLD_SECONDS)

    return time_it


pytestmark = pytest.mark.timeout(1300)


def test_python_with_the_sdk(timed: Callable[[str, Way], None], wheel: Path, filed: str) -> None:
    timed("Python with the SDK", Way(sdk(wheel), printed(filed)))


def test_python_with_confluent_kafka(timed: Callable[[str, Way], None], filed: str) -> None:
    timed("Python with confluent-kafka", Way(plain, printed(filed)))


def test_java_on_the_wheels_runtime(timed: Callable[[str, Way], None], wheel: Path, filed: str) -> None:
    # A virtual machine that SIGTERM ends closes its consumer, and then exits with 128 + 15.
    timed("Java without JDK or Maven", Way(java(wheel), printed(filed), exit_code=143))


def test_go(timed: Callable[[str, Way], None], filed: str) -> None:
    found = go_version()
    if found is None or found < GO_NEEDED:
        pytest.skip(f"no Go toolchain of {GO_NEEDED[0]}.{GO_NEEDED[1]} or newer here: found {found}")
    timed("Go", Way(go, printed(filed)))


def test_tables_by_sync(
    timed: Callable[[str, Way], None], exchange: Exchange, wheel: Path, filed: str
) -> None:
    with own_database(exchange) as dsn:

        def in_the_table(_running: Running) -> bool:
            with psycopg.connect(dsn) as db:
                if db.execute("SELECT to_regclass('qianbei.sale')").fetchone() == (None,):
                    return False
                held = db.execute("SELECT revision FROM qianbei.sale WHERE entity_id = %s", [filed])
                return held.fetchone() == (2,)

        def steps(he: Newcomer) -> list[str | Path]:
            return [he.venv("--constraint", LOCK, wheel) / "qianbei", "sync", "tax", "--into", dsn]

        timed("tables by qianbei sync", Way(steps, in_the_table))
