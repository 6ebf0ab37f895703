"""A department behind a zone that only files may cross: what is carried by hand ends as what comes over the line."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from broker.batches import Folder, Outbox
from broker.batches.format import Manifest, read_form
from broker.errors import ConfigError
from broker.kafka import TopicPartition
from consumers.files.sending import Limits, channel_to
from consumers.files.sending import sender as packing
from consumers.sync.standing import standing
from consumers.sync.target import SCHEMA
from qianbei.cli.files_out_cmd import files_command
from qianbei.inspect.connection import client_connection
from tests.integration.test_main_job import ICBC_USCC, keyed
from tests.support.exchange import Exchange, until
from tests.support.story import sender, sold_house
from tests.support.sync import Agency, own_database

BANK = "bank.icbc"
WAY = channel_to(BANK)
Told = tuple[int, list[dict[str, Any]]]
"""The exit code, and what was said."""
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Zones:
    """The exchange's end, driven as the bank's user; the bank's end, which knows nothing of the exchange."""

    line: Agency
    dsn: str
    root: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def into(self) -> Path:
        return self.root / "in"

    def pack_until(self, batches: int, *options: object) -> None:
        """Pack until there are so many batches, then be killed."""
        words = ("send", BANK, "--into", self.out, "--json", *options)
        process = self._start(self.line.environment(), *words)
        try:
            # The process must start first, which takes 1.5 s of a processor: 30 s and more where many want one.
            until(
                f"{batches} batches",
                lambda: process.poll() is not None or len(self.manifests()) >= batches,
                seconds=140,
            )
        finally:
            process.kill()
            out, err = process.communicate(timeout=10)
            print(out, err)
        assert len(self.manifests()) >= batches

    def send(self, *options: object) -> Told:
        words = ("send", BANK, "--into", self.out, "--once", "--json", *options)
        return self._run(self.line.environment(), *words)

    def take(self) -> Told:
        return self._run({"QIANBEI_SYNC_DSN": self.dsn}, *self._taking)

    def take_alone(self) -> Told:
        """As ``take``, in a process that is told nothing else."""
        alone = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "QIANBEI_SYNC_DSN": self.dsn}
        process = self._start(alone, *self._taking)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return _told(process.returncode, out, err)

    @property
    def _taking(self) -> tuple[object, ...]:
        return ("take", BANK, self.into, "--once", "--settle", 0, "--json")

    def _run(self, environment: dict[str, str], *words: object) -> Told:
        ran = CliRunner().invoke(files_command, [*map(str, words)], env=environment)
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return _told(ran.exit_code, ran.stdout, ran.stderr)

    def _start(self, environment: dict[str, str], *words: object) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "qianbei", "files", *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            argv, env=environment, cwd=self.root, stdout=pipe, stderr=pipe, text=True, encoding="utf-8"
        )

    def carry(self, *numbers: int) -> None:
        for number in numbers:
            name = WAY.batch(number)
            shutil.copytree(self.out / "outbox" / name, self.into / "inbox" / name, dirs_exist_ok=True)

    def bring_back(self) -> None:
        shutil.copytree(self.into / "receipts", self.out / "receipts", dirs_exist_ok=True)

    def manifests(self) -> list[Manifest]:
        paths = sorted((self.out / "outbox").glob("*/manifest.json"))
        return [read_form(Manifest, path.read_bytes(), str(path)) for path in paths]


def _told(code: int, out: str, err: str) -> Told:
    assert code in (0, 1), err
    return code, [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def zones(exchange: Exchange, tmp_path: Path) -> Iterator[Zones]:
    (tmp_path / "in" / "inbox").mkdir(parents=True)
    with own_database(exchange) as line, own_database(exchange) as files:
        yield Zones(Agency(exchange, BANK, line, tmp_path), files, tmp_path)


def sell(exchange: Exchange, houses: int) -> None:
    """Contracts that the bank may see; returns when it can."""
    contracts = []
    with sender(exchange.site, "bureau") as bureau:
        for _ in range(houses):
            events = sold_house(lender_uscc=ICBC_USCC)
            bureau.send(*events)
            contracts.append(events[-1].record["entity_id"])

    def arrived() -> bool:
        records = exchange.read([f"dept.{BANK}.sale.v1"])
        return all(len(keyed(records, contract)) == 2 for contract in contracts)

    until("the bank's records", arrived)


def tables(exchange: Exchange, dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that a target holds, but for who keeps it and when; of a position, how many records lie before it.

    Offsets of positions may differ where nothing is missing: the marker that ends a transaction takes an offset and is no
    record. The line passes over those at the end of a partition; a batch that is full with the last record ends there.
    """
    with psycopg.connect(dsn) as db:
        names = [
            name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'qianbei'")
        ]
        found = {
            name: db.execute(f"SELECT * FROM qianbei.{name} ORDER BY 1, 2".encode()).fetchall()
            for name in names
            if name not in ("target", "position")
        }
        found["target"] = db.execute("SELECT department FROM qianbei.target").fetchall()
        positions = db.execute(
            "SELECT topic, partition, next_offset FROM qianbei.position ORDER BY 1, 2"
        ).fetchall()
    records = exchange.read(sorted({topic for topic, _, _ in positions}))
    return found | {
        "position": [
            (topic, partition, sum(r.offset < end for r in records if r[:2] == (topic, partition)))
            for topic, partition, end in positions
        ]
    }


def test_damaged_repeated_and_reversed_batches_end_as_the_line_does(exchange: Exchange, zones: Zones) -> None:
    sell(exchange, 4)
    # Other tests have sent to the bank too.
    kept = exchange.read(list(client_connection(exchange.site, BANK).dept_topics))
    code, said = zones.send("--records", len(kept) // 3)
    assert code == 0, said
    count = len(said)
    assert count >= 3
    assert {one["what"] for one in said} == {"packed"}
    zones.carry(count)
    code, said = zones.take_alone()
    assert (code, [one["what"] for one in said]) == (1, ["waiting"])
    zones.carry(*range(1, count))
    damaged = zones.into / "inbox" / WAY.batch(2)
    data = next(damaged.glob("*.jsonl"))
    data.write_bytes(data.read_bytes()[:-2] + b"]\n")
    code, said = zones.take()
    assert (code, [one["what"] for one in said]) == (1, ["taken", "rejected", *["waiting"] * (count - 2)]), (
        said
    )
    assert said[1]["code"] == "WRONG_DIGEST"
    zones.bring_back()
    code, said = zones.send("--outstanding", 1)
    assert code == 1
    assert [one["what"] for one in said] == ["rejected", "waiting"]
    assert "copy this batch from the sender's outbox into the inbox again" in said[0]["message"]
    zones.carry(1, 2)
    code, said = zones.take()
    assert (code, [one["what"] for one in said]) == (0, ["repeated", *["taken"] * (count - 1)]), said
    zones.bring_back()
    assert zones.send() == (0, [])
    assert zones.line.catch_up()["rejected"] == 0
    over_the_line, by_hand = tables(exchange, zones.line.dsn), tables(exchange, zones.dsn)
    assert by_hand == over_the_line
    assert len(by_hand["sale"]) >= 4
    assert sum(records for _, _, records in by_hand["position"]) >= len(kept)


def test_the_same_tables_go_on_by_files_and_then_by_the_line_again(exchange: Exchange, zones: Zones) -> None:
    sell(exchange, 1)
    zones.line.catch_up()
    sell(exchange, 2)
    assert zones.send()[0] == 0
    zones.carry(1)
    code, said = Zones(zones.line, zones.line.dsn, zones.root).take()
    assert code == 0, said
    assert said[0]["outcomes"]["ALREADY_THERE"] >= 2
    assert said[0]["outcomes"].get("APPLIED", 0) >= 4, (said, zones.manifests())
    bank = exchange.site.settings(BANK).model_copy(update={"postgres_dsn": SecretStr(zones.line.dsn)})
    found = standing(bank, BANK, SCHEMA)
    assert found is not None
    assert found.behind == 0
    sell(exchange, 1)
    assert zones.line.catch_up()["behind"] == 0


def test_killed_while_packing_it_goes_on_with_the_next_record(exchange: Exchange, zones: Zones) -> None:
    sell(exchange, 2)
    for wanted in (1, 3):
        zones.pack_until(wanted, "--records", 1, "--every", 0, "--outstanding", 10_000)
    assert zones.send("--outstanding", 10_000)[0] == 0
    manifests = zones.manifests()
    for before, after in pairwise(manifests):
        assert [o.next for o in before.offsets] == [o.first for o in after.offsets]
    topics = {file.topic for file in manifests[-1].files if file.topic}
    assert sum(one.records for one in manifests) == len(exchange.read(sorted(topics)))


def test_what_comes_while_packing_once_is_left_to_the_next_time(exchange: Exchange, tmp_path: Path) -> None:
    sell(exchange, 1)
    bank = exchange.site.settings(BANK)
    with Outbox(Folder(tmp_path), WAY) as outbox, packing(bank, BANK, outbox, Limits()) as one:
        ends, stop = one.begin(), threading.Event()
        manifest = one.pack(stop, ends)
        assert manifest is not None
        assert {TopicPartition(o.topic, o.partition): o.next for o in manifest.offsets} == ends
        sell(exchange, 1)
        assert one.pack(stop, ends) is None
        later = one.pack(stop, one.begin())
    assert later is not None
    assert later.records == 2


def test_a_department_reads_no_other_department(exchange: Exchange, tmp_path: Path) -> None:
    bank = exchange.site.settings(BANK)
    with (
        Outbox(Folder(tmp_path), channel_to("tax")) as outbox,
        pytest.raises(ConfigError, match="no topic of tax is to be seen"),
        packing(bank, "tax", outbox, Limits()),
    ):
        pass
