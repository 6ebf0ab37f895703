"""The reject file: one line for each thing that is wrong, with where it stands and how to mend it. Never a personal value."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

from producers.stock.defect import Defect
from schemas.said import shown

HEADER = ("row", "column", "value", "reason", "how to mend", "code")


class RejectFile:
    """A CSV file in UTF-8 with a byte order mark, without which Excel takes it for the local encoding."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.written = 0

    def add(self, defects: Iterable[Defect]) -> None:
        """Write a line for each defect."""
        for defect in defects:
            self._writer.writerow([_plain(value) for value in astuple(defect)])
            self.written += 1


@contextmanager
def reject_file(path: Path) -> Iterator[RejectFile]:
    """A new reject file in place of an older one; it is removed again if nothing was wrong."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        rejects = RejectFile(writer)
        yield rejects
    if not rejects.written:
        path.unlink()


def _plain(value: object) -> str:
    text = shown(value)
    # A cell that begins like a formula would be run by the spreadsheet that opens the file.
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text
