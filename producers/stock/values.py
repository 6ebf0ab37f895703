"""How a cell's text becomes the value of a field: units, dates, numbers. Pure; no error holds the text itself."""

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

from schemas.said import said

UNITS = {"元": Decimal(1), "万元": Decimal(10_000), "亿元": Decimal(100_000_000), "平方米": Decimal(1)}
_DATE = re.compile(
    r"([0-9]{4})(?:年([0-9]{1,2})月([0-9]{1,2})日?|([-/.])([0-9]{1,2})\4([0-9]{1,2})|([0-9]{2})([0-9]{2}))"
)
_CLOCK = re.compile(r"[ T]?([0-9]{1,2})[:时]([0-9]{1,2})(?:[:分]([0-9]{1,2})?秒?)?")
_EXACT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)
_CHINA = timezone(timedelta(hours=8))
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
_HOW_DATE = said("write it as 2020-12-01, 2020/12/1, 2020.12.1, 20201201 or 2020年12月1日")


class BadCell(ValueError):
    """A cell that is no value of its field: what is wrong, and how to mend it."""

    def __init__(self, what: str, how: str) -> None:
        self.what = what
        self.how = how
        super().__init__(said("{what}; {how}", what=what, how=how))


def number(text: str, unit: str = "元") -> str:
    """The number in the unit of the field (元, 平方米), as plain decimal text. Raises BadCell."""
    bare = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    if not _NUMBER.fullmatch(bare):
        raise BadCell(
            said("no number"), said("write digits alone, such as 880000.00; the unit stands in the mapping")
        )
    try:
        scaled = Decimal(bare) * UNITS[unit]
    except InvalidOperation:
        raise BadCell(said("a number that is too long"), said("write at most 20 digits")) from None
    return f"{_trimmed(scaled):f}"


def day(text: str) -> str:
    """A day as 2020-12-01. Raises BadCell."""
    found = _DATE.fullmatch(text)
    # A spreadsheet writes a day with midnight behind it.
    if found is None and text.endswith((" 00:00:00", "T00:00:00")):
        found = _DATE.fullmatch(text[:-9])
    if found is None:
        raise BadCell(said("no date"), _HOW_DATE)
    return _day_of(found).isoformat()


def moment(text: str) -> str:
    """A moment of Chinese time with its offset; a day alone is its midnight. Raises BadCell.

    What a database writes (2020-12-01T02:30:00.25+00:00) is taken as exactly as it is.
    """
    if _EXACT.fullmatch(text):
        try:
            exact = datetime.fromisoformat(text)
        except ValueError:
            raise BadCell(
                said("a time that no day has"), said("write hours to 23, minutes and seconds to 59")
            ) from None
        return (exact if exact.tzinfo else exact.replace(tzinfo=_CHINA)).astimezone(_CHINA).isoformat()
    found = _DATE.match(text)
    if found is None:
        raise BadCell(said("no date"), _HOW_DATE)
    rest = text[found.end() :]
    clock = _CLOCK.fullmatch(rest) if rest else None
    if rest and clock is None:
        raise BadCell(
            said("a date with something that is no time behind it"), said("write it as 2020-12-01 10:30:00")
        )
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    on = _day_of(found)
    try:
        return datetime(on.year, on.month, on.day, hour, minute, second).isoformat() + "+08:00"  # noqa: DTZ001
    except ValueError:
        raise BadCell(
            said("a time that no day has"), said("write hours to 23, minutes and seconds to 59")
        ) from None


def _day_of(found: re.Match[str]) -> date:
    year, m1, d1, _, m2, d2, m3, d3 = found.groups()
    try:
        return date(int(year), int(m1 or m2 or m3), int(d1 or d2 or d3))
    except ValueError:
        raise BadCell(said("a date that no calendar has"), _HOW_DATE) from None


def _trimmed(value: Decimal) -> Decimal:
    # 88.50 万元 is 885000.00: zeros behind the point would be more decimals than the field has.
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
