"""What an import remembers, so that a run that was cut off goes on, and a mended file imports only what is missing.

One SQLite file for a source and its exchange. A row is known by its *row id*: the event id that its content has at its
first try. Nothing of its content is kept but the id of its entity, and only while a refused row waits to be mended.

A window's outcomes are written in one transaction. One that was cut off before it is sent again, and the exchange
answers with duplicates of what it has decided.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.errors import ConfigError
from producers.settling import Told
from schemas.said import said

_TABLES = """
CREATE TABLE IF NOT EXISTS run (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL, ended INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS taken (row_id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (
    row_id BLOB PRIMARY KEY, entity_id TEXT NOT NULL, version INTEGER NOT NULL, run INTEGER NOT NULL, reasons TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refused_entity ON refused (entity_id);
INSERT OR IGNORE INTO run VALUES (1, 0, 1);
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused row: which version of its entity it used up, if any, and why it was refused. ``run`` counts the runs."""

    entity_id: str
    version: int
    run: int
    reasons: tuple[Told, ...]


class ImportState:
    """The memory of imports of one source. Use it in a ``with`` block; one process at a time.

    Raises ConfigError if the file is in use or is no such memory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection
        self.run = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # The ids of entities are nobody else's business; SQLite makes its own files with the mode of this one.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_TABLES)
            self.run = self._begin()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ConfigError(
                said(
                    "the memory of imports {path} cannot be used ({error}): wait for another import to "
                    "end, or move the file away; what was imported before is then answered as a duplicate",
                    path=self._path,
                    error=error,
                )
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._db.close()

    def _begin(self) -> int:
        """The number of this run: a new one, or that of the run that was cut off."""
        self._db.execute("UPDATE run SET number = number + ended, ended = 0")
        return int(self._db.execute("SELECT number FROM run").fetchone()[0])

    def end(self) -> None:
        """The whole file was read: the next run tries refused rows again."""
        self._db.execute("UPDATE run SET ended = 1")

    def taken(self, row_ids: Sequence[bytes]) -> set[bytes]:
        """Which of these rows were accepted before."""
        return {row[0] for row in self._among("SELECT row_id FROM taken WHERE row_id", row_ids)}

    def refused(self, row_ids: Sequence[bytes]) -> dict[bytes, Refusal]:
        """Which of these rows were refused, and why."""
        found = self._among(
            "SELECT row_id, entity_id, version, run, reasons FROM refused WHERE row_id", row_ids
        )
        return {
            row_id: Refusal(entity_id, version, run, tuple(Told(*told) for told in json.loads(reasons)))
            for row_id, entity_id, version, run, reasons in found
        }

    def versions(self, entity_ids: Sequence[str]) -> dict[str, int]:
        """The highest version that a refused row has used up, of those of these entities that have one."""
        query = "SELECT entity_id, max(version) FROM refused WHERE entity_id"
        return {
            entity: version for entity, version in self._among(query, entity_ids, " GROUP BY 1") if version
        }

    def record(self, taken: Iterable[bytes], refused: Mapping[bytes, Refusal]) -> None:
        """The outcomes of a window, all or none."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR IGNORE INTO taken VALUES (?)", [(row_id,) for row_id in taken])
        self._db.executemany(
            "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)",
            [(row_id, r.entity_id, r.version, r.run, _written(r.reasons)) for row_id, r in refused.items()],
        )
        self._db.execute("COMMIT")

    def _among(self, query: str, values: Sequence[bytes] | Sequence[str], after: str = "") -> list[Any]:
        marks = ",".join("?" * len(values))
        return self._db.execute(f"{query} IN ({marks}){after}", values).fetchall()


def _written(reasons: Iterable[Told]) -> str:
    return json.dumps([(told.code, told.field, told.text) for told in reasons], ensure_ascii=False)
