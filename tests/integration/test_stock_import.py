"""Stock data into a live exchange: every bad row named, every good one accepted once, also when the import is killed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from broker.kafka import Connection, PartitionReader
from broker.registry import Registry
from broker.released import decoder, topic_subject
from producers.publisher import read_decision
from producers.simulator.stock_table import stock_table
from qianbei.site import environment_of
from tests.support.exchange import Exchange, until
from tests.support.stock import misnamed, rejected, write_table

ROWS = int(os.environ.get("QIANBEI_STOCK_ROWS", "4000"))
KILLS = int(os.environ.get("QIANBEI_STOCK_KILLS", "2"))


class Importing:
    """Runs of ``qianbei import`` on one table."""

    def __init__(self, exchange: Exchange, folder: Path, table: Path, mapping: Path) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("QIANBEI_", "SCHEMA_"))}
        site = exchange.site
        self._environment = inherited | environment_of(site.admin) | {"QIANBEI_SECRETS": str(site.secrets)}
        self._environment["QIANBEI_HOME"] = str(folder)
        self._command = [sys.executable, "-m", "qianbei", "import", "bureau", str(table)]
        self._command += ["--mapping", str(mapping), "--json"]
        self.peak_mib = 0.0

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def to_the_end(self) -> dict[str, int]:
        with self.start() as process:
            out, err = self._watched(process)
        assert process.returncode in (0, 1), err
        assert out, err
        report: dict[str, int] = json.loads(out)
        return report

    def _watched(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """What it writes until its end. Its memory is looked at meanwhile: the system's count of a child has the parent's in it."""
        watched, deadline = psutil.Process(process.pid), time.monotonic() + 3600
        while True:
            try:
                return process.communicate(timeout=0.5)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < deadline, "the import does not end"
                with suppress(psutil.NoSuchProcess):
                    self.peak_mib = max(self.peak_mib, watched.memory_info().rss / 2**20)


def sent(exchange: Exchange) -> int:
    """How many records lie in the bureau's intake, and gaps of transactions with them."""
    with PartitionReader(Connection.of(exchange.site.settings("qb-operator"))) as reader:
        return sum(reader.end_offsets(reader.partitions_of("intake.bureau")).values())


def accepted(exchange: Exchange, prefix: str) -> Counter[str]:
    """How often each contract of the table was accepted, as the decision topic has it."""
    with Registry(exchange.site.admin.registry_url) as registry:
        known = decoder(registry, [topic_subject("decision.bureau", "decision")])
    decisions = (read_decision(known, record) for record in exchange.read(["decision.bureau"]))
    return Counter(d.entity_id for d in decisions if d.accepted and d.entity_id.startswith(prefix))


@pytest.mark.timeout(7200)
def test_killed_and_started_again_every_good_row_is_accepted_once(exchange: Exchange, tmp_path: Path) -> None:
    prefix = f"JC{uuid.uuid4().hex[:6]}-"
    rows = list(stock_table(ROWS, prefix=prefix))
    table, mapping, wrong = write_table(tmp_path, rows)
    importing = Importing(exchange, tmp_path, table, mapping)
    begun, clock = sent(exchange), time.monotonic()
    for kill in range(1, KILLS + 1):
        process = importing.start()
        goal = begun + ROWS * kill // (KILLS + 1)
        until("the import comes on", lambda goal=goal: sent(exchange) >= goal, 3600)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    report = importing.to_the_end()
    speed = ROWS / (time.monotonic() - clock)
    print(f"{ROWS} rows, {KILLS} kills: {speed:.0f} rows/s, at most {importing.peak_mib:.0f} MiB")
    good = {row.cells[0] for row in rows if row.wrong is None}
    assert report["rows"] == ROWS
    assert report["accepted"] + report["before"] == len(good)
    assert report["before"] > 0
    assert misnamed(wrong, rejected(tmp_path / "stock.csv.rejects.csv")) == []
    assert accepted(exchange, prefix) == dict.fromkeys(good, 1)


def test_mend_and_run_again_imports_only_what_is_missing(exchange: Exchange, tmp_path: Path) -> None:
    prefix = f"JC{uuid.uuid4().hex[:6]}-"
    rows = list(stock_table(300, seed=3, wrong=0.2, prefix=prefix))
    right = list(stock_table(300, seed=3, wrong=0, prefix=prefix))
    table, mapping, wrong = write_table(tmp_path, rows)
    importing = Importing(exchange, tmp_path, table, mapping)
    first = importing.to_the_end()
    assert first["bad"] + first["refused"] == len(wrong)
    before = sent(exchange)
    assert importing.to_the_end()["before"] == first["accepted"]
    again = sent(exchange) - before
    assert again == first["refused"], "only refused rows are tried again"
    with table.open(encoding="gb18030", newline="") as file:
        lines = list(csv.reader(file))
    for number in wrong:
        lines[number - 1] = list(right[number - 2].cells)
    with table.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(lines)
    mended = importing.to_the_end()
    assert mended["complete"], (mended, rejected(tmp_path / "stock.csv.rejects.csv"))
    assert mended["accepted"] == len(wrong)
    assert not (tmp_path / "stock.csv.rejects.csv").exists()
    assert set(accepted(exchange, prefix).values()) == {1}
