"""The common fields of a record of ``exchange.*``, read from its bytes up to the last of them and no further."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.errors import ConfigError
from broker.routing.scan import NULL, Malformed, Scan, scanner, varint
from schemas.said import said

_HEADER_BYTES = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = ("event_id", "event_type", "entity_id", "county_code", "decision_id")
_MOMENT = "recorded_at"
SchemaOf = Callable[[int], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Head:
    """What every event says of itself. ``recorded_us`` is in microseconds since 1970 (UTC), None if it says none."""

    event_id: str
    event_type: str
    entity_id: str
    county_code: str
    decision_id: str
    recorded_us: int | None

    @property
    def recorded_at(self) -> datetime | None:
        """When the exchange decided it."""
        return None if self.recorded_us is None else _EPOCH + timedelta(microseconds=self.recorded_us)


def micros(moment: datetime) -> int:
    """An aware time in microseconds since 1970, as in the records."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class Heads:
    """Reads heads of one topic's records. ``schema_of`` gives the schema of a registry id, None if it stands for none."""

    def __init__(self, schema_of: SchemaOf) -> None:
        self._schema_of = schema_of
        self._plans: dict[bytes, _Plan | None] = {}

    def of(self, value: bytes | None) -> Head | None:
        """The head; None for bytes that are no record of the topic."""
        plan = self._plan(value or b"")
        try:
            return None if plan is None else plan.head(value or b"")
        except (IndexError, UnicodeDecodeError, Malformed):
            return None

    def recorded_us(self, value: bytes | None) -> int | None:
        """When the exchange decided it, in microseconds since 1970; None if the record does not say."""
        plan = self._plan(value or b"")
        try:
            return None if plan is None else plan.recorded_us(value or b"")
        except (IndexError, Malformed):
            return None

    def _plan(self, value: bytes) -> "_Plan | None":
        header = value[:_HEADER_BYTES]
        if header not in self._plans:
            sound = len(header) == _HEADER_BYTES and not header[0]
            schema = self._schema_of(int.from_bytes(header[1:], "big")) if sound else None
            self._plans[header] = None if schema is None else _Plan(schema)
        return self._plans[header]


class _Plan:
    """How the fields of one schema are passed over, up to the last that a head has."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        names = [field["name"] for field in schema["fields"]]
        missing = {*_TEXTS, _MOMENT} - set(names)
        if missing:
            raise ConfigError(
                said(
                    "{name} has no field {missing}: it is no event", name=schema["name"], missing=min(missing)
                )
            )
        last = max(names.index(name) for name in (*_TEXTS, _MOMENT))
        self._scans: list[Scan] = [scanner(field["type"], {}, None) for field in schema["fields"][: last + 1]]
        self._names = names[: last + 1]
        self._to_moment = self._scans[: names.index(_MOMENT) + 1]

    def head(self, value: bytes) -> Head:
        at, pieces = _HEADER_BYTES, []
        for scan in self._scans:
            at, piece = scan(value, at)
            pieces.append(piece)
        found = dict(zip(self._names, pieces, strict=True))
        event_id, event_type, entity_id, county_code, decision_id = (_text(found[name]) for name in _TEXTS)
        moment = _moment(found[_MOMENT])
        return Head(event_id, event_type, entity_id, county_code, decision_id, moment)

    def recorded_us(self, value: bytes) -> int | None:
        at, piece = _HEADER_BYTES, NULL
        for scan in self._to_moment:
            at, piece = scan(value, at)
        return _moment(piece)


def _text(piece: bytes) -> str:
    if piece == NULL:
        return ""
    start, size = varint(piece, 1)
    return piece[start : start + size].decode()


def _moment(piece: bytes) -> int | None:
    return None if piece == NULL else varint(piece, 1)[1]
