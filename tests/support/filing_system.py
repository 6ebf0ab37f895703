"""A filing system of the tests' own: a table of units on Postgres or SQLite, its outbox, and people who work in it."""

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml

from tests.support.story import EXAMPLES, new_house_code

_TABLE = "CREATE TABLE unit (house_code text PRIMARY KEY, address text, room_no text, updated_at {moment} NOT NULL)"
POSTGRES = [
    _TABLE.format(moment="timestamptz"),
    """CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(), key text NOT NULL, event_type text NOT NULL, payload jsonb NOT NULL)""",
    """CREATE FUNCTION to_outbox() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO outbox (key, event_type, payload) VALUES (
          coalesce(NEW.house_code, OLD.house_code),
          CASE TG_OP WHEN 'INSERT' THEN 'REGISTERED' WHEN 'UPDATE' THEN 'CHANGED' ELSE 'WITHDRAWN' END,
          to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END));
        RETURN NULL; END $$""",
    "CREATE TRIGGER to_outbox AFTER INSERT OR UPDATE OR DELETE ON unit FOR EACH ROW EXECUTE FUNCTION to_outbox()",
]
_SQLITE_ROW = "json_object('house_code', {r}.house_code, 'address', {r}.address, 'room_no', {r}.room_no, 'updated_at', {r}.updated_at)"
SQLITE = [
    _TABLE.format(moment="text"),
    "CREATE TABLE outbox (id integer PRIMARY KEY AUTOINCREMENT, key text NOT NULL, event_type text NOT NULL, payload text NOT NULL)",
    *(
        f"CREATE TRIGGER to_outbox_{what} AFTER {what} ON unit BEGIN INSERT INTO outbox (key, event_type, payload) "
        f"VALUES ({row}.house_code, '{event}', {_SQLITE_ROW.format(r=row)}); END"
        for what, row, event in (
            ("INSERT", "NEW", "REGISTERED"),
            ("UPDATE", "NEW", "CHANGED"),
            ("DELETE", "OLD", "WITHDRAWN"),
        )
    ),
]


@dataclass
class FilingSystem:
    """``open`` gives a connection that commits when told; ``url`` is SQLAlchemy's address.

    ``crowded`` says whether an error means no more than that others were in the way.
    """

    open: Callable[[], Any]
    url: str
    mark: str
    now: str
    crowded: Callable[[Exception], bool]
    done: int = 0
    codes: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self) -> dict[str, tuple[str, str]]:
        """What it holds, committed: address and room by house code."""
        db = self.open()
        found = db.execute("SELECT house_code, address, room_no FROM unit").fetchall()
        db.close()
        return {code: (address, room) for code, address, room in found}

    def work(self, seed: int, at_work: Callable[[], bool], longest_s: float) -> None:
        """One clerk: short, long and rolled-back transactions on rows that others change too."""
        chance, db = random.Random(seed), self.open()
        while at_work():
            try:
                changes = sum(self._change(chance, db) for _ in range(chance.choice((1, 1, 2))))
            except Exception as error:
                if not self.crowded(error):
                    raise
                db.rollback()
                continue
            time.sleep(chance.choice((0.0, 0.02, 0.1, longest_s) if chance.random() < 0.3 else (0.02,)))
            if chance.random() < 0.2:
                db.rollback()
                continue
            db.commit()
            with self._lock:
                self.done += changes
        db.close()

    def _change(self, chance: random.Random, db: Any) -> int:
        with self._lock:
            known = list(self.codes)
        kind = chance.random()
        if kind < 0.3 or not known:
            with self._lock:
                code = new_house_code()
                self.codes.append(code)
            sql = f"INSERT INTO unit VALUES ({self.mark}, {self.mark}, {self.mark}, {self.now})"
            values: tuple[Any, ...] = (
                code,
                f"示范路{chance.randrange(900)}号",
                str(chance.randrange(100, 999)),
            )
        elif kind < 0.9:
            sql = f"UPDATE unit SET room_no = {self.mark}, updated_at = {self.now} WHERE house_code = {self.mark}"
            values = (str(chance.randrange(1000, 99999)), chance.choice(known))
        else:
            sql = f"DELETE FROM unit WHERE house_code = {self.mark}"
            values = (chance.choice(known),)
        return int(db.execute(sql, values).rowcount)


def on_postgres(dsn: str) -> FilingSystem:
    with psycopg.connect(dsn, autocommit=True) as db:
        for statement in POSTGRES:
            db.execute(statement.encode())
    url = dsn.replace("postgresql://", "postgresql+psycopg://", 1)
    return FilingSystem(
        lambda: psycopg.connect(dsn),
        url,
        "%s",
        "now()",
        lambda error: isinstance(error, psycopg.errors.DeadlockDetected),
    )


def on_sqlite(path: Path) -> FilingSystem:
    def opened() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=20)

    db = opened()
    db.execute("PRAGMA journal_mode = WAL")
    for statement in SQLITE:
        db.execute(statement)
    db.commit()
    db.close()
    # SQLite has no queue for its one writer: among eight of them, one may wait for ever.
    return FilingSystem(
        opened,
        f"sqlite:///{path}",
        "?",
        "strftime('%Y-%m-%d %H:%M:%f', 'now', '+8 hours')",
        lambda error: getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY",
    )


class Office:
    """People at work."""

    def __init__(self) -> None:
        self._closes = threading.Event()
        self._failed: list[BaseException] = []

    def close(self) -> None:
        """Nobody begins anything more."""
        self._closes.set()

    @contextmanager
    def staffed(self, system: FilingSystem, count: int, longest_s: float) -> Iterator["Office"]:
        """With ``count`` clerks, who work until the office closes. Raises what any of them failed by."""
        threads = [threading.Thread(target=self._work, args=(system, n, longest_s)) for n in range(count)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.close()
            for thread in threads:
                thread.join()
        if self._failed:
            raise self._failed[0]

    def _work(self, system: FilingSystem, seed: int, longest_s: float) -> None:
        try:
            system.work(seed, lambda: not self._closes.is_set(), longest_s)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            self._failed.append(error)


def write_config(path: Path, mode: str, **changes: Any) -> Path:
    """A poller's configuration for the table, or for its outbox."""
    example = json.loads((EXAMPLES / "unit" / "v1" / "registered.json").read_text(encoding="utf-8"))
    varying = {
        "event_id",
        "event_type",
        "entity_id",
        "version",
        "source",
        "occurred_at",
        "house_code",
        "address",
        "room_no",
    }
    owned = {"sale_status", "restrictions", "realty_unit_no", "realty_unit_no_kind"}
    config: dict[str, Any] = {
        "url_env": "FILING_DB_URL",
        "mode": mode,
        "table": "outbox" if mode == "outbox" else "unit",
        "every_s": 0.2,
        "mapping": {
            "subject": "unit",
            "event_type": "REGISTERED",
            "fixed": {n: v for n, v in example.items() if n not in varying | owned and v is not None},
            "columns": {
                "house_code": {"to": ["house_code", "entity_id"]},
                "address": {"to": "address"},
                "room_no": {"to": "room_no"},
                "updated_at": {"to": "occurred_at"},
            },
        },
    }
    if mode == "watermark":
        config |= {
            "key": "house_code",
            "watermark": "updated_at",
            "overlap_s": 10,
            "reconcile_every_s": 5,
            "events": {"new": "REGISTERED", "changed": "CHANGED", "deleted": "WITHDRAWN"},
        }
    path.write_text(yaml.safe_dump(config | changes, allow_unicode=True), encoding="utf-8")
    return path
