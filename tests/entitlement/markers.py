"""Records in which every value says where it came from, as Avro has its bytes and as JSON has its text.

A text is ``{sale.parties.name.BUYER.7}``; a number, a day or a moment is one that stands nowhere else, and so large that its
bytes cannot be there by chance. A boolean cannot be told apart and carries no mark.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from broker.protected import clear
from broker.query.cutting import plain
from broker.routing.scan import zigzag
from schemas.codelists import code_list
from schemas.derive import Schema, item_record, named_types, resolved
from schemas.derive import is_protected as protects

_LAST_DAYS = date(9990, 1, 1)
_LAST_MOMENTS = datetime(2200, 1, 1, tzinfo=UTC)
_LARGE_INT, _LARGE_LONG = 2**30, 2**40
_EPOCH_DAY, _EPOCH = date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """A value that is nowhere else. ``role`` is that of the list item in which it stands, if it has one."""

    subject: str
    path: str
    role: str | None
    in_avro: bytes
    in_json: bytes

    @property
    def list(self) -> str:
        """The party list in which it stands, if it stands in one."""
        return self.path.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Marked:
    """A record of a subject, every field of it marked."""

    record: dict[str, Any]
    marks: tuple[Mark, ...]


def marked(subject: str, schema: Schema, **given: Any) -> Marked:
    """A record with no null in it. A list has an item for each role there is, one if its items have none.

    ``given`` are fields that are not to be marked.
    """
    marker = _Marker(subject, schema)
    record = marker.record(schema, "", None) | given
    return Marked(record, tuple(mark for mark in marker.marks if mark.path not in given))


class _Marker:
    def __init__(self, subject: str, schema: Schema) -> None:
        self.marks: list[Mark] = []
        self._subject = subject
        self._named = named_types(schema)

    def record(self, record: Schema, prefix: str, role: str | None) -> dict[str, Any]:
        return {f["name"]: self._field(f, prefix + f["name"], role) for f in record["fields"]}

    def _field(self, field: Schema, path: str, role: str | None) -> Any:
        found = item_record(field["type"], self._named)
        if found is None:
            return self._leaf(resolved(field["type"], self._named), path, role)
        inner, many = found
        if not many:
            return self.record(inner, path + ".", role)
        roles = self._roles(inner)
        return [
            self.record(inner, path + ".", one) | ({"role": one} if one is not None else {}) for one in roles
        ]

    @staticmethod
    def _roles(item: Schema) -> list[str | None]:
        known = "role" in {field["name"] for field in item["fields"]}
        return [*sorted(code_list("party_role").codes)] if known else [None]

    def _leaf(self, type_: Any, path: str, role: str | None) -> Any:
        if path.endswith(".role") and role is not None:
            return role
        if isinstance(type_, dict) and type_["type"] == "array":
            return [self._plain(type_["items"], path, role)]
        if protects(type_):
            return clear(self._plain("string", path, role))
        return self._plain(type_, path, role)

    def _plain(self, type_: Any, path: str, role: str | None) -> Any:
        n = len(self.marks) + 1
        logical = type_.get("logicalType") if isinstance(type_, dict) else None
        kind = type_["type"] if isinstance(type_, dict) else type_
        value, in_avro = _value(type_, logical or kind, n, f"{{{self._subject}.{path}.{role}.{n}}}")
        if in_avro:
            text = plain(value)
            in_json = text.encode() if isinstance(text, str) else str(text).encode()
            self.marks.append(Mark(self._subject, path, role, in_avro, in_json))
        return value


def _value(type_: Any, kind: str, n: int, text: str) -> tuple[Any, bytes]:
    if kind == "decimal":
        unscaled = _LARGE_INT + n if type_["precision"] > len(str(_LARGE_INT)) else _LARGE_INT // 2 + n
        return Decimal(unscaled).scaleb(-type_["scale"]), unscaled.to_bytes(4, "big")
    if kind == "date":
        day = _LAST_DAYS + timedelta(days=n)
        return day, zigzag((day - _EPOCH_DAY).days)
    if kind == "timestamp-micros":
        moment = _LAST_MOMENTS + timedelta(seconds=n)
        return moment, zigzag((moment - _EPOCH) // timedelta(microseconds=1))
    if kind in {"int", "long"}:
        number = n + (_LARGE_INT if kind == "int" else _LARGE_LONG)
        return number, zigzag(number)
    return (True, b"") if kind == "boolean" else (text, text.encode())


def shown_in(raw: bytes, marks: tuple[Mark, ...], *, json: bool) -> Iterator[Mark]:
    """The marks that are in these bytes."""
    return (mark for mark in marks if (mark.in_json if json else mark.in_avro) in raw)
