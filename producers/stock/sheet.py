"""Reading a table row by row, in bounded memory: CSV in UTF-8 or GB18030, and Excel (``.xlsx``).

Rows are numbered as a spreadsheet shows them: the header is row 1. A cell is text without blanks around it; an empty one is "".
What cannot be read as a cell is a defect of its row, so that one bad row does not stop the others; what makes the
whole file doubtful (no header, two columns of one name, a quote that is never closed) is a ConfigError.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any, Protocol
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from broker.errors import ConfigError
from producers.stock.defect import Defect
from schemas.said import said

ENCODINGS = ("utf-8", "gb18030")
_SAMPLE = 1024 * 1024
_EXACT_IN_EXCEL = 10**15
_SEPARATORS = ",\t;"
_LOST_DIGITS = Defect(
    0,
    "",
    "",
    said("a number of more than 15 digits, of which Excel has lost the last ones"),
    said("format the column as text and enter the digits again from the source"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row under its header. With ``defects`` it is not to be used."""

    number: int
    cells: Mapping[str, str]
    defects: tuple[Defect, ...] = ()


class Sheet(Protocol):
    """An open table. ``about`` says how it was read; ``fraction`` how far, from 0 to 1."""

    about: str
    header: tuple[str, ...]

    def rows(self) -> Iterator[Row]: ...

    def fraction(self) -> float: ...


@contextmanager
def open_sheet(path: Path, *, encoding: str | None = None, sheet: str | None = None) -> Iterator[Sheet]:
    """The table of a file: Excel by its ending ``.xlsx``, else CSV. Raises ConfigError."""
    if path.suffix.lower() == ".xls":
        raise ConfigError(said("{path} is in the old Excel form: save it as .xlsx or as CSV", path=path))
    if path.suffix.lower() != ".xlsx":
        with path.open("rb") as raw:
            yield _CsvSheet(path, raw, encoding)
        return
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise ConfigError(
            said("{path} cannot be read as an Excel file ({kind})", path=path, kind=type(error).__name__)
        ) from None
    try:
        yield _ExcelSheet(path, book, sheet)
    finally:
        book.close()


def detected(sample: bytes) -> str | None:
    """``utf-8``, else ``gb18030``, if the beginning of a file is valid in it; None if it is neither."""
    for encoding in ENCODINGS:
        try:
            sample.decode(encoding)
        except UnicodeDecodeError as error:
            # A character that the end of the sample cuts through says nothing.
            if error.start < len(sample) - 4:
                continue
        return encoding
    return None


class _CsvSheet:
    def __init__(self, path: Path, raw: IO[bytes], encoding: str | None) -> None:
        self._path = path
        self._raw = raw
        self._size = max(path.stat().st_size, 1)
        sample = raw.read(_SAMPLE)
        raw.seek(0)
        used = encoding or detected(sample)
        if used is None:
            raise ConfigError(said("{path} is neither UTF-8 nor GB18030: save it in one of them", path=path))
        self.about = f"CSV, {used.upper()} ({'as told' if encoding else 'detected'})"
        self._encoding = used
        first = sample.split(b"\n", 1)[0].decode(used, "replace")
        self._lines = csv.reader(self._text(), delimiter=max(_SEPARATORS, key=first.count))
        self.header = _header(path, next(self._read(), []))

    def _text(self) -> Iterator[str]:
        for n, line in enumerate(self._raw):
            # Undecodable bytes are kept as lone surrogates, so that the row that holds them can be named.
            text = line.decode(self._encoding, "surrogateescape")
            yield text.removeprefix("\ufeff") if n == 0 else text

    def rows(self) -> Iterator[Row]:
        for number, cells in enumerate(self._read(), start=2):
            if any(cells):
                yield self._row(number, cells)

    def _read(self) -> Iterator[list[str]]:
        try:
            for cells in self._lines:
                yield [cell.strip() for cell in cells]
        except csv.Error as error:
            raise ConfigError(
                said(
                    "{path}, line {line_num}: {error}. A quotation mark before it is probably not "
                    "closed: close it and run again, what is imported already is skipped",
                    path=self._path,
                    line_num=self._lines.line_num,
                    error=error,
                )
            ) from None

    def _row(self, number: int, cells: list[str]) -> Row:
        if len(cells) != len(self.header):
            reason = said("{cells} cells under {headers} headers", cells=len(cells), headers=len(self.header))
            how = said(
                "put quotation marks around cells that hold a separator, and add cells that are missing"
            )
            return Row(number, {}, (Defect(number, "", "", reason, how),))
        defects = tuple(
            Defect(
                number,
                name,
                "",
                said("bytes that are not {upper}", upper=self._encoding.upper()),
                said("enter the cell again"),
            )
            for name, cell in zip(self.header, cells, strict=True)
            if any("\udc80" <= c <= "\udcff" for c in cell)
        )
        return Row(number, dict(zip(self.header, cells, strict=True)), defects)

    def fraction(self) -> float:
        return self._raw.tell() / self._size


class _ExcelSheet:
    def __init__(self, path: Path, book: Any, sheet: str | None) -> None:
        if sheet is not None and sheet not in book.sheetnames:
            raise ConfigError(
                said(
                    "{path} has no sheet {sheet}; it has {sheetnames}",
                    path=path,
                    sheet=sheet,
                    sheetnames=", ".join(book.sheetnames),
                )
            )
        chosen = book[sheet] if sheet else book.worksheets[0]
        # Some programs write a wrong size into the file, and the reader would believe it.
        self._total = max(chosen.max_row or 1, 1)
        chosen.reset_dimensions()
        self.about = f"Excel, sheet {chosen.title}"
        self._rows = chosen.iter_rows(values_only=True)
        self._at = 1
        self.header = _header(path, [_text_of(cell) for cell in next(self._rows, ())])

    def rows(self) -> Iterator[Row]:
        for number, values in enumerate(self._rows, start=2):
            self._at = number
            if any(value is not None for value in values):
                yield self._row(number, values)

    def _row(self, number: int, values: tuple[Any, ...]) -> Row:
        beyond = [value for value in values[len(self.header) :] if value is not None]
        if beyond:
            return Row(number, {}, (_of(_LAST_COLUMN, number, ""),))
        filled = (*values, *[None] * (len(self.header) - len(values)))
        pairs = list(zip(self.header, filled, strict=False))
        defects = tuple(_of(_LOST_DIGITS, number, name) for name, value in pairs if _lost_digits(value))
        return Row(number, {name: _text_of(value) for name, value in pairs}, defects)

    def fraction(self) -> float:
        return min(self._at / self._total, 1.0)


_LAST_COLUMN = Defect(
    0, "", "", said("a cell beyond the last header"), said("give the column a header, or empty the cell")
)


def _of(pattern: Defect, row: int, column: str) -> Defect:
    return Defect(row, column, "", pattern.reason, pattern.how)


def _lost_digits(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _EXACT_IN_EXCEL


def _text_of(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case float() if math.isfinite(value):
            # 17 digits would show the binary fraction: 0.1 + 0.2 is 0.3 in the sheet.
            return (
                f"{value:.15g}"
                if abs(value) < _EXACT_IN_EXCEL and "e" not in f"{value:.15g}"
                else f"{value:f}"
            )
        case datetime():
            return value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value).strip()


def _header(path: Path, names: Iterable[str]) -> tuple[str, ...]:
    found = list(names)
    while found and not found[-1]:
        found.pop()
    if not any(found):
        raise ConfigError(
            said("{path} has no header: put the names of the columns into the first row", path=path)
        )
    # A column without a name may still hold something; the mapping can name it, or ignore it.
    named = tuple(name or f"第{n}列" for n, name in enumerate(found, start=1))
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise ConfigError(
            said(
                "{path} has the column {twice} twice: give each its own name",
                path=path,
                twice=", ".join(twice),
            )
        )
    return named
