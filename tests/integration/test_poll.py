"""A poller beside people at work in the database: the exchange ends with what the database holds, nothing lost or doubled."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.registry import Registry
from broker.released import decoder, topic_subject
from producers.publisher import read_decision
from qianbei.site import environment_of
from tests.support.exchange import Exchange, until
from tests.support.filing_system import FilingSystem, Office, on_postgres, on_sqlite, write_config
from tests.support.story import new_house_code
from tests.support.sync import own_database

SECONDS = float(os.environ.get("QIANBEI_POLL_SECONDS", "10"))
KILLS = int(os.environ.get("QIANBEI_POLL_KILLS", "1"))
CLERKS = 8


class Polling:
    """Runs of ``qianbei poll``."""

    def __init__(self, exchange: Exchange, folder: Path, system: FilingSystem, config: Path) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("QIANBEI_", "SCHEMA_"))}
        site = exchange.site
        own = {"QIANBEI_SECRETS": str(site.secrets), "QIANBEI_HOME": str(folder), "FILING_DB_URL": system.url}
        self._environment = inherited | environment_of(site.admin) | own
        self._command = [sys.executable, "-m", "qianbei", "poll", "bureau", "--config", str(config)]

    @contextmanager
    def running(self) -> Iterator[None]:
        process = subprocess.Popen(self._command, env=self._environment, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *options]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=300, check=False
        )

    def once(self) -> dict[str, Any]:
        ended = self.run("--once", "--json")
        assert ended.returncode in (0, 1), ended.stderr[-3000:]
        told: dict[str, Any] = json.loads(ended.stdout)
        return told


@pytest.fixture(params=["postgres", "sqlite"])
def system(request: pytest.FixtureRequest, deployed: Exchange, tmp_path: Path) -> Iterator[FilingSystem]:
    if request.param == "sqlite":
        yield on_sqlite(tmp_path / "filing.sqlite3")
        return
    with own_database(deployed) as dsn:
        yield on_postgres(dsn)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ["outbox", "watermark"])
def test_the_exchange_ends_with_what_the_database_holds(
    exchange: Exchange, tmp_path: Path, system: FilingSystem, mode: str
) -> None:
    polling = Polling(exchange, tmp_path, system, write_config(tmp_path / "units.yaml", mode))
    chance = random.Random(3)
    with Office().staffed(system, CLERKS, longest_s=2.0):
        for _ in range(KILLS):
            reached = accepted_of(exchange, system) + chance.randrange(5, 30)
            with polling.running():
                until("events are accepted", lambda reached=reached: accepted_of(exchange, system) >= reached)
                time.sleep(SECONDS / (KILLS + 1))
        with polling.running():
            time.sleep(SECONDS / (KILLS + 1))
    told = polling.once()
    assert told["faults"] == []
    until("the latest state", lambda: latest(exchange, system) == expected(system))
    if mode == "outbox":
        assert accepted_of(exchange, system) == system.done, "each committed change is one event"
    else:
        assert accepted_of(exchange, system) <= system.done
    assert polling.once()["outcomes"] == {}


def decisions(exchange: Exchange, system: FilingSystem) -> Counter[tuple[str, str]]:
    with Registry(exchange.site.admin.registry_url) as registry:
        known = decoder(registry, [topic_subject("decision.bureau", "decision")])
    found = (read_decision(known, record) for record in exchange.read(["decision.bureau"]))
    codes = set(system.codes)
    return Counter((d.entity_id, d.outcome) for d in found if d.entity_id in codes)


def accepted_of(exchange: Exchange, system: FilingSystem) -> int:
    return sum(count for (_, outcome), count in decisions(exchange, system).items() if outcome == "ACCEPTED")


def latest(exchange: Exchange, system: FilingSystem) -> dict[str, tuple[str, str]]:
    """The units that are not withdrawn, as the exchange has them last."""
    with psycopg.connect(exchange.site.admin.dsn()) as db:
        found = db.execute(
            "SELECT entity_id, address, room_no FROM latest.unit WHERE entity_id = ANY(%s) "
            "AND event_type <> 'WITHDRAWN'",
            (list(system.codes),),
        ).fetchall()
    return {code: (address, room) for code, address, room in found}


def expected(system: FilingSystem) -> dict[str, tuple[str, str]]:
    return system.rows()


def test_faults_are_told_and_mended_rows_tried_again(
    exchange: Exchange, tmp_path: Path, system: FilingSystem
) -> None:
    config = write_config(tmp_path / "units.yaml", "watermark")
    polling = Polling(exchange, tmp_path, system, config)
    put(system, "41140200920200670000099990", "示范路1号", "101")
    told = polling.once()
    assert told["outcomes"] == {}
    (fault,) = told["faults"]
    assert fault["kind"] == "bad"
    assert fault["reasons"][0][1] == "house_code"
    shown = polling.run("--status")
    assert shown.returncode == 1
    assert "house_code" in shown.stdout
    right = new_house_code()
    execute(system, f"UPDATE unit SET house_code = {system.mark}, updated_at = {system.now}", right)
    assert polling.once() == {"outcomes": {"ACCEPTED": 1}, "bad": 0, "deleted": 1, "faults": []}
    execute(system, f"UPDATE unit SET address = {system.mark}", "a change that no watermark tells")
    assert polling.once()["outcomes"] == {"ACCEPTED": 1}
    execute(system, "DELETE FROM unit")
    assert polling.once() == {"outcomes": {"ACCEPTED": 1}, "bad": 0, "deleted": 1, "faults": []}


def test_rows_that_came_another_way_are_left_alone(
    exchange: Exchange, tmp_path: Path, system: FilingSystem
) -> None:
    code = new_house_code()
    put(system, code, "示范路1号", "101")
    assert Polling(exchange, tmp_path, system, write_config(tmp_path / "a.yaml", "watermark")).once()[
        "outcomes"
    ]
    later = Polling(
        exchange, tmp_path, system, write_config(tmp_path / "b.yaml", "watermark", begin="changes")
    )
    assert later.once()["outcomes"] == {}
    execute(system, f"UPDATE unit SET room_no = {system.mark}, updated_at = {system.now}", "102")
    assert later.once() == {"outcomes": {"ACCEPTED": 1}, "bad": 0, "deleted": 0, "faults": []}


def execute(system: FilingSystem, statement: str, *values: str) -> None:
    db = system.open()
    db.execute(statement, values)
    db.commit()
    db.close()


def put(system: FilingSystem, code: str, address: str, room: str) -> None:
    sql = f"INSERT INTO unit VALUES ({system.mark}, {system.mark}, {system.mark}, {system.now})"
    execute(system, sql, code, address, room)


def test_no_password_is_told(exchange: Exchange, tmp_path: Path, system: FilingSystem) -> None:
    away = replace(system, url="postgresql+psycopg://clerk:geheim-42@127.0.0.1:1/filing")
    polling = Polling(exchange, tmp_path, away, write_config(tmp_path / "units.yaml", "watermark"))
    ended = polling.run("--once")
    assert ended.returncode == 3
    assert "the database 127.0.0.1 does not answer" in ended.stderr
    assert "geheim" not in ended.stderr + ended.stdout
    assert "clerk" not in ended.stderr + ended.stdout
