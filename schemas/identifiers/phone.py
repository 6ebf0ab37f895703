"""Telephone numbers.

A party's number is a mainland mobile (11 digits, ``1`` then 3-9), but companies give a fixed line, and people from abroad
a number with ``+`` and country code.  `check` takes all of these; `check_mobile` only the first.
"""

import re

from schemas.identifiers.finding import Finding, Problem

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_ANY = re.compile(
    r"1[3-9][0-9]{9}"  # mobile
    r"|0[0-9]{2,3}-?[2-9][0-9]{6,7}(?:-[0-9]{1,6})?"  # fixed line with area code, with or without an extension
    r"|[48]00-?[0-9]{3}-?[0-9]{4}"  # service number
    r"|\+[1-9][0-9]{5,14}"  # international, E.164
)

_MOBILE_FORM = Finding(
    Problem.STRUCTURE,
    "手机号应为11位，以13至19开头",
    "a mobile number has 11 digits and begins with 13 to 19",
)
_ANY_FORM = Finding(
    Problem.STRUCTURE,
    "电话应为11位手机号、带区号的固定电话（如0370-2222222）或带+国家码的号码",
    "a telephone number is a mobile of 11 digits, a fixed line with area code (0370-2222222), or + and country code",
)


def check_mobile(value: str) -> Finding | None:
    """Judge a mainland mobile number."""
    return None if _MOBILE.fullmatch(value) else _MOBILE_FORM


def check(value: str) -> Finding | None:
    """Judge a telephone number of any of the kinds above."""
    return None if _ANY.fullmatch(value) else _ANY_FORM
