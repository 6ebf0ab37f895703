"""File formats of a replay. A file grows by what is lasting: its *mark* is where that ends, and a crash leaves no more.

Each record has its place beside it: topic, partition, offset, append time, key. All records of a file are of one type, in
its newest schema.
"""

import csv
import json
import os
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import fastavro

from broker.kafka import Record
from broker.replay.replaying import Chosen
from schemas.files import Schema
from schemas.jsonform import to_json

PLACE = ("topic", "partition", "offset", "at", "key")
_BLOCK_ROWS = 500
_MODE = 0o600


class Writer(Protocol):
    """One file that is open."""

    def write(self, chosen: Chosen) -> None:
        """One record more."""

    def settle(self) -> int:
        """Make lasting what was written; the mark."""

    def close(self) -> None:
        """Let go of it."""


Open = Callable[[Path, Schema | None, int], Writer]
"""Opens a file for records of a schema (None: of those that cannot be decoded), cut off at a mark; 0: anew."""


def place(record: Record) -> dict[str, Any]:
    """Where and when a record was appended; the time in ISO 8601, UTC."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "at": record.appended_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "key": None if record.key is None else record.key.decode(errors="backslashreplace"),
    }


def as_object(chosen: Chosen) -> dict[str, Any]:
    """A record as one object of JSON; what cannot be decoded has its problem and size instead."""
    if chosen.opened is None:
        found: dict[str, Any] = {"bytes": len(chosen.record.value or b""), "problem": chosen.problem}
    else:
        found = {"record": to_json(chosen.opened.schema, chosen.opened.body)}
    return place(chosen.record) | found


def json_line(chosen: Chosen) -> str:
    """The same as a line."""
    return json.dumps(as_object(chosen), ensure_ascii=False) + "\n"


class TextFile:
    """Lines, after a head that the first record does not bring itself."""

    def __init__(self, path: Path, mark: int, head: str, line: Callable[[Chosen], str]) -> None:
        self._file = cut_off(path, mark)
        self._line = line
        if not mark:
            self._file.write(head.encode())

    def write(self, chosen: Chosen) -> None:
        """See ``Writer``."""
        self._file.write(self._line(chosen).encode())

    def settle(self) -> int:
        """See ``Writer``."""
        return lasting(self._file)

    def close(self) -> None:
        """See ``Writer``."""
        self._file.close()


def json_lines(path: Path, _schema: Schema | None, mark: int) -> Writer:
    """JSON Lines, as ``qianbei tail --json`` writes them."""
    return TextFile(path, mark, "", json_line)


def comma_separated(path: Path, schema: Schema | None, mark: int) -> Writer:
    """CSV with a head: money and times as in the JSON form, lists and nested records as JSON text, null as nothing."""
    names = [field["name"] for field in schema["fields"]] if schema else []
    # Excel takes a file without this mark for the system's own encoding.
    return TextFile(
        path, mark, "\ufeff" + _row([*PLACE, *names, "problem"]), lambda one: _csv_line(one, names)
    )


def _csv_line(chosen: Chosen, names: list[str]) -> str:
    about = as_object(chosen)
    body: Mapping[str, Any] = about.get("record", {})
    cells = [*(about[name] for name in PLACE), *(_cell(body.get(name)) for name in names), chosen.problem]
    return _row(cells)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _row(cells: list[Any]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


class AvroFile:
    """An Avro object container: the record's own schema in the field ``record``, in blocks of some hundred."""

    def __init__(self, path: Path, schema: Schema | None, mark: int) -> None:
        self._path = path
        self._parsed: Any = fastavro.parse_schema(_container(schema), _force=True)
        self._rows: list[dict[str, Any]] = []
        self._file = cut_off(path, mark)
        if not mark:
            fastavro.writer(self._file, self._parsed, [], codec="deflate")

    def write(self, chosen: Chosen) -> None:
        """See ``Writer``."""
        record = chosen.record
        about = place(record) | {"at": record.appended_at}
        body = None if chosen.opened is None else chosen.opened.body
        self._rows.append(about | {"problem": chosen.problem, "record": body})
        if len(self._rows) >= _BLOCK_ROWS:
            self._flush()

    def settle(self) -> int:
        """See ``Writer``."""
        self._flush()
        return lasting(self._file)

    def close(self) -> None:
        """See ``Writer``."""
        self._file.close()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            fastavro.writer(self._file, self._parsed, rows, codec="deflate")


def avro(path: Path, schema: Schema | None, mark: int) -> Writer:
    """An Avro object container."""
    return AvroFile(path, schema, mark)


def _container(schema: Schema | None) -> Schema:
    return {
        "type": "record",
        "namespace": "cn.qianbei.replay",
        "name": "Replayed",
        "fields": [
            {"name": "topic", "type": "string"},
            {"name": "partition", "type": "int"},
            {"name": "offset", "type": "long"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "key", "type": ["null", "string"]},
            {"name": "problem", "type": ["null", "string"]},
            {"name": "record", "type": ["null", schema] if schema else "null"},
        ],
    }


def cut_off(path: Path, mark: int) -> BinaryIO:
    """The file, to be gone on with at its mark: what a crash has left behind that is no part of it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
    file = os.fdopen(descriptor, "r+b")
    file.truncate(mark)
    file.seek(mark)
    return file


def lasting(file: BinaryIO) -> int:
    """Bring a file to the disk; its length."""
    file.flush()
    os.fsync(file.fileno())
    return file.tell()
