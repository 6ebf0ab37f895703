"""A record as text: one JSON object a line, or one row of CSV."""

import csv
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, NamedTuple

from consumers.records import DepartmentRecord

PLACE = ("topic", "partition", "offset")


class Form(NamedTuple):
    """A file format: its suffix, what a file begins with for a record of these fields, and a record's line."""

    suffix: str
    head: Callable[[DepartmentRecord], str]
    line: Callable[[DepartmentRecord], str]


def as_object(record: DepartmentRecord) -> dict[str, Any]:
    """The record's place and its fields: money and areas as text, times in ISO 8601, UTC."""
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    return {"place": place, "record": {name: plain(value) for name, value in record.value.items()}}


def plain(value: Any) -> Any:
    """A value in JSON's types."""
    match value:
        case dict():
            return {name: plain(one) for name, one in value.items()}
        case list():
            return [plain(one) for one in value]
        case Decimal() | date():
            return str(value) if not isinstance(value, datetime) else value.isoformat().replace("+00:00", "Z")
        case bytes():
            return value.hex()
    return value


def _json_line(record: DepartmentRecord) -> str:
    return json.dumps(as_object(record), ensure_ascii=False) + "\n"


def _csv_head(record: DepartmentRecord) -> str:
    # Excel takes a file without this mark for the system's own encoding.
    return "\ufeff" + _csv_row([*PLACE, *record.value])


def _csv_line(record: DepartmentRecord) -> str:
    return _csv_row([record.topic, record.partition, record.offset, *map(_cell, record.value.values())])


def _cell(value: Any) -> Any:
    """Lists and nested records as JSON text; null as nothing."""
    found = plain(value)
    return json.dumps(found, ensure_ascii=False) if isinstance(found, dict | list) else found


def _csv_row(cells: list[Any]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


JSON_LINES = Form("jsonl", lambda _record: "", _json_line)
CSV = Form("csv", _csv_head, _csv_line)
