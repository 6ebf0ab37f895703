"""A source behind a zone that only files may cross: what is carried ends in the exchange, once, and is answered."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from qianbei.site import environment_of
from schemas.files import latest_version, parsed
from schemas.jsonform import to_json
from tests.integration.test_main_job import decisions_of
from tests.support.exchange import Exchange
from tests.support.story import sold_house
from tests.support.waiting import wait_until


def write_story(path: Path, houses: int) -> list[str]:
    """A JSON Lines file of so many sold houses, without event ids; gives the contracts."""
    contracts = []
    with path.open("a", encoding="utf-8") as file:
        for _ in range(houses):
            events = sold_house()
            for event in events:
                form = to_json(parsed(event.subject, latest_version(event.subject)), event.record)
                form = {
                    name: value for name, value in form.items() if value is not None and name != "event_id"
                }
                file.write(json.dumps({"subject": event.subject, **form}) + "\n")
            contracts.append(events[-1].record["entity_id"])
    return contracts


class Run:
    """The two ends, driven by the commands."""

    def __init__(self, exchange: Exchange, tmp_path: Path) -> None:
        site = exchange.site
        own = environment_of(site.admin) | {"QIANBEI_SECRETS": str(site.secrets)}
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("QIANBEI_")} | own
        self.sender, self.reader = tmp_path / "sender", tmp_path / "reader"
        self.file = tmp_path / "filings.jsonl"

    def start(self, *words: object) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "qianbei", "files", *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def command(self, *words: object) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def pack(self, records: int) -> None:
        code, _, err = self.command("pack", "bureau", self.file, "--into", self.sender, "--records", records)
        assert code == 0, err

    def receive(self) -> tuple[int, list[dict[str, Any]]]:
        code, out, err = self.command("receive", "bureau", self.reader, "--once", "--settle", 0, "--json")
        assert "Traceback" not in err, err
        return code, [json.loads(line) for line in out.splitlines()]

    def carry(self, *numbers: int) -> None:
        for n in numbers:
            name = f"batch-bureau-{n:08d}"
            shutil.copytree(self.sender / "outbox" / name, self.reader / "inbox" / name, dirs_exist_ok=True)

    def answers(self, number: int) -> list[dict[str, Any]]:
        path = self.reader / "receipts" / f"receipt-bureau-{number:08d}.answers.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_damaged_repeated_and_reversed_batches_end_in_the_right_state(
    exchange: Exchange, tmp_path: Path
) -> None:
    run = Run(exchange, tmp_path)
    contracts = write_story(run.file, 3)
    run.pack(3)
    run.carry(3)
    code, said = run.receive()
    assert (code, [one["what"] for one in said]) == (1, ["waiting"])
    run.carry(1, 2)
    with (run.reader / "inbox" / "batch-bureau-00000002" / "filings.jsonl").open("r+b") as file:
        file.write(b"[")
    code, said = run.receive()
    assert (code, [one["what"] for one in said]) == (1, ["taken", "rejected", "waiting"]), said
    assert said[1]["code"] == "WRONG_DIGEST"
    run.carry(1, 2)
    code, said = run.receive()
    assert (code, [one["what"] for one in said]) == (0, ["repeated", "taken", "taken"]), said
    for contract in contracts:
        outcomes = [one["outcome"] for one in decisions_of(exchange, "bureau", contract)]
        assert outcomes == ["ACCEPTED", "ACCEPTED"]
    assert [(one["line"], one["outcome"]) for one in run.answers(2)] == [(n, "ACCEPTED") for n in (1, 2, 3)]


def test_a_reader_that_lost_its_state_writes_the_same_answers(exchange: Exchange, tmp_path: Path) -> None:
    """Also the refused line and the one that cannot be sent are answered as the first time."""
    run = Run(exchange, tmp_path)
    contracts = write_story(run.file, 1)
    lines = run.file.read_text(encoding="utf-8").splitlines()
    again = json.loads(lines[2]) | {"occurred_at": "2020-12-02T10:00:00+08:00"}
    run.file.write_text("\n".join([*lines, json.dumps(again)]) + "\n", encoding="utf-8")
    run.pack(10)
    run.carry(1)
    code, said = run.receive()
    assert code == 1, said
    first = run.answers(1)
    assert [one["outcome"] for one in first] == ["ACCEPTED", "ACCEPTED", "ACCEPTED", "REFUSED"]
    assert [reason["code"] for reason in first[3]["reasons"]] == ["STALE"]
    shutil.rmtree(run.reader)
    run.carry(1)
    run.receive()
    assert all(one["duplicate"] for one in run.answers(1))
    assert [one | {"duplicate": False} for one in run.answers(1)] == first
    assert len([d for d in decisions_of(exchange, "bureau", contracts[0]) if d["outcome"] == "ACCEPTED"]) == 2


def test_killed_while_publishing_and_started_again(exchange: Exchange, tmp_path: Path) -> None:
    run = Run(exchange, tmp_path)
    contracts = write_story(run.file, 400)
    run.pack(600)
    run.carry(2, 1)
    for _ in range(2):
        process = run.start("receive", "bureau", run.reader, "--settle", 0)
        part = run.reader / "state" / "receipt-bureau-00000001.answers.jsonl"
        wait_until(lambda: part.exists() or process.poll() is not None, 60)  # noqa: B023
        process.kill()
        process.communicate(timeout=10)
    code, said = run.receive()
    assert code == 0, said
    answers = [one for n in (1, 2) for one in run.answers(n)]
    assert [one["outcome"] for one in answers] == ["ACCEPTED"] * 1200
    assert len({one["decision_id"] for one in answers}) == 1200
    for contract in (contracts[0], contracts[-1]):
        found = [d["outcome"] for d in decisions_of(exchange, "bureau", contract)]
        assert found.count("ACCEPTED") == 2
