"""Parquet: a folder of parts, as data tools read one table. It takes the optional package ``pyarrow``.

Columns have the types of the record's schema: decimals, dates, times in UTC, lists and nested records as such. A protected
value is its text, or ``***`` where it is encrypted. A part is whole or not there; the mark is how many there are.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from broker.errors import ConfigError
from broker.protected import UnreadableValue, present
from broker.replay.forms import PLACE, Writer, place
from broker.replay.masking import BLURRED
from broker.replay.replaying import Chosen
from schemas.derive import is_protected, named_types, resolved
from schemas.files import Schema
from schemas.said import said

_ROWS = 5_000
_PART = "part-{:06d}.parquet"


class Column(NamedTuple):
    """A type of Arrow, and how a value becomes one of it; None: as it is."""

    type: Any
    plain: Callable[[Any], Any] | None


def parquet(path: Path, schema: Schema | None, mark: int) -> Writer:
    """A folder of parts. Raises ConfigError if ``pyarrow`` is not installed."""
    return ParquetFolder(path, schema, mark)


class ParquetFolder:
    """The parts of one type of record."""

    def __init__(self, path: Path, schema: Schema | None, mark: int) -> None:
        self._arrow = _arrow()
        self._path = path
        self._parts = mark
        self._fields = _Columns(self._arrow, schema).fields(schema) if schema else {}
        self._rows: list[dict[str, Any]] = []
        path.mkdir(mode=0o700, exist_ok=True)
        for part in path.iterdir():
            if part.name >= _PART.format(mark):
                part.unlink()

    def write(self, chosen: Chosen) -> None:
        """See ``Writer``."""
        about = place(chosen.record) | {"at": chosen.record.appended_at, "problem": chosen.problem}
        body = None if chosen.opened is None else chosen.opened.body
        self._rows.append(about | _plain(self._fields, body))
        if len(self._rows) >= _ROWS:
            self._flush()

    def settle(self) -> int:
        """See ``Writer``."""
        self._flush()
        return self._parts

    def close(self) -> None:
        """See ``Writer``."""

    def _flush(self) -> None:
        if not self._rows:
            return
        from pyarrow import parquet as files  # noqa: PLC0415 - optional

        table = self._arrow.Table.from_pylist(self._rows, schema=self._schema())
        fresh, part = self._path / "part.new", self._path / _PART.format(self._parts)
        with fresh.open("wb") as file:
            files.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(0o600)
        fresh.replace(part)
        self._parts += 1
        self._rows = []

    def _schema(self) -> Any:
        arrow = self._arrow
        about = dict.fromkeys(PLACE, arrow.string()) | {
            "partition": arrow.int32(),
            "offset": arrow.int64(),
            "at": arrow.timestamp("ms", "UTC"),
            "problem": arrow.string(),
        }
        # The record's own fields stand beside its place; what is called the same begins with ``record_``.
        own = {_beside(name): column.type for name, column in self._fields.items()}
        return arrow.schema([arrow.field(name, kind) for name, kind in (about | own).items()])


def _plain(fields: dict[str, Column], body: dict[str, Any] | None) -> dict[str, Any]:
    return {
        _beside(name): _made(column, None if body is None else body[name]) for name, column in fields.items()
    }


def _beside(name: str) -> str:
    return f"record_{name}" if name in (*PLACE, "problem") else name


def _made(column: Column, value: Any) -> Any:
    return value if column.plain is None or value is None else column.plain(value)


class _Columns:
    """The columns of one schema."""

    def __init__(self, arrow: Any, schema: Schema) -> None:
        self._arrow = arrow
        self._named = named_types(schema)
        self._leaves = {
            "string": arrow.string(),
            "int": arrow.int32(),
            "long": arrow.int64(),
            "boolean": arrow.bool_(),
            "bytes": arrow.binary(),
            "date": arrow.date32(),
            "timestamp-micros": arrow.timestamp("us", "UTC"),
            "timestamp-millis": arrow.timestamp("ms", "UTC"),
        }

    def fields(self, schema: Schema) -> dict[str, Column]:
        return {field["name"]: self.column(field["type"]) for field in schema["fields"]}

    def column(self, type_: Any) -> Column:
        kind = resolved(type_, self._named)
        if isinstance(kind, str):
            return Column(self._leaves[kind], None)
        if is_protected(kind):
            return Column(self._arrow.string(), _text)
        if kind["type"] == "record":
            return self._record(kind)
        if kind["type"] == "array":
            return self._list(self.column(kind["items"]))
        if kind.get("logicalType") == "decimal":
            return Column(self._arrow.decimal128(kind["precision"], kind["scale"]), None)
        return self.column(kind.get("logicalType", kind["type"]))

    def _list(self, item: Column) -> Column:
        return Column(self._arrow.list_(item.type), lambda values: [_made(item, one) for one in values])

    def _record(self, kind: Schema) -> Column:
        fields = self.fields(kind)
        struct = self._arrow.struct([(name, column.type) for name, column in fields.items()])
        return Column(
            struct, lambda body: {name: _made(column, body[name]) for name, column in fields.items()}
        )


def _text(envelope: dict[str, Any]) -> str | None:
    """Null for what was erased."""
    try:
        return present(envelope)
    except UnreadableValue:
        return BLURRED


def _arrow() -> Any:
    try:
        import pyarrow  # noqa: ICN001, PLC0415 - optional, and large
    except ImportError:
        raise ConfigError(
            said("Parquet takes a package that is not installed: run `pip install 'qianbei[parquet]'`")
        ) from None
    return pyarrow
