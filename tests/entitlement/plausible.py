"""Marked records that admission takes: examples in which every value is replaced that may be, by one that stands nowhere else.

Codes of code lists, yes and no, small numbers and shares stay as in the example: they cannot be told apart in bytes. All other
texts, numbers of documents and phones, amounts, areas, days and moments are marked.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from broker.protected import clear
from broker.query.cutting import plain
from broker.routing.scan import zigzag
from schemas.derive import Schema, is_protected, item_record, named_types, resolved
from tests.entitlement.markers import Mark

Record = dict[str, Any]

_FIRST_DAY, _FIRST_MOMENT = date(2031, 1, 1), datetime(2020, 6, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST = 8
_OTHER_DOCUMENT = "99"
_GROSS, _INNER, _MONEY, _PRICE = (Decimal(n) for n in ("400000", "180000", "40000000", "99000000"))
_KEPT_FORMATS = frozenset({"county", "uscc", "house_code", "uuid"})


@dataclass
class Markers:
    """Makes values that are nowhere else, and remembers for which field each was made."""

    token: str
    """Three letters or digits of this run."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def text(self, most: int) -> str:
        n = next(self._numbers)
        assert most >= _SHORTEST
        return f"mk{self.token}{n:03x}"

    def digits(self, width: int) -> str:
        return f"{int(self.token, 16) * 1000 + next(self._numbers):0{width}d}"

    def day(self) -> date:
        return _FIRST_DAY + timedelta(days=next(self._numbers))

    def moment(self) -> datetime:
        n = next(self._numbers)
        return _FIRST_MOMENT + timedelta(hours=n, microseconds=7919 * n + int(self.token, 16))

    def amount(self, base: Decimal, scale: int) -> Decimal:
        return base + Decimal(next(self._numbers)).scaleb(-scale)


@dataclass(frozen=True, slots=True)
class Published:
    """A marked record of one source, and who is interested in it beside those who see all."""

    source: str
    subject: str
    record: Record
    marks: tuple[Mark, ...]
    interested: frozenset[str]

    def text_of(self, path: str, role: str | None = None) -> str:
        """The marked value at a path, as text: that of the first item, or of the first with this role."""
        return next(m.in_json.decode() for m in self.marks if m.path == path and role in (None, m.role))


def plausible(
    markers: Markers,
    schema: Schema,
    subject: str,
    base: Record,
    *,
    interested: frozenset[str] = frozenset(),
    **given: Any,
) -> Published:
    """The example with marked values; ``given`` fields are as they are given and not marked."""
    maker = _Maker(markers, subject, schema)
    record = maker.record(schema, base, "", None, given)
    return Published(str(given["source"]), subject, record, tuple(maker.marks), interested)


class _Maker:
    def __init__(self, markers: Markers, subject: str, schema: Schema) -> None:
        self.marks: list[Mark] = []
        self._markers = markers
        self._subject = subject
        self._named = named_types(schema)

    def record(
        self, record: Schema, base: Mapping[str, Any], prefix: str, role: str | None, given: Mapping[str, Any]
    ) -> Record:
        made: Record = {}
        for one in record["fields"]:
            name = one["name"]
            if one.get("owner") == "exchange":
                made[name] = None
            elif name in given:
                made[name] = given[name]
            else:
                made[name] = self._field(one, base.get(name), prefix + name, role, made)
        return made

    def _field(self, field: Schema, base: Any, path: str, role: str | None, made: Record) -> Any:
        found = item_record(field["type"], self._named)
        if found is not None and found[1]:
            return [
                self.record(found[0], item, path + ".", item.get("role"), _kept(item)) for item in base or []
            ]
        type_ = resolved(field["type"], self._named)
        if is_protected(type_):
            return clear(self._marked(path, role, self._protected(field)))
        value = self._value(field, type_, base, path, made)
        return base if value is None else self._marked(path, role, value)

    def _protected(self, field: Schema) -> str:
        if field.get("format") == "phone":
            return "139" + self._markers.digits(8)
        return self._markers.text(field["max_length"])

    def _value(self, field: Schema, type_: Any, base: Any, path: str, made: Record) -> Any:
        """A marked value, or None: the field stays as it is."""
        logical = type_.get("logicalType") if isinstance(type_, dict) else type_
        if logical == "string":
            return self._text(field, base)
        if logical == "date":
            return self._markers.day()
        if logical == "timestamp-micros":
            return self._markers.moment()
        return self._amount(path, type_["scale"], made) if logical == "decimal" else None

    def _text(self, field: Schema, base: Any) -> str | None:
        form, most = field.get("format"), field.get("max_length", 0)
        if form == "case_no":
            return f"（2020）豫1402执{self._markers.digits(7)}号"
        if form == "realty_unit_no":
            return f"411402001003GB00012F{self._markers.digits(8)}" if base is not None else None
        if field["name"] == "doc_digest":
            return hashlib.sha256(self._markers.text(most).encode()).hexdigest()
        kept = "code_list" in field or form in _KEPT_FORMATS or most < _SHORTEST
        return None if kept else self._markers.text(most)

    def _amount(self, path: str, scale: int, made: Record) -> Decimal | None:
        name = path.rpartition(".")[2]
        if name in {"share", "longitude", "latitude"}:
            return None
        if name.endswith("shared_area"):
            return Decimal(made["gross_area"] - made["inner_area"])
        if name.endswith("area"):
            return self._markers.amount(_GROSS if "gross" in name else _INNER, scale)
        return self._markers.amount(_PRICE if name == "total_price" else _MONEY, scale)

    def _marked(self, path: str, role: str | None, value: Any) -> Any:
        text = plain(value)
        self.marks.append(Mark(self._subject, path, role, _in_avro(value), str(text).encode()))
        return value


def _kept(item: Mapping[str, Any]) -> dict[str, Any]:
    """Of an item: its role, another kind of document, whose numbers have no form, and no shares, which must add up."""
    kept = {name: item[name] for name in ("role", "party_kind") if name in item}
    shares = dict.fromkeys(("share", "share_text")) if "share" in item else {}
    return kept | shares | ({"id_type": _OTHER_DOCUMENT} if "id_type" in item else {})


def _in_avro(value: Any) -> bytes:
    """As it stands in a record's bytes; nothing for a day, whose three bytes can be there by chance."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, datetime):
        return zigzag((value - _EPOCH) // timedelta(microseconds=1))
    if isinstance(value, Decimal):
        unscaled = int(value.scaleb(2))
        return unscaled.to_bytes((unscaled.bit_length() + 7) // 8, "big")
    return b""
