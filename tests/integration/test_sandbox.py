"""A department's sandbox: another shell reads from it, and Ctrl-C leaves nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from broker.kafka import Connection, PartitionReader
from qianbei.demo.sandbox import sandbox_exchange
from tests.fix_exchange import home
from tests.support.city import City
from tests.support.newcomer import ROOT

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the sandbox makes its own; nothing of it may be left."""
    with home() as found:
        yield found


def start(*options: str, folder: Path) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QIANBEI_")}
    return subprocess.Popen(
        [sys.executable, "-m", "qianbei", "sandbox", *options],
        cwd=folder,
        env=environment | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    text = process.stdout.readline()
    assert text, process.communicate()[1]
    found: dict[str, Any] = json.loads(text)
    return found


def test_another_shell_reads_what_the_sandbox_shows_and_nothing_is_left(folder: Path) -> None:
    process = start("tax", "--rate", "20", "--json", folder=folder)
    try:
        files = {form: Path(file) for form, file in line(process)["files"].items()}
        assert {oct(file.stat().st_mode & 0o777) for file in files.values()} == {"0o600"}
        shown = line(process)
        shell = f"set -a; . {files['env']}; set +a; exec {sys.executable} {ROOT / 'samples/python/plain.py'}"
        with subprocess.Popen(["sh", "-c", shell], stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None
            read = next(
                found for found in map(json.loads, reader.stdout) if found["entity_id"] == shown["entity_id"]
            )
            reader.terminate()
        assert read == {name: shown[name] for name in ("entity_id", "revision", "event_type")}
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) > 5
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 0, errors
    finally:
        process.kill()
        process.communicate()
    assert not [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert list(folder.iterdir()) == []


def test_what_runs_in_a_home_already_is_used_and_runs_on(city: City) -> None:
    own, said = city.exchange.site, list[str]()
    with sandbox_exchange(own.secrets.parent, said.append, keep=False) as site:
        assert site.admin.kafka_bootstrap == own.admin.kafka_bootstrap
    assert said == [f"using what runs in {own.secrets.parent}"]
    with PartitionReader(Connection.of(own.settings("tax"))) as reader:
        assert reader.partitions_of("dept.tax.sale.v1")


def test_who_receives_nothing_is_told_before_anything_starts(folder: Path) -> None:
    process = start("gov", folder=folder)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "nothing is sent to gov" in errors
    assert list(folder.iterdir()) == []
