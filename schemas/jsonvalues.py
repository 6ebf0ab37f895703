"""The JSON form of single values, and the problems of reading them: see `schemas.jsonform`."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from schemas.files import CLEAR
from schemas.said import said

Read = Callable[[Any], Any]
Write = Callable[[Any], Any]

ENVELOPE = ("key_id", "nonce", "ciphertext")
"""The fields of a protected value, by which it is known."""

_SHOWN = 20
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_HOW_TIME = said('write it as "2020-12-01T10:00:00+08:00"')
_HOW_DECIMAL = said('write it as text, such as "880000.00"')
_KINDS = {str: "text", list: "a list", dict: "an object", **dict.fromkeys((int, float, Decimal), "a number")}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a path (``parties[0].name``; empty for the record itself), and how to mend it."""

    path: str
    what: str
    how: str

    def __str__(self) -> str:
        where = self.path or said("the record")
        return said("{where}: {what}; {how}", where=where, what=self.what, how=self.how)

    def under(self, step: str) -> "Problem":
        """The same problem, seen from the record that holds ``step``."""
        joint = "." if self.path and not self.path.startswith("[") else ""
        return Problem(f"{step}{joint}{self.path}", self.what, self.how)


class JsonFormError(ValueError):
    """A JSON value is not the form of a record of the schema. ``problems`` is all that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        rest = len(problems) - _SHOWN
        more = [f"and {rest} more"] if rest > 0 else []
        super().__init__("\n".join([*map(str, problems[:_SHOWN]), *more]))


@dataclass(frozen=True, slots=True)
class JsonForm:
    """The two directions for one schema. ``read`` raises JsonFormError; ``write`` trusts the record."""

    read: Read
    write: Write


def _kind(value: Any) -> str:
    """The kind of a JSON value, for messages: never the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return _KINDS.get(type(value), "something that is not JSON")


def bad(what: str, how: str) -> JsonFormError:
    return JsonFormError((Problem("", what, how),))


def wrong_kind(value: Any, wanted: str, how: str) -> JsonFormError:
    return bad(f"{_kind(value)} where {wanted} is needed", how)


def _read_text(value: Any) -> str:
    if type(value) is not str:
        raise wrong_kind(value, "text", "put it in quotes")
    if "\x00" in value:
        raise bad("text with a NUL character", "take the character out")
    if not value.isascii():
        _refuse_surrogates(value)
    return value


def _refuse_surrogates(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise bad("text that is not Unicode (a lone surrogate)", "send it as UTF-8") from None


def _read_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise wrong_kind(value, "true or false", "write true or false, without quotes")
    return value


def _integer_reader(bits: int) -> Read:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1

    def read(value: Any) -> int:
        if type(value) is not int:
            raise wrong_kind(value, "a whole number", "write digits without quotes and without a point")
        if not low <= value <= high:
            raise bad(f"a number beyond {bits} bits", "check the number")
        return value

    return read


def _read_bytes(value: Any) -> bytes:
    if type(value) is not str:
        raise wrong_kind(value, "base64 text", "encode the bytes in base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise bad("text that is not base64", "encode the bytes in base64") from None


def _write_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _read_date(value: Any) -> date:
    if type(value) is str and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise bad("a date that is not in the calendar", "check the day and the month") from None
    raise wrong_kind(value, "a date", 'write it as "YYYY-MM-DD"')


def _read_time(value: Any) -> datetime:
    match = _TIME.fullmatch(value) if type(value) is str else None
    if match is None:
        raise wrong_kind(value, "a time in ISO 8601", _HOW_TIME)
    if match[3] is None:
        raise bad("a time without an offset", _HOW_TIME)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad("a time that does not exist", "check the date, the hour and the offset") from None


def _write_time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without an offset depends on the zone of this host")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def decimal_reader(precision: int, scale: int) -> Read:
    unit = Decimal(1).scaleb(-scale)
    digits = precision - scale
    limit = Decimal(10) ** digits

    def read(value: Any) -> Decimal:
        number = _exact(value)
        # Beyond the limit quantize would need more digits than the context has, so this comes first.
        if abs(number) >= limit:
            raise bad(f"a number with more than {digits} digits before the point", "check the unit")
        rounded = number.quantize(unit)
        if rounded != number:
            raise bad(f"a number with more than {scale} decimals", f"give it to {scale} decimals")
        return rounded

    return read


def _exact(value: Any) -> Decimal:
    if type(value) is str and _NUMBER.fullmatch(value):
        return Decimal(value)
    if type(value) is int:
        return Decimal(value)
    if type(value) is Decimal and value.is_finite():
        return value
    if type(value) is float:
        # The shortest text that gives this float is what was written, if a float holds that many digits.
        number = Decimal(repr(value))
        if number.is_finite() and len(number.as_tuple().digits) <= 15:
            return number
        raise bad("a number that is not exact", _HOW_DECIMAL)
    raise wrong_kind(value, "a decimal number", _HOW_DECIMAL)


def decimal_writer(scale: int) -> Write:
    return lambda value: f"{value:.{scale}f}"


def _read_protected(value: Any) -> dict[str, Any]:
    if type(value) is str:
        return {"key_id": CLEAR, "nonce": b"", "ciphertext": _read_text(value).encode()}
    if type(value) is dict and value.keys() == set(ENVELOPE):
        nonce, ciphertext = _read_bytes(value["nonce"]), _read_bytes(value["ciphertext"])
        return {"key_id": _read_text(value["key_id"]), "nonce": nonce, "ciphertext": ciphertext}
    raise wrong_kind(value, "text", "put it in quotes")


def _write_protected(value: dict[str, Any]) -> Any:
    if value["key_id"] == CLEAR:
        return value["ciphertext"].decode()
    nonce, ciphertext = _write_bytes(value["nonce"]), _write_bytes(value["ciphertext"])
    return {"key_id": value["key_id"], "nonce": nonce, "ciphertext": ciphertext}


def _as_it_is(value: Any) -> Any:
    return value


LEAVES: dict[str, JsonForm] = {
    "string": JsonForm(_read_text, _as_it_is),
    "boolean": JsonForm(_read_boolean, _as_it_is),
    "int": JsonForm(_integer_reader(32), _as_it_is),
    "long": JsonForm(_integer_reader(64), _as_it_is),
    "bytes": JsonForm(_read_bytes, _write_bytes),
    "date": JsonForm(_read_date, date.isoformat),
    "timestamp-micros": JsonForm(_read_time, _write_time),
}
PROTECTED = JsonForm(_read_protected, _write_protected)
