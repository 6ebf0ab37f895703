"""统一社会信用代码, GB 32100-2015, with the 组织机构代码 of GB 11714-1997 inside.

Eighteen characters of the alphabet 0-9 A-Z without I O S V Z: 1 department of registration + 1 category + 6 region
+ 9 organisation code + 1 check (modulo 31, weights 3^(i-1)).

Codes that were really issued fail the check (91350211M0000XUF46 computes R), so a mismatch is a warning, never a reason
to refuse.  Any single wrong character of a right code is found.
"""

import re
from enum import StrEnum
from operator import mul

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

#: From a character to one whose code point is its value, so that a whole code is weighed without a loop of ours.
_VALUES = str.maketrans({character: chr(value) for value, character in enumerate(ALPHABET)})
_ORGANISATION_VALUES = str.maketrans({c: chr(int(c, 36)) for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
_BODY = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{9}}")
_WHOLE = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}")
_ORGANISATION = re.compile(r"[0-9A-Z]{8}-?[0-9X]")
_ORGANISATION_BODY = re.compile(r"[0-9A-Z]{8}")


class Result(StrEnum):
    """What the check of a code says."""

    VALID = "VALID"
    """Right form, and both check characters (the outer and the organisation code's) fit."""
    CHECK_DIGIT_MISMATCH = "CHECK_DIGIT_MISMATCH"
    """Right form, but a check character does not fit: warn, never refuse."""
    MALFORMED = "MALFORMED"
    """Not eighteen characters of the alphabet, or the region is not digits."""


def check(value: str) -> Result:
    """Judge a code of 18 characters, upper case."""
    if _WHOLE.fullmatch(value) is None:
        return Result.MALFORMED
    fits = _check_character(value) == value[17] and _organisation_fits(value[8:17])
    return Result.VALID if fits else Result.CHECK_DIGIT_MISMATCH


def check_organisation(value: str) -> Result:
    """Judge a 组织机构代码 by itself: nine characters, with or without the hyphen before the check character."""
    if _ORGANISATION.fullmatch(value) is None:
        return Result.MALFORMED
    return Result.VALID if _organisation_fits(value.replace("-", "")) else Result.CHECK_DIGIT_MISMATCH


def check_digit(body: str) -> str:
    """The outer check character of the first 17.  Raises ValueError when `body` has another form."""
    if _BODY.fullmatch(body) is None:
        raise ValueError("the body of a unified social credit code is 17 characters of its alphabet")
    return _check_character(body)


def organisation_check_digit(body: str) -> str:
    """The check character of an organisation code's first 8 (GB 11714: A is 10, Z is 35; 10 is written X)."""
    if _ORGANISATION_BODY.fullmatch(body) is None:
        raise ValueError("the body of an organisation code is 8 digits or upper-case letters")
    return _organisation_check_character(body)


def _organisation_check_character(body: str) -> str:
    total = sum(map(mul, ORGANISATION_WEIGHTS, body.translate(_ORGANISATION_VALUES).encode()))
    return "0123456789X"[-total % 11]


def _check_character(value: str) -> str:
    # The weights are 17 and end the sum: the check character itself, if it is there, is not weighed.
    total = sum(map(mul, WEIGHTS, value.translate(_VALUES).encode()))
    return ALPHABET[-total % 31]


def _organisation_fits(code: str) -> bool:
    return _organisation_check_character(code) == code[8]
