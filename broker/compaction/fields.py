"""What an Avro record schema means to the fold: its fields, each with the kind of column that it becomes.

========================================  ==========================================================================
Avro                                      Postgres
========================================  ==========================================================================
string                                    text
long, int, boolean                        bigint, integer, boolean
bytes                                     bytea
bytes, decimal(p, s)                      numeric(p, s)
long, timestamp-micros                    timestamptz
int, date                                 date
record of key_id, nonce, ciphertext       bytea: the Avro encoding of that record (a protected value, an *envelope*)
array of string                           text[]
array of a record that has a *list key*   rows of a child table, one an item (a *party list*)
any other array or record                 jsonb: decimals as strings, bytes as hex, times and dates in ISO 8601
========================================  ==========================================================================

A list key is ``party_ref`` on the exchange; a department, which has none, may name others. ``[null, X]`` is X with
null allowed; other unions become jsonb. Everything else (maps, enums, floats) is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import fastavro

from broker.errors import ConfigError
from schemas.said import said

KEY = "entity_id"
REVISION = "revision"
EVENT_TYPE = "event_type"
PARTY_REF = "party_ref"
POSITION = "position"

_ENVELOPE = ("key_id", "nonce", "ciphertext")


class Kind(Enum):
    """How a field is kept in Postgres; the value is the column's type (numeric gets its precision and scale)."""

    TEXT = "text"
    LONG = "bigint"
    INT = "integer"
    BOOLEAN = "boolean"
    BYTES = "bytea"
    NUMERIC = "numeric"
    TIMESTAMP = "timestamptz"
    DATE = "date"
    ENVELOPE = "bytea (envelope)"
    TEXT_ARRAY = "text[]"
    JSON = "jsonb"
    PARTIES = "child table"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    ``null_branch`` is the index of null in the field's union, None if null is not allowed. ``avro`` is the type as
    parsed, without that null. ``default`` is the schema's, None where there is none. ``items`` are the fields of a
    party list's item, else empty.
    """

    name: str
    kind: Kind
    null_branch: int | None
    avro: Any
    default: Any = None
    doc: str = ""
    precision: int = 0
    scale: int = 0
    items: tuple["Field", ...] = ()


@dataclass(frozen=True, slots=True)
class RecordFields:
    """The fields of a record schema in the order of the wire, and the named types that its JSON fields refer to."""

    name: str
    fields: tuple[Field, ...]
    named: Mapping[str, Any]


def record_fields(schema: Mapping[str, Any], list_keys: Collection[str] = (PARTY_REF,)) -> RecordFields:
    """Read a record schema. Raises ConfigError if the fold cannot keep it."""
    parsed: Any = fastavro.parse_schema(dict(schema), _force=True)
    if parsed["type"] != "record":
        raise ConfigError(said("{parsed} is no record schema", parsed=parsed["type"]))
    named: dict[str, Any] = {}
    _collect(parsed, named)
    fields = tuple(_field(parsed["name"], raw, named, list_keys) for raw in parsed["fields"])
    by_name = {field.name: field for field in fields}
    for needed, kind in ((KEY, Kind.TEXT), (REVISION, Kind.LONG)):
        if needed not in by_name or by_name[needed].kind is not kind:
            raise ConfigError(
                said(
                    "{parsed} has no field {needed} of type {value}: it cannot be folded",
                    parsed=parsed["name"],
                    needed=needed,
                    value=kind.value,
                )
            )
    return RecordFields(parsed["name"], fields, named)


def _collect(avro: Any, named: dict[str, Any]) -> None:
    if isinstance(avro, list):
        for branch in avro:
            _collect(branch, named)
    elif isinstance(avro, dict) and avro["type"] == "record":
        named[avro["name"]] = avro
        for field in avro["fields"]:
            _collect(field["type"], named)
    elif isinstance(avro, dict) and avro["type"] == "array":
        _collect(avro["items"], named)


def _field(
    owner: str, raw: Mapping[str, Any], named: Mapping[str, Any], list_keys: Collection[str] = ()
) -> Field:
    avro, null_branch = _without_null(raw["type"])
    avro = named.get(avro, avro) if isinstance(avro, str) else avro
    where = f"{owner}.{raw['name']}"
    kind = _kind(where, avro, named)
    items: tuple[Field, ...] = ()
    if kind is Kind.JSON and (item := _item(avro, named)) and set(list_keys).intersection(_names(item)):
        kind = Kind.PARTIES
        items = tuple(_field(where, one, named) for one in item["fields"])
    scale = avro.get("scale", 0) if kind is Kind.NUMERIC else 0
    precision = avro["precision"] if kind is Kind.NUMERIC else 0
    return Field(
        raw["name"], kind, null_branch, avro, raw.get("default"), raw.get("doc", ""), precision, scale, items
    )


def _without_null(avro: Any) -> tuple[Any, int | None]:
    if not isinstance(avro, list):
        return avro, None
    others = [branch for branch in avro if branch != "null"]
    if len(others) == 1 and len(avro) == 2:
        return others[0], avro.index("null")
    return avro, None


def _resolved(avro: Any, named: Mapping[str, Any]) -> Any:
    return named.get(avro, avro) if isinstance(avro, str) else avro


_PRIMITIVES = {
    "string": Kind.TEXT,
    "long": Kind.LONG,
    "int": Kind.INT,
    "boolean": Kind.BOOLEAN,
    "bytes": Kind.BYTES,
}
_LOGICAL = {
    ("bytes", "decimal"): Kind.NUMERIC,
    ("long", "timestamp-micros"): Kind.TIMESTAMP,
    ("int", "date"): Kind.DATE,
    ("string", "uuid"): Kind.TEXT,
}


def _kind(where: str, avro: Any, named: Mapping[str, Any]) -> Kind:
    if isinstance(avro, list):
        for branch in avro:
            _kind(where, branch, named)
        return Kind.JSON
    if avro == "null":
        return Kind.JSON
    name = avro if isinstance(avro, str) else avro["type"]
    logical = avro.get("logicalType") if isinstance(avro, dict) else None
    if name in _PRIMITIVES:
        if logical is not None and (name, logical) not in _LOGICAL:
            raise ConfigError(
                said(
                    "{where}: the logical type {logical} of {name} is not supported",
                    where=where,
                    logical=logical,
                    name=name,
                )
            )
        return _LOGICAL.get((name, logical or ""), _PRIMITIVES[name])
    if name == "record":
        return Kind.ENVELOPE if _names(avro) == _ENVELOPE else Kind.JSON
    if name == "array":
        return _array_kind(where, _resolved(avro["items"], named), named)
    raise ConfigError(said("{where}: the Avro type {name} is not supported", where=where, name=name))


def _array_kind(where: str, items: Any, named: Mapping[str, Any]) -> Kind:
    if items == "string":
        return Kind.TEXT_ARRAY
    _kind(where, items, named)  # Refuses what jsonb cannot keep either.
    return Kind.JSON


def _item(avro: Any, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The record of which a type is a list; None for any other type."""
    if not isinstance(avro, dict) or avro["type"] != "array":
        return None
    item: Any = _resolved(avro["items"], named)
    return item if isinstance(item, dict) and item["type"] == "record" else None


def _names(record: Mapping[str, Any]) -> tuple[str, ...]:
    fields: Sequence[Mapping[str, Any]] = record["fields"]
    return tuple(field["name"] for field in fields)
