"""What a reader has taken: one line a batch, added when the batch stands. A line that a crash cut off does not count."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from broker.batches.disk import sync_folder
from broker.batches.format import Position


class Ledger:
    """The file ``state/taken.jsonl``. It grows by about 150 bytes a batch and is read line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self) -> Position | None:
        """The newest batch, or None before the first."""
        newest = None
        for newest in self._positions():  # noqa: B007 - the last one is wanted
            pass
        return newest

    def digest(self, sequence: int) -> str | None:
        """The manifest digest under which a number was taken; None if it is not known."""
        found = [position.digest for position in self._positions() if position.sequence == sequence]
        return found[-1] if found else None

    def add(self, position: Position, at: datetime) -> None:
        """Note a batch as taken; on the disk when this returns."""
        line = {"sequence": position.sequence, "manifest_sha256": position.digest, "taken_at": at.isoformat()}
        with self._path.open("ab") as file:
            # A line that was cut off must not swallow this one.
            lead = b"" if file.tell() == 0 or self._ends_whole() else b"\n"
            file.write(lead + json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._path.parent)

    def _ends_whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"

    def _positions(self) -> Iterator[Position]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    continue
                try:
                    found = json.loads(line)
                    yield Position(found["sequence"], found["manifest_sha256"])
                except (ValueError, KeyError, TypeError):
                    continue
