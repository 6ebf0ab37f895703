"""公民身份号码, GB 11643-1999 (ISO 7064 MOD 11-2).

Eighteen characters: 6 address + 8 birth date + 3 sequence (odd male, even female) + 1 check (0-9 or X).

* The address code is that of the first issue, so withdrawn county codes are valid: no list is consulted.
* A lower-case ``x`` is read as ``X``; parties are matched on the upper-case form.
* The form of 15 digits (6 address + yyMMdd + 3 sequence, before 1999) is recognised, because old contracts carry it.
  It has no check digit.  It is converted on request only, never silently: one person under two numbers is an alias.

Any single wrong character, and any swap of two neighbours, is caught in the form of 18.
"""

import re
from datetime import date
from operator import mul

from schemas.identifiers.finding import Finding, Problem

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS = "10X98765432"
CENTENARIAN_SEQUENCES = ("996", "997", "998", "999")

_ASCII_ZERO = ord("0")
_OFFSET = _ASCII_ZERO * sum(WEIGHTS)
_MODERN = re.compile(r"[0-9]{17}[0-9Xx]")
_LEGACY = re.compile(r"[0-9]{15}")

_LENGTH = Finding(
    Problem.LENGTH, "公民身份号码应为18位（旧号15位）", "a citizen id has 18 characters (15 in its old form)"
)
_CHARACTERS = Finding(
    Problem.CHARACTERS,
    "公民身份号码只含数字，末位可为X",
    "a citizen id has digits only; its last character may be X",
)
_DATE = Finding(
    Problem.DATE, "第7至14位不是真实的出生日期", "characters 7 to 14 are not a real date of birth"
)
_LEGACY_DATE = Finding(
    Problem.DATE, "第7至12位不是真实的出生日期", "characters 7 to 12 are not a real date of birth"
)
_FUTURE = Finding(Problem.DATE, "出生日期晚于业务日期", "the date of birth lies in the future")
_CHECK = Finding(
    Problem.CHECK_DIGIT,
    "校验码不符，请核对证件原件",
    "the check character does not fit: compare with the document",
)


def check_digit(body: str) -> str:
    """The check character of the first 17 digits.  Raises ValueError when `body` is not 17 digits."""
    if len(body) != 17 or not (body.isascii() and body.isdigit()):
        raise ValueError("the body of a citizen id is 17 digits")
    return _check_character(body)


def check(value: str, as_of: date | None = None) -> Finding | None:
    """Judge a number in either form; a birth date after `as_of`, when that is given, is a finding."""
    if len(value) == 18:
        return _check_modern(value, as_of)
    if len(value) == 15:
        return _check_legacy(value, as_of)
    return _LENGTH


def is_legacy(value: str) -> bool:
    """Whether the value has the older form of 15 digits (its date is not judged)."""
    return _LEGACY.fullmatch(value) is not None


def to_modern(legacy: str) -> str:
    """The number of 18 that belongs to one of 15.

    The century is 19, but 18 for the sequences 996 to 999, which were kept for people over a hundred.
    Raises ValueError when `legacy` is not a valid number of 15 digits.
    """
    if not is_legacy(legacy) or check(legacy) is not None:
        raise ValueError("not a valid citizen id of 15 digits")
    body = legacy[:6] + _century(legacy) + legacy[6:]
    return body + check_digit(body)


def birth_date(value: str) -> date:
    """The date of birth in a valid number of either form.  Raises ValueError when there is none."""
    digits = _century(value) + value[6:12] if len(value) == 15 else value[6:14]
    return _date(digits)


def _check_modern(value: str, as_of: date | None) -> Finding | None:
    if _MODERN.fullmatch(value) is None:
        return _CHARACTERS
    try:
        born = _date(value[6:14])
    except ValueError:
        return _DATE
    if as_of is not None and born > as_of:
        return _FUTURE
    return None if _check_character(value[:17]) == value[17].upper() else _CHECK


def _check_legacy(value: str, as_of: date | None) -> Finding | None:
    if not is_legacy(value):
        return _CHARACTERS
    try:
        born = birth_date(value)
    except ValueError:
        return _LEGACY_DATE
    return _FUTURE if as_of is not None and born > as_of else None


def _check_character(body: str) -> str:
    return CHECK_CHARACTERS[(sum(map(mul, WEIGHTS, body.encode())) - _OFFSET) % 11]


def _century(legacy: str) -> str:
    return "18" if legacy[12:] in CENTENARIAN_SEQUENCES else "19"


def _date(digits: str) -> date:
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
