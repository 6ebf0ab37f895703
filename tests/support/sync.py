"""A department's own database, the command that keeps its tables, and what the tables must hold by an independent fold."""

import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import fastavro
import httpx
import psycopg
from psycopg import sql

from broker.kafka import Record
from qianbei.inspect.connection import as_env, client_connection
from tests.support.exchange import Exchange

LISTS = ("parties", "occupants", "debtors")
Row = dict[str, Any]


@contextmanager
def own_database(exchange: Exchange) -> Iterator[str]:
    """An empty database on the exchange's server: the department's own."""
    name = f"dept_{secrets.token_hex(4)}"
    admin = exchange.site.admin.dsn()
    with psycopg.connect(admin, autocommit=True) as db:
        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(admin, autocommit=True) as db:
            db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@dataclass(frozen=True)
class Agency:
    """A department's machine: what ``qianbei connection`` gave it, its database, and no access to the exchange's home."""

    exchange: Exchange
    department: str
    dsn: str
    home: Path

    def environment(self) -> dict[str, str]:
        lines = as_env(client_connection(self.exchange.site, self.department)).splitlines()
        own = dict(line.split("=", 1) for line in lines if not line.endswith("="))
        return own | {
            "PATH": "/usr/bin:/bin",
            "QIANBEI_SYNC_DSN": self.dsn,
            "QIANBEI_HOME": str(self.home),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def command(self, name: str, *options: str) -> list[str]:
        return [sys.executable, "-m", "qianbei", name, self.department, *options]

    def sync(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run ``qianbei sync`` to its end."""
        return self.run("sync", *options)

    def run(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the department to its end."""
        return self.ended(self.command(name, *options))

    def ended(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run any command on the department's machine to its end."""
        return subprocess.run(
            command,
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def catch_up(self, *options: str) -> dict[str, Any]:
        """``--once --json``, which must end well."""
        ended = self.sync("--once", "--json", *options)
        assert ended.returncode == 0, ended.stderr[-3000:]
        told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return told

    @contextmanager
    def syncing(self, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
        """``qianbei sync`` in the background."""
        with self.running("sync", *options) as process:
            yield process

    @contextmanager
    def running(self, name: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A command in the background; killed at the end, if it still runs."""
        process = subprocess.Popen(
            self.command(name, *options), env=self.environment(), cwd=self.home, stderr=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, options="-c TimeZone=UTC") as db:
            return db.execute(text.encode()).fetchall()

    def folded(self) -> int:
        """How many offsets are folded; 0 before there are tables."""
        if self.query("SELECT to_regclass('qianbei.position')") == [(None,)]:
            return 0
        return int(self.query("SELECT coalesce(sum(next_offset), 0) FROM qianbei.position")[0][0])

    def rows(self, table: str) -> list[Row]:
        with psycopg.connect(self.dsn, options="-c TimeZone=UTC") as db:
            cursor = db.execute(f"SELECT * FROM {table}".encode())
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]


def projection(exchange: Exchange, topic: str) -> dict[str, Row]:
    """The newest state of every entity of a topic that has not left, by fastavro alone."""
    newest: dict[str, Row] = {}
    for value in decoded(exchange, exchange.read([topic])):
        known = newest.get(value["entity_id"])
        if known is None or value["revision"] > known["revision"]:
            newest[value["entity_id"]] = value
    return {key: value for key, value in newest.items() if value["event_type"] != "LEFT"}


def decoded(exchange: Exchange, records: Iterable[Record]) -> Iterator[Row]:
    schemas: dict[int, Any] = {}
    for record in records:
        assert record.value is not None
        number = int.from_bytes(record.value[1:5], "big")
        if number not in schemas:
            answer = httpx.get(f"{exchange.site.admin.registry_url}/schemas/ids/{number}", trust_env=False)
            schemas[number] = fastavro.parse_schema(json.loads(answer.json()["schema"]))
        found: Any = fastavro.schemaless_reader(BytesIO(record.value[5:]), schemas[number], None)
        yield found


def assert_is_projection(agency: Agency, subject: str, schema: str = "qianbei") -> int:
    """The subject's tables hold exactly the projection of its topic; gives the number of its rows."""
    expected = projection(agency.exchange, f"dept.{agency.department}.{subject}.v1")
    rows = {row["entity_id"]: row for row in agency.rows(f"{schema}.{subject}")}
    assert rows.keys() == expected.keys()
    lists = [name for name in LISTS if expected and name in next(iter(expected.values()))]
    for key, value in expected.items():
        plain = {name: one for name, one in value.items() if name not in lists}
        told = {name: _plain(rows[key][name], one) for name, one in plain.items()}
        assert told == {name: _comparable(one) for name, one in plain.items()}, key
    for name in lists:
        _assert_items(agency, f"{schema}.{subject}_{name}", name, expected)
    return len(rows)


def _assert_items(agency: Agency, table: str, name: str, expected: dict[str, Row]) -> None:
    found: dict[str, list[Row]] = {}
    for row in sorted(agency.rows(table), key=lambda row: row["position"]):
        key = row.pop("entity_id")
        assert row.pop("position") == len(found.setdefault(key, []))
        found[key].append(row)
    assert found == {key: value[name] for key, value in expected.items() if value[name]}


def _comparable(value: Any) -> Any:
    """Nested values are jsonb in the tables: decimals as strings, dates in ISO 8601."""
    return json.loads(json.dumps(value, default=str)) if isinstance(value, list | dict) else value


def _plain(found: Any, expected: Any) -> Any:
    return _comparable(found) if isinstance(expected, list | dict) else found


@contextmanager
def watching(dsn: str, table: str) -> Iterator[list[str]]:
    """A reader who looks all the time; gives what he saw go back: an older revision, or rows that were gone."""
    seen: dict[str, int] = {}
    complaints: list[str] = []
    done = threading.Event()

    def look() -> None:
        with psycopg.connect(dsn, autocommit=True) as db:
            while not done.is_set():
                now = dict(db.execute(f"SELECT entity_id, revision FROM {table}".encode()).fetchall())
                complaints.extend(k for k, revision in seen.items() if now.get(k, 0) < revision)
                seen.update(now)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield complaints
    finally:
        done.set()
        reader.join()
    assert seen, "the reader saw nothing"
