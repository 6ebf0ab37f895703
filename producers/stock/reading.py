"""From the rows of a table to the events of those that are right; what is wrong with the others goes to the reject file."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any
from uuid import UUID

from producers.stock.convert import Converter
from producers.stock.rejects import RejectFile
from producers.stock.sheet import Row

WINDOW = 250


@dataclass(slots=True)
class Report:
    """What became of a table, in rows; ``reasons`` counts the defects and refusals by their text or code.

    rows = accepted + before + bad + refused + repeated (and in a check, rows = good + bad).
    """

    rows: int = 0
    good: int = 0
    accepted: int = 0
    before: int = 0
    refused: int = 0
    bad: int = 0
    repeated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        """Whether every row is accepted, now or before."""
        return not (self.bad or self.refused)


Progress = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class Try:
    """A row that is right, as the event of one try."""

    row: int
    row_id: bytes
    text_id: bytes
    event: dict[str, Any]


def check(converter: Converter, rows: Iterable[Row], rejects: RejectFile, progress: Progress) -> Report:
    """Read every row, and say what is wrong; nothing is sent."""
    report = Report()
    for chunk in windows(rows):
        report.good += sum(1 for _ in right(converter, chunk, rejects, report))
        progress(report)
    return report


def right(
    converter: Converter,
    rows: Iterable[Row],
    rejects: RejectFile,
    report: Report,
    text_ids: Mapping[int, bytes] = MappingProxyType({}),
) -> Iterator[Try]:
    """The rows that are right, as events; what is wrong with the others is written down. ``text_ids``: by row number."""
    for row in rows:
        report.rows += 1
        found = list(row.defects) or converter.convert(row.number, row.cells)
        if isinstance(found, dict):
            yield Try(row.number, UUID(found["event_id"]).bytes, text_ids.get(row.number, b""), found)
            continue
        report.bad += 1
        report.reasons.update(defect.code or defect.reason for defect in found)
        rejects.add(found)


def windows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists of bounded length."""
    remaining = iter(rows)
    while window := list(islice(remaining, WINDOW)):
        yield window
