"""The fields of an Avro schema as the checks see them: kind, nullability, and the properties that they are held to.

Only the shapes of our own schemas are known: records, arrays, unions of null and one other type, and the envelope
`Protected`.  Anything else, a property that no check knows, or one that refers to a missing field, is a `ConfigError` when
the checks are compiled: a rule that nobody checks would otherwise look as if it were kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from broker.errors import ConfigError
from schemas.said import said

Schema = dict[str, Any]

#: ``max_years`` is a rule of law (a lease of at most twenty years), decided with the other rules.
ALSO_KNOWN = frozenset(
    {"name", "type", "doc", "default", "aliases", "order", "pinyin", "sharing", "max_years"}
)


class Kind(Enum):
    """What a field holds."""

    TEXT = auto()
    TEXTS = auto()
    """A list of strings."""
    PROTECTED = auto()
    AMOUNT = auto()
    """A decimal."""
    COUNT = auto()
    """An int or a long."""
    DATE = auto()
    TIMESTAMP = auto()
    RECORD = auto()
    RECORDS = auto()
    """A list of records."""
    OTHER = auto()


_ALL = frozenset(Kind)
_NUMBERS = frozenset({Kind.AMOUNT, Kind.COUNT})
_STRINGS = frozenset({Kind.TEXT, Kind.TEXTS})
_RECORDS = frozenset({Kind.RECORDS})

#: The properties that the checks act on, and what they can stand on.
CHECKED: Mapping[str, frozenset[Kind]] = {
    "at_most": _NUMBERS,
    "code_list": _STRINGS,
    "core": _ALL,
    "format": frozenset({Kind.TEXT, Kind.PROTECTED}),
    "max_items": _RECORDS,
    "max_length": _STRINGS | {Kind.PROTECTED},
    "min_items": _RECORDS,
    "min_length": _STRINGS | {Kind.PROTECTED},
    "non_negative": _NUMBERS,
    "not_before": frozenset({Kind.DATE, Kind.TIMESTAMP}),
    "owner": _ALL,
    "positive": _NUMBERS,
    "required_for": _ALL,
    "required_from": _ALL,
    "required_roles": _RECORDS,
    "roles": _RECORDS,
    "sum_of": frozenset({Kind.AMOUNT}),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.  ``item`` is the schema of a nested record, or of a list's items."""

    name: str
    kind: Kind
    nullable: bool
    properties: Mapping[str, Any]
    item: Schema | None = None

    def has(self, name: str) -> bool:
        """Whether a property is there and not false."""
        return bool(self.properties.get(name))


Named = dict[str, Schema]
"""The records met so far, by full and by simple name: a schema spells each out once and names it from then on."""


def fields_of(record: Schema, named: Named) -> tuple[Field, ...]:
    """The fields of a record's schema that its source fills in; those that the exchange owns are left out."""
    named[record["name"]] = named[_simple(record["name"])] = record
    fields = tuple(_field(raw, named) for raw in record["fields"])
    _know_all(record, fields)
    return tuple(field for field in fields if field.properties.get("owner") != "exchange")


def _field(raw: Schema, named: Named) -> Field:
    kind, nullable = _without_null(raw["type"])
    properties = {name: value for name, value in raw.items() if name not in ALSO_KNOWN}
    resolved = _resolve(kind, named)
    if isinstance(resolved, dict) and resolved["type"] == "array":
        item = _resolve(resolved["items"], named)
        holds_records = isinstance(item, dict) and item["type"] == "record"
        return Field(
            raw["name"], Kind.RECORDS if holds_records else Kind.TEXTS, nullable, properties, _record(item)
        )
    if isinstance(resolved, dict) and resolved["type"] == "record":
        protected = _simple(resolved["name"]) == "Protected"
        return Field(
            raw["name"], Kind.PROTECTED if protected else Kind.RECORD, nullable, properties, resolved
        )
    return Field(raw["name"], _kind(resolved), nullable, properties)


def _kind(resolved: Any) -> Kind:
    logical = resolved.get("logicalType") if isinstance(resolved, dict) else None
    base = resolved["type"] if isinstance(resolved, dict) else resolved
    if logical == "decimal":
        return Kind.AMOUNT
    if logical in {"date", "timestamp-micros"}:
        return Kind.DATE if logical == "date" else Kind.TIMESTAMP
    return {"string": Kind.TEXT, "int": Kind.COUNT, "long": Kind.COUNT}.get(base, Kind.OTHER)


def _without_null(kind: Any) -> tuple[Any, bool]:
    if not isinstance(kind, list):
        return kind, False
    branches = [branch for branch in kind if branch != "null"]
    if len(branches) != 1:
        raise ConfigError(
            said("a union of null and one type is expected, not of {count} types", count=len(branches))
        )
    return branches[0], len(branches) < len(kind)


def _resolve(kind: Any, named: Named) -> Any:
    if isinstance(kind, str):
        return named.get(kind, kind)
    if kind["type"] == "record":
        named[kind["name"]] = named[_simple(kind["name"])] = kind
        for field in kind["fields"]:
            inner, _ = _without_null(field["type"])
            _resolve(inner, named)
    elif kind["type"] == "array":
        _resolve(kind["items"], named)
    return kind


def _record(item: Any) -> Schema | None:
    return item if isinstance(item, dict) and item["type"] == "record" else None


def _simple(name: str) -> str:
    return name.rpartition(".")[2]


def _know_all(record: Schema, fields: tuple[Field, ...]) -> None:
    names = {field.name for field in fields}
    for field in fields:
        where = f"{record['name']}.{field.name}"
        for name in field.properties:
            if field.kind not in CHECKED.get(name, ()):
                raise ConfigError(
                    said(
                        "{where}: no check keeps the property {name} on {lower}",
                        where=where,
                        name=name,
                        lower=field.kind.name.lower(),
                    )
                )
        others = [field.properties.get(name) for name in ("not_before", "at_most")] + field.properties.get(
            "sum_of", []
        )
        if lost := sorted({other for other in others if other is not None} - names):
            raise ConfigError(
                said(
                    "{where} refers to {lost}, which the record does not have",
                    where=where,
                    lost=", ".join(lost),
                )
            )
