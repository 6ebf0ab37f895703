"""Check 2, fold: the newest revision of every entity on ``exchange.*``, and the rows that it must be in ``latest``.

What a field becomes in Postgres (``latest.<subject>``; a list of parties is a table of its own,
``latest.<subject>_<list>``, one row an item with ``position`` from 0):

* text, numbers, booleans, dates, times and decimals are themselves; a list of texts is ``text[]``;
* a protected value is the Avro encoding of its envelope;
* any other list or record is ``jsonb``: decimals as text, bytes as hex, dates and times in ISO 8601.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

from qianbei.verify.avro import (
    Readers,
    Record,
    Schema,
    is_envelope,
    is_record,
    items_of,
    meant,
    records_in,
)
from qianbei.verify.released import Complete, completing

Row = tuple[Any, ...]
Make = Callable[[Any], Any]


class Newest(NamedTuple):
    """The newest revision of an entity, undecoded."""

    revision: int
    partition: int
    offset: int
    value: bytes


class Fold:
    """Feed it every record of ``exchange.*``. It keeps the newest bytes of each entity, by topic."""

    def __init__(self) -> None:
        self.newest: dict[str, dict[str, Newest]] = {}

    def add(self, topic: str, entity_id: str, newest: Newest) -> None:
        """A revision of an entity."""
        known = self.newest.setdefault(topic, {})
        before = known.get(entity_id)
        if before is None or newest.revision > before.revision:
            known[entity_id] = newest


# --- rows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RowMakers:
    """Makes the rows of one schema's records for the columns that the tables have."""

    main: Callable[[Record], Row]
    children: Mapping[str, Callable[[Record], list[Row]]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a schema asks for: the columns of the main table, and those of each child table, by the list's name."""

    main: Mapping[str, Make | None]
    children: Mapping[str, Mapping[str, Make | None]]


def shape_of(schema: Schema) -> Shape:
    """The tables of a schema. A value's maker is None where the value is taken as it is."""
    named = records_in(schema)
    main: dict[str, Make | None] = {}
    children: dict[str, dict[str, Make | None]] = {}
    for one in schema["fields"]:
        type_ = meant(one["type"], named)
        item = items_of(type_, named)
        if is_record(item) and any(inner["name"] == "party_ref" for inner in item["fields"]):
            children[one["name"]] = {inner["name"]: _maker(inner["type"], named) for inner in item["fields"]}
        else:
            main[one["name"]] = _maker(one["type"], named)
    return Shape(main, children)


def _maker(avro: Any, named: Mapping[str, Schema]) -> Make | None:
    type_ = meant(avro, named)
    if is_envelope(type_):
        return envelope
    if is_record(type_) or items_of(type_, named) not in (None, "string") or isinstance(type_, list):
        return as_json
    return None


def row_makers(schema: Schema, columns: Sequence[str], children: Mapping[str, Sequence[str]]) -> RowMakers:
    """For the columns that the tables have; one that the schema lacks is null."""
    shape = shape_of(schema)
    return RowMakers(
        _row_maker(shape.main, columns),
        {name: _rows_maker(name, shape.children.get(name, {}), of) for name, of in children.items()},
    )


def _row_maker(makers: Mapping[str, Make | None], columns: Sequence[str]) -> Callable[[Record], Row]:
    known = tuple(name for name in columns if name in makers)
    values = itemgetter(*known) if len(known) > 1 else lambda record: tuple(record[name] for name in known)
    changed = [(known.index(name), make) for name in known if (make := makers[name])]
    places = [known.index(name) if name in makers else None for name in columns]
    complete = len(known) == len(columns)

    def row(record: Record) -> Row:
        found = values(record)
        if not changed and complete:
            return found
        made = list(found)
        for at, make in changed:
            if made[at] is not None:
                made[at] = make(made[at])
        return tuple(made) if complete else tuple(None if at is None else made[at] for at in places)

    return row


def _rows_maker(
    name: str, makers: Mapping[str, Make | None], columns: Sequence[str]
) -> Callable[[Record], list[Row]]:
    """Rows without the key and the position, which come first in a child table and are added here."""
    item_row = _row_maker(makers, columns)

    def rows(record: Record) -> list[Row]:
        items = record.get(name) or ()
        return [(record["entity_id"], position, *item_row(item)) for position, item in enumerate(items)]

    return rows


def envelope(value: Mapping[str, Any]) -> bytes:
    """The Avro encoding of a protected value: three texts or byte strings, each with its length before it."""
    parts = (value["key_id"].encode(), value["nonce"], value["ciphertext"])
    return b"".join(_length(len(part)) + part for part in parts)


def _length(number: int) -> bytes:
    rest, out = number << 1, bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def as_json(value: Any) -> Any:
    """A value in the JSON form of the tables."""
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


# --- what the tables must hold --------------------------------------------------------------------------------------


class Expected(NamedTuple):
    """One entity's rows, and where they come from."""

    entity_id: str
    partition: int
    offset: int
    main: Row
    children: Mapping[str, list[Row]]


def expected_rows(
    newest: Mapping[str, Newest],
    readers: Readers,
    schema: Schema,
    columns: Sequence[str],
    children: Mapping[str, Sequence[str]],
) -> Iterator[Expected]:
    """The rows of a subject's entities, in the byte order of their ids. ``schema`` is the subject's newest.

    Raises Unreadable.
    """
    makers = row_makers(schema, columns, children)
    completions: dict[int, Complete | None] = {}
    # Code points sort as their UTF-8 bytes do.
    for entity_id in sorted(newest):
        found = newest[entity_id]
        reader = readers.of(found.value)
        if reader.schema_id not in completions:
            completions[reader.schema_id] = completing(reader.schema, schema)
        record = reader.full(found.value)
        if complete := completions[reader.schema_id]:
            complete(record)
        rows = {name: make(record) for name, make in makers.children.items()}
        yield Expected(entity_id, found.partition, found.offset, makers.main(record), rows)
