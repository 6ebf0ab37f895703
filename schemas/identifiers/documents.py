"""Identity documents other than the citizen's card: passports, and those of 港澳台 residents and foreigners.

The forms are general knowledge, not taken from a standard's text, so they are wide: they find a number that was put in
the wrong field or cut short, no more.  Numbers are upper case.

* passport: 5 to 20 letters and digits, with at least one digit;
* 港澳居民来往内地通行证: H or M and 8 to 10 digits; 台湾居民来往大陆通行证: 8 or 10 digits;
* 港澳台居民居住证: 18 characters as a citizen's id, with region 810000, 820000 or 830000;
* identity cards of the regions themselves: Hong Kong ``A123456(7)``, Macao ``1234567(8)``, Taiwan ``A123456789``;
* 外国人永久居留身份证: three letters and 12 digits, or (since 2023) 18 characters that begin with 9.
"""

import re
from datetime import date

from schemas.identifiers import citizen_id
from schemas.identifiers.finding import Finding, Problem

REGIONS = ("810000", "820000", "830000")

_PASSPORT = re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{5,20}")
_PERMIT = re.compile(r"[HM][0-9]{8,10}|[0-9]{8}|[0-9]{10}")
_REGION_CARD = re.compile(r"[A-Z]{1,2}[0-9]{6}\(?[0-9A]\)?|[0-9]{7}\(?[0-9]\)?|[A-Z][0-9]{9}")
_RESIDENT_CARD = re.compile(r"[A-Z]{3}[0-9]{12}|9[0-9]{16}[0-9X]")

_PASSPORT_FORM = Finding(
    Problem.STRUCTURE,
    "护照号码应为5至20位大写字母和数字",
    "a passport number is 5 to 20 upper-case letters and digits",
)
_REGION_FORM = Finding(
    Problem.STRUCTURE,
    "不是港澳台居民通行证、居住证或身份证的号码形式",
    "not the form of a travel permit, residence permit or identity card of Hong Kong, Macao or Taiwan",
)
_RESIDENT_FORM = Finding(
    Problem.STRUCTURE,
    "不是外国人永久居留证的号码形式",
    "not the form of a foreigner's permanent residence card",
)


def check_passport(value: str) -> Finding | None:
    """Judge a passport number."""
    return None if _PASSPORT.fullmatch(value) else _PASSPORT_FORM


def is_residence_permit(value: str) -> bool:
    """Whether the value is a 港澳台居民居住证, which is checked as a citizen's id is."""
    return len(value) == 18 and value.startswith(REGIONS)


def check_region(value: str, as_of: date | None = None) -> Finding | None:
    """Judge a number of a Hong Kong, Macao or Taiwan resident: permit, residence permit or card."""
    if is_residence_permit(value):
        return citizen_id.check(value, as_of)
    return None if _PERMIT.fullmatch(value) or _REGION_CARD.fullmatch(value) else _REGION_FORM


def check_permanent_residence(value: str) -> Finding | None:
    """Judge a foreigner's permanent residence card."""
    return None if _RESIDENT_CARD.fullmatch(value) else _RESIDENT_FORM
