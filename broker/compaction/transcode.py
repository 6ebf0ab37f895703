"""Avro bytes straight to COPY bytes: for each schema one generated function, with no Python value in between.

Decoding a sale with fastavro and encoding its rows with psycopg costs about 100 µs; most of that is making strings,
datetimes and decimals that are taken apart again at once. Text is UTF-8 in both forms, an envelope keeps its Avro form
as it is, and the numbers need a shift. So the function that ``compile_transcoder`` writes walks the bytes once and
cuts them up. It is strict as it goes: lengths and union branches in range, every byte consumed, canonical form only.

Shape of a generated function, for a record of one text, one nullable bigint and one party list::

    def transcode(b, i, main, parties):
        n = b[i]                                  # text: a length, then that many bytes
        if n & 129: n, i = length(b, i)           # two bytes or more, or negative
        else: n >>= 1; i += 1
        j = i + n; l0 = L[n]; v0 = b[i:j]; i = j
        ...
        main(b"".join((HEAD, l0, v0, v1, ...)))   # the row of the main table
        parties(rows)                             # and those of the children
        return v0, revision
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from broker.compaction import pgcopy, wire
from broker.compaction.fields import KEY, REVISION, Field, Kind, RecordFields, record_fields
from broker.compaction.tables import TableSpec
from broker.compaction.wire import Malformed
from broker.errors import ConfigError
from schemas.said import said

Append = Callable[[bytes], object]
Transcode = Callable[[bytes, int, list[bytes], Sequence[list[bytes]]], tuple[bytes, int]]
"""(value, where the body begins, rows of the main table, rows of each child table) -> (key, revision).

Appends the record's rows to the lists, all or none. Raises Malformed, or one of ``REFUSALS``.
"""

REFUSALS = (Malformed, IndexError, ValueError, OverflowError, struct.error)
"""What a transcoder raises for bytes that it does not take."""


def stage_columns(spec: TableSpec) -> tuple[str, ...]:
    """The columns of the staging table: the table's own, then the number of items of each party list."""
    return (*spec.columns, *(count_column(child.field) for child in spec.children))


def count_column(field: Field) -> str:
    """The staging column that holds how many items a party list has."""
    return f"n_{field.name}"


class NoPlace(ConfigError):
    """Records are written with a newer schema than the tables were made for."""


def compile_transcoder(writer: Mapping[str, Any], spec: TableSpec) -> Transcode:
    """A transcoder for records written with ``writer`` into the tables of ``spec``.

    Fields that the writer lacks get their default. Raises NoPlace if the writer has a field that the tables lack,
    or one of another type: then this release is older than the record, and going on would lose the field.
    """
    record = record_fields(writer, spec.list_keys)
    _check(record, spec)
    generator = _Generator(record, spec)
    code = compile(generator.source(), f"<transcoder of {record.name}>", "exec")
    namespace: dict[str, Any] = {}
    exec(code, _TOOLS | {"TYPES": generator.types, "NAMED": record.named}, namespace)  # noqa: S102 - our own text
    function: Transcode = namespace["transcode"]
    return function


def _check(record: RecordFields, spec: TableSpec) -> None:
    known = dict(spec.columns) | {child.field.name: child.field for child in spec.children}
    for field in record.fields:
        ours = known.get(field.name)
        if ours is None or not _same_shape(ours, field):
            raise NoPlace(
                said(
                    "the tables of {subject} have no place for {name}.{name2}: migrate them first",
                    subject=spec.subject,
                    name=record.name,
                    name2=field.name,
                )
            )
    order = [field.name for field in record.fields]
    lists = [order.index(field.name) for field in record.fields if field.kind is Kind.PARTIES]
    if lists and order.index(KEY) > min(lists):
        raise ConfigError(
            said("{name} must have its {key} before its party lists", name=record.name, key=KEY)
        )


def _same_shape(ours: Field, theirs: Field) -> bool:
    if (ours.kind, ours.precision, ours.scale) != (theirs.kind, theirs.precision, theirs.scale):
        return False
    items = {item.name: item for item in ours.items}
    return all(item.name in items and _same_shape(items[item.name], item) for item in theirs.items)


_TOOLS: dict[str, Any] = {
    "L": pgcopy.Lengths(),
    "N": pgcopy.NULL,
    "BOOLEAN": pgcopy.BOOLEAN,
    "long": wire.long,
    "length": wire.length,
    "strings": wire.strings,
    "plain": wire.plain,
    "Malformed": Malformed,
    "pg_long": pgcopy.long,
    "pg_integer": pgcopy.integer,
    "pg_timestamp": pgcopy.timestamp,
    "pg_date": pgcopy.date,
    "pg_numeric": pgcopy.numeric,
    "pg_text_array": pgcopy.text_array,
    "pg_jsonb": pgcopy.jsonb,
}
_NUMBERS = {
    Kind.LONG: "pg_long",
    Kind.INT: "pg_integer",
    Kind.TIMESTAMP: "pg_timestamp",
    Kind.DATE: "pg_date",
}
# Kinds whose bytes are cut out as they are: the length and the bytes are two pieces of the row.
_CUT_OUT = {Kind.TEXT, Kind.BYTES, Kind.ENVELOPE}
_LENGTH = ("n = b[i]", "if n & 129: n, i = length(b, i)", "else: n >>= 1; i += 1")


class _Generator:
    """Writes the text of one transcoder.

    Of the field with the index 7, ``v7`` is its COPY bytes (with their length in front, unless that is in ``l7``),
    ``w7`` its number, ``c7`` the count and ``r7`` the rows of a party list; the items' fields are 7_0, 7_1 …
    """

    def __init__(self, record: RecordFields, spec: TableSpec) -> None:
        self.types: dict[str, Any] = {}
        self._record = record
        self._spec = spec
        self._names = {field.name: str(n) for n, field in enumerate(record.fields)}
        self._lines: list[str] = []
        self._indent = 0

    def source(self) -> str:
        """The text of the function."""
        self._put("def transcode(b, i, main, children):")
        self._indent += 1
        for field in self._record.fields:
            self._read(field, self._names[field.name])
        self._put("if i != len(b): raise Malformed('bytes are missing or left over')")
        self._write_rows()
        self._put(f"return v{self._names[KEY]}, w{self._names[REVISION]}")
        return "\n".join(self._lines) + "\n"

    def _put(self, *lines: str) -> None:
        self._lines += ["    " * self._indent + line for line in lines]

    def _write_rows(self) -> None:
        lists = [self._names.get(child.field.name) for child in self._spec.children]
        pieces = _pieces(tuple(self._spec.columns.values()), self._names)
        pieces += ["pg_integer(0)" if name is None else f"pg_integer(c{name})" for name in lists]
        head = pgcopy.columns(len(stage_columns(self._spec)))
        self._put(f"main.append(b''.join(({head!r}, {', '.join(pieces)})))")
        self._put(*(f"children[{n}].extend(r{name})" for n, name in enumerate(lists) if name is not None))

    def _read(self, field: Field, name: str) -> None:
        if field.null_branch is None:
            self._read_value(field, name)
            return
        self._put("n = b[i]; i += 1")
        self._put(f"if n == {2 * field.null_branch}: {_null(field, name)}")
        self._put(f"elif n != {2 - 2 * field.null_branch}: raise Malformed('no such branch')")
        self._put("else:")
        self._indent += 1
        self._read_value(field, name)
        self._indent -= 1

    def _read_value(self, field: Field, name: str) -> None:
        match field.kind:
            case Kind.TEXT | Kind.BYTES:
                self._put(*_LENGTH, f"j = i + n; l{name} = L[n]; v{name} = b[i:j]; i = j")
            case Kind.ENVELOPE:
                self._put("s = i", *(*_LENGTH, "i += n") * 3, f"l{name} = L[i - s]; v{name} = b[s:i]")
            case Kind.LONG | Kind.INT | Kind.TIMESTAMP | Kind.DATE:
                self._put(f"w{name}, i = long(b, i); v{name} = {_NUMBERS[field.kind]}(w{name})")
            case Kind.BOOLEAN:
                self._put(f"v{name} = BOOLEAN[b[i]]; i += 1")
            case Kind.NUMERIC:
                self._put(*_LENGTH, f"j = i + n; v{name} = pg_numeric(b[i:j], {field.scale}); i = j")
            case Kind.TEXT_ARRAY:
                self._put(f"x, i = strings(b, i); v{name} = pg_text_array(x)")
            case Kind.JSON:
                self.types[name] = field.avro
                self._put(f"x, i = plain(b, i, TYPES[{name!r}], NAMED); v{name} = pg_jsonb(x)")
            case Kind.PARTIES:
                self._read_parties(field, name)

    def _read_parties(self, field: Field, name: str) -> None:
        columns = next(child.field.items for child in self._spec.children if child.field.name == field.name)
        names = {item.name: f"{name}_{n}" for n, item in enumerate(field.items)}
        key = self._names[KEY]
        head = pgcopy.columns(len(columns) + 2)
        self._put(f"r{name} = []; c{name}, i = length(b, i)", f"for p in range(c{name}):")
        self._indent += 1
        for item in field.items:
            self._read(item, names[item.name])
        pieces = ", ".join(_pieces(columns, names))
        self._put(f"r{name}.append(b''.join(({head!r}, l{key}, v{key}, pg_integer(p), {pieces})))")
        self._indent -= 1
        self._put(f"if c{name}:", "    if b[i]: raise Malformed('an array has several blocks')", "    i += 1")


def _null(field: Field, name: str) -> str:
    if field.name == REVISION:
        return "raise Malformed('no revision')"
    if field.kind is Kind.PARTIES:
        return f"c{name} = 0; r{name} = ()"
    return f"l{name} = N; v{name} = b''" if field.kind in _CUT_OUT else f"v{name} = N"


def _pieces(columns: Sequence[Field], names: Mapping[str, str]) -> list[str]:
    """The pieces of a row, in the order of the table's columns; what the writer lacks is a constant."""
    pieces: list[str] = []
    for column in columns:
        name = names.get(column.name)
        if name is None:
            pieces.append(repr(_default(column)))
        elif column.kind in _CUT_OUT:
            pieces += [f"l{name}", f"v{name}"]
        else:
            pieces.append(f"v{name}")
    return pieces


def _default(field: Field) -> bytes:
    """The COPY bytes of a field's default. Raises ConfigError for one that no released schema should have."""
    match field.default:
        case None:
            return pgcopy.NULL
        case bool(value) if field.kind is Kind.BOOLEAN:
            return pgcopy.BOOLEAN[value]
        case str(value) if field.kind is Kind.TEXT:
            raw = value.encode()
            return pgcopy.Lengths()[len(raw)] + raw
        case int(value) if field.kind is Kind.LONG:
            return pgcopy.long(value)
        case int(value) if field.kind is Kind.INT:
            return pgcopy.integer(value)
        case _:
            raise ConfigError(said("the default of {name} is not supported: use null", name=field.name))
