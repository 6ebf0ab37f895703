"""What a poller remembers: how far it has read, what it last saw of each row, and what it is about to send.

One SQLite file of mode 0600 for a source and a configuration. Events are written here before they are sent and stay until
their decision is known, as they are: they hold personal data for that long. A row's cells are kept only where its
deletion is an event, which must then carry the whole state.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.errors import ConfigError
from producers.database.changes import Known
from producers.settling import Told
from schemas.said import said

_TABLES = """
CREATE TABLE IF NOT EXISTS place (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    key TEXT PRIMARY KEY, digest BLOB NOT NULL, gone INTEGER NOT NULL DEFAULT 0, cells TEXT, scan INTEGER NOT NULL DEFAULT 0,
    had INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (entity_id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, event TEXT NOT NULL, final INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS fault (key TEXT PRIMARY KEY, kind TEXT NOT NULL, reasons TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that is about to be sent, or was and is not decided. ``final``: it has its version, and may be sent."""

    number: int
    key: str
    event: Mapping[str, Any]
    final: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """A row that is gone: the cells that were kept of it, and whether an event of it was ever made."""

    key: str
    cells: Mapping[str, str] | None
    had: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that the exchange does not have as it now is: ``bad`` (no event could be made) or ``refused``."""

    key: str
    kind: str
    reasons: tuple[Told, ...]


class PollState:
    """The memory of one poller. Use it in a ``with`` block; one process at a time.

    Raises ConfigError if the file is in use or is no such memory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            # What is about to be sent must be on the disk before it is sent.
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ConfigError(
                said(
                    "the poller's memory {path} cannot be used ({error}): end the poller that uses it, "
                    "or restore it",
                    path=self._path,
                    error=error,
                )
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written in the block is written whole or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- places ---------------------------------------------------------------------------------------------------------

    def place(self, name: str) -> Any:
        """What was kept under a name; None at first."""
        row = self._db.execute("SELECT value FROM place WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep_place(self, name: str, value: Any) -> None:
        """Keep a position, a watermark or a number."""
        self._db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", (name, json.dumps(value)))

    # --- rows -----------------------------------------------------------------------------------------------------------

    def known(self, key: str) -> Known | None:
        """What was last seen of a row."""
        row = self._db.execute("SELECT digest, gone FROM seen WHERE key = ?", (key,)).fetchone()
        return None if row is None else Known(row[0], bool(row[1]))

    def saw(self, key: str, digest: bytes, cells: Mapping[str, str] | None, *, had: bool = False) -> None:
        """A row was looked at, as it is now; ``cells`` where they are to be kept, ``had`` if the exchange has the row."""
        kept = None if cells is None else json.dumps(cells, ensure_ascii=False)
        self._db.execute(
            "INSERT INTO seen (key, digest, cells, had) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE "
            "SET digest = excluded.digest, cells = excluded.cells, gone = 0, had = max(had, excluded.had)",
            (key, digest, kept, had),
        )

    def mark(self, keys: Iterable[str], scan: int) -> None:
        """These rows were there in a scan."""
        self._db.executemany("UPDATE seen SET scan = ? WHERE key = ?", [(scan, key) for key in keys])

    def unmarked(self, scan: int, most: int) -> list[Missing]:
        """Rows that were seen before and were not there in a scan."""
        found = self._db.execute(
            "SELECT key, cells, had FROM seen WHERE gone = 0 AND scan <> ? ORDER BY key LIMIT ?", (scan, most)
        )
        return [
            Missing(key, None if cells is None else json.loads(cells), bool(had)) for key, cells, had in found
        ]

    def lost(self, key: str) -> None:
        """A row is gone."""
        self._db.execute("UPDATE seen SET gone = 1, cells = NULL WHERE key = ?", (key,))

    def gone(self) -> int:
        """How many rows are gone."""
        return int(self._db.execute("SELECT count(*) FROM seen WHERE gone = 1").fetchone()[0])

    # --- versions -------------------------------------------------------------------------------------------------------

    def version(self, entity_id: str) -> int:
        """The highest version of an entity that was used; 0 if none."""
        row = self._db.execute("SELECT version FROM version WHERE entity_id = ?", (entity_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def used(self, versions: Iterable[tuple[str, int]]) -> None:
        """These versions were used."""
        self._db.executemany(
            "INSERT INTO version VALUES (?, ?) ON CONFLICT (entity_id) DO UPDATE "
            "SET version = max(version, excluded.version)",
            versions,
        )

    # --- on the way -----------------------------------------------------------------------------------------------------

    def put_off(self, key: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Events of a row to be sent, in order."""
        self._db.execute("UPDATE seen SET had = 1 WHERE key = ?", (key,))
        self._db.executemany(
            "INSERT INTO pending (key, event) VALUES (?, ?)",
            [(key, json.dumps(event, ensure_ascii=False)) for event in events],
        )

    def pending(self, most: int) -> list[Pending]:
        """What is to be sent first, one event a row at most: the next one of it waits for the decision on this."""
        found = self._db.execute(
            "SELECT number, key, event, final FROM pending WHERE number IN (SELECT min(number) FROM pending GROUP BY key) "
            "ORDER BY number LIMIT ?",
            (most,),
        )
        return [Pending(number, key, json.loads(event), bool(final)) for number, key, event, final in found]

    def finish(self, one: Pending) -> None:
        """An event has its version: from now on it is sent as it is."""
        text = json.dumps(one.event, ensure_ascii=False)
        self._db.execute("UPDATE pending SET event = ?, final = 1 WHERE number = ?", (text, one.number))

    def decided(self, one: Pending) -> None:
        """An event's decision is known."""
        self._db.execute("DELETE FROM pending WHERE number = ?", (one.number,))

    # --- faults ---------------------------------------------------------------------------------------------------------

    def fault(self, found: Fault) -> None:
        """The exchange does not have a row as it is. What was first found stands until the row changes."""
        reasons = json.dumps([(one.code, one.field, one.text) for one in found.reasons], ensure_ascii=False)
        self._db.execute("INSERT OR IGNORE INTO fault VALUES (?, ?, ?)", (found.key, found.kind, reasons))

    def mended(self, key: str) -> None:
        """The exchange has the row as it is."""
        self._db.execute("DELETE FROM fault WHERE key = ?", (key,))

    def faults(self) -> list[Fault]:
        """All rows that the exchange does not have as they are."""
        found = self._db.execute("SELECT key, kind, reasons FROM fault ORDER BY key")
        return [Fault(key, kind, tuple(Told(*one) for one in json.loads(text))) for key, kind, text in found]
