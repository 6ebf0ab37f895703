"""Records into files and to a web hook, by subscriptions on the exchange in memory."""

import csv
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from broker.errors import ConfigError
from consumers.dead_letters import Wanted, ask, held
from consumers.outputs.daily import daily
from consumers.outputs.forms import CSV, JSON_LINES, Form
from consumers.outputs.webhook import is_signed, webhook
from consumers.records import DepartmentRecord
from consumers.target import Target
from tests.support.exchange import until
from tests.support.subscribing import InMemory, running, subscription, write

SECRET = b"s" * 32
DAY = datetime(2026, 11, 24, 9, tzinfo=UTC)


@dataclass
class Calendar:
    now: datetime = DAY

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def delivering(world: InMemory, folder: Path, form: Form, calendar: Calendar) -> Iterator[None]:
    one = subscription(world)
    with running(lambda stop, health: one.run_into(daily(folder, form, calendar), stop, health)):
        yield


def notes(folder: Path) -> list[str]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line)["record"]["note"] for line in lines]


def test_a_file_a_day_each_record_once(tmp_path: Path) -> None:
    world, calendar = InMemory(), Calendar()
    write(world, "a", 1, 2)
    with delivering(world, tmp_path, JSON_LINES, calendar):
        until("the first day", lambda: notes(tmp_path) == ["a 1", "a 2"])
        calendar.now = DAY + timedelta(days=1)
        write(world, "a", 3)
        until("the second day", lambda: notes(tmp_path) == ["a 1", "a 2", "a 3"])
    names = sorted(path.name for path in tmp_path.glob("dept*"))
    assert names == [f"{world.topic}.2026-11-24.jsonl", f"{world.topic}.2026-11-25.jsonl"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_what_a_crash_left_behind_is_cut_off_and_read_again(tmp_path: Path) -> None:
    world, calendar = InMemory(), Calendar()
    write(world, "a", 1)
    with delivering(world, tmp_path, JSON_LINES, calendar):
        until("the first", lambda: notes(tmp_path) == ["a 1"])
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("a") as file:
        file.write('{"half a rec')
    write(world, "a", 2)
    with delivering(world, tmp_path, JSON_LINES, calendar):
        until("the second", lambda: path.read_text().count("\n") == 2)
    assert notes(tmp_path) == ["a 1", "a 2"]


def test_csv_opens_in_a_spreadsheet_and_a_new_field_gets_a_file_of_its_own(tmp_path: Path) -> None:
    def record(offset: int, **value: object) -> DepartmentRecord:
        return DepartmentRecord("dept.x.toy.v1", 0, offset, "e", 1, "FILED", value, False)

    with daily(tmp_path, CSV, Calendar())() as target:
        take(target, record(0, note='a, "quoted"\nnote', parts=[{"n": 1}]), record(1, note=None, parts=None))
        take(target, record(2, note="商丘", parts=None, more="x"))
        take(target, record(3, note="last", parts=None))
    first = tmp_path / "dept.x.toy.v1.2026-11-24.csv"
    assert first.read_bytes().startswith(b"\xef\xbb\xbftopic,partition,offset,note,parts\r\n")
    with first.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[3:] for row in rows[1:]] == [['a, "quoted"\nnote', '[{"n": 1}]'], ["", ""], ["last", ""]]
    with (tmp_path / "dept.x.toy.v1.2026-11-24.2.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row[3:] for row in csv.reader(file)] == [["note", "parts", "more"], ["商丘", "", "x"]]


def take(target: Target, *records: DepartmentRecord) -> None:
    for record in records:
        target.take(record, None)
    target.keep({})


def test_two_processes_may_not_share_a_folder(tmp_path: Path) -> None:
    target = daily(tmp_path, CSV, Calendar())
    with target(), pytest.raises(ConfigError, match="another process writes into"), target():
        pass


# --- the web hook -------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """The agency's own service: checks what it gets, and answers as it is told."""

    statuses: list[int] = field(default_factory=list)
    proof: str | None = "right"
    got: list[dict[str, object]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"


@contextmanager
def service() -> Iterator[Service]:
    told = Service()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            timestamp, signature = self.headers["Qianbei-Timestamp"], self.headers["Qianbei-Signature"]
            assert is_signed(SECRET, timestamp, signature, body, time.time())
            assert not is_signed(SECRET, timestamp, signature, body + b" ", time.time())
            assert not is_signed(SECRET, timestamp, signature, body, time.time() + 400)
            status = told.statuses.pop(0) if told.statuses else 200
            if status == 200:
                told.got.append(json.loads(body) | {"key": self.headers["Idempotency-Key"]})
            self.send_response(status)
            proof = {"right": hashlib.sha256(body).hexdigest(), "wrong": "0" * 64}.get(told.proof or "")
            if proof:
                self.send_header("Qianbei-Receipt", proof)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        told.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def hooked(world: InMemory, url: str, receipts: Path) -> Iterator[None]:
    one = subscription(world)
    with (
        webhook(url, SECRET, receipts) as handler,
        running(lambda stop, health: one.run(handler, stop, health)),
    ):
        yield


def receipts_in(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]


def test_a_web_hook_is_signed_and_its_answers_are_kept(tmp_path: Path) -> None:
    world = InMemory()
    write(world, "a", 1, 2)
    with service() as there:
        there.statuses = [503, 429, 200]
        with hooked(world, there.url, tmp_path):
            until("both are taken", lambda: len(receipts_in(tmp_path)) == 2)
    assert [one["key"] for one in there.got] == [f"{world.topic}/0/0", f"{world.topic}/0/1"]
    kept = receipts_in(tmp_path)
    assert [(one["revision"], one["status"], one["proven"]) for one in kept] == [
        (1, 200, True),
        (2, 200, True),
    ]
    assert "note" not in str(kept)


@pytest.mark.parametrize(("statuses", "proof"), [([422] * 2, None), ([], "wrong")])
def test_what_the_service_does_not_take_is_held(
    tmp_path: Path, statuses: list[int], proof: str | None
) -> None:
    world = InMemory()
    write(world, "a", 1)
    with service() as there:
        # Before the first delivery, or that one may find the service as it was.
        there.statuses, there.proof = statuses, proof
        with hooked(world, there.url, tmp_path):
            until("held", lambda: len(held(world.servers(), world.department, Wanted())) == 1)
            there.proof = None
            ask(world.servers(), world.department, held(world.servers(), world.department, Wanted()))
            until("taken", lambda: len(receipts_in(tmp_path)) == 1)
    assert receipts_in(tmp_path)[0]["proven"] is False


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [("http://tax.example/in", SECRET, "not encrypted"), ("https://tax.example/in", b"short", "too short")],
)
def test_a_hook_that_would_leak_is_refused(tmp_path: Path, url: str, secret: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=why), webhook(url, secret, tmp_path):
        pass
