"""房屋编码, JGJ/T 246-2012, and codes of other local schemes.

The standard's code has 26 characters: 9 region (6 county + 3 street or town) + 12 building + 4 unit + 1 check, by the
hybrid MOD 11,10 of ISO 7064 / GB/T 17710, in which ``*`` counts as 0.  The building is coded by one of four methods, and
the code does not say which:

* by completion: yyyyMM, its unknown tail as ``*`` (``199***``, ``2008**``, ``******``), + a sequence of 6, not 000000;
* by coordinates: 6 digits of X + 6 of Y;
* by parcel: 4 area + 4 parcel + 4 building, none of them 0000;
* by map sheet: 8 sheet + 4 building, not 0000.

So twelve digits always fit the second one, and a ``*`` can only come from the first.

**Other local codes** circulate (Beijing's 23 or 25 digits, Shenzhen's 25) and must be accepted without being mistaken
for this one.  They carry a tag: ``LOCAL:<scheme>:<code>``, where the scheme is 2 to 20 of ``A-Z 0-9 _ -``, beginning with a
letter, and the code is 1 to 70 of ``A-Z a-z 0-9 * . _ -``; at most 100 characters in all (the field's length in the national
standard).  Example: ``LOCAL:SQ-TEMP:411402-2020-00017``.  Nothing inside the code is checked, and the scheme is a part
of it: the same digits under two schemes are two houses.

Any single wrong digit is caught, but ``*`` for 0 is not (both count as 0).
"""

import re
from enum import StrEnum

from schemas.identifiers.finding import Finding, Problem

LENGTH = 26
MAX_LENGTH = 100
LOCAL_PREFIX = "LOCAL:"


class BuildingMethod(StrEnum):
    """The four ways of the standard to code a building."""

    COMPLETION = "COMPLETION"
    COORDINATES = "COORDINATES"
    PARCEL = "PARCEL"
    MAP_SHEET = "MAP_SHEET"


_FORM = re.compile(r"[0-9]{9}[0-9*]{12}[0-9]{5}")
_BODY = re.compile(r"[0-9*]{25}")
_LOCAL = re.compile(r"LOCAL:[A-Z][A-Z0-9_-]{1,19}:[A-Za-z0-9*._-]{1,70}")
_METHODS = {
    BuildingMethod.COMPLETION: re.compile(
        r"(?:[12][0-9]{3}(?:0[1-9]|1[0-2])|[12][0-9]{3}[01]\*|[12][0-9]{3}\*\*"
        r"|[12][0-9]{2}\*{3}|[12][0-9]\*{4}|[12]\*{5}|\*{6})(?!0{6})[0-9]{6}"
    ),
    BuildingMethod.COORDINATES: re.compile(r"[0-9]{12}"),
    BuildingMethod.PARCEL: re.compile(r"(?:(?!0000)[0-9]{4}){3}"),
    BuildingMethod.MAP_SHEET: re.compile(r"[0-9]{8}(?!0000)[0-9]{4}"),
}

_LENGTH = Finding(Problem.LENGTH, "房屋编码应为26位", "a house code has 26 characters")
_CHARACTERS = Finding(
    Problem.CHARACTERS,
    "房屋编码只含数字，星号只能出现在第10至21位",
    "a house code has digits only; an asterisk may stand in characters 10 to 21",
)
_BUILDING = Finding(
    Problem.STRUCTURE,
    "第10至21位不是四种幢编码方法中的任何一种",
    "characters 10 to 21 fit none of the four methods of coding a building",
)
_UNIT = Finding(
    Problem.STRUCTURE, "户代码不能为0000", "the unit's number (characters 22 to 25) cannot be 0000"
)
_CHECK = Finding(Problem.CHECK_DIGIT, "房屋编码校验码不符", "the check digit of the house code does not fit")
_TAG = Finding(
    Problem.STRUCTURE,
    "其他地方编码应写作 LOCAL:<编码体系>:<编码>",
    "a code of another local scheme is written LOCAL:<scheme>:<code>",
)


def check(value: str) -> Finding | None:
    """Judge a code of the standard, or the form of a tagged local one."""
    if value.startswith(LOCAL_PREFIX):
        return None if _LOCAL.fullmatch(value) else _TAG
    if len(value) != LENGTH:
        return _LENGTH
    if _FORM.fullmatch(value) is None:
        return _CHARACTERS
    return _check_parts(value)


def check_digit(body: str) -> str:
    """The check digit of the first 25 characters.  Raises ValueError when `body` has another form."""
    if _BODY.fullmatch(body) is None:
        raise ValueError("the body of a house code is 25 digits or asterisks")
    return _check_digit(body)


def building_methods(building: str) -> frozenset[BuildingMethod]:
    """The methods that the twelve characters of a building can have been coded by; none when they fit none."""
    return frozenset(method for method, form in _METHODS.items() if form.fullmatch(building))


def is_local(value: str) -> bool:
    """Whether the code belongs to another local scheme."""
    return value.startswith(LOCAL_PREFIX)


def local(scheme: str, code: str) -> str:
    """The tagged form of another scheme's code.  Raises ValueError when scheme or code cannot be written so."""
    value = f"{LOCAL_PREFIX}{scheme}:{code}"
    if check(value) is not None:
        raise ValueError(_TAG.en)
    return value


def _check_parts(value: str) -> Finding | None:
    # Twelve digits always fit the method of coordinates, so only an asterisk needs a look.
    if "*" in value and _METHODS[BuildingMethod.COMPLETION].fullmatch(value, 9, 21) is None:
        return _BUILDING
    if value[21:25] == "0000":
        return _UNIT
    return None if _check_digit(value[:25]) == value[25] else _CHECK


def _step(product: int, digit: int) -> int:
    """One step of MOD 11,10: (P + d) mod 10, where 0 is taken as 10, doubled, mod 11."""
    return ((product + digit) % 10 or 10) * 2 % 11


_STEPS = tuple(
    {character: _step(product, int(character) if character != "*" else 0) for character in "0123456789*"}
    for product in range(11)
)


def _check_digit(body: str) -> str:
    product = 10
    for character in body:
        product = _STEPS[product][character]
    return str((11 - product) % 10)
