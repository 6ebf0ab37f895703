"""Checks of single values: text, formats, and protected values.  None means that a value is right.

A *defect* is a reason's code with what more can be said of it; where it stands is known to the caller.  The functions
for right values are short, since they run for each field of each record; why a value is wrong is found out afterwards.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from broker.admission.reasons import Detail
from schemas.codelists import code_list
from schemas.identifiers import Finding, Problem, case_no, house_code, phone, realty_unit, uscc


class Defect(NamedTuple):
    """What is wrong with one value."""

    code: str
    detail: Detail | None = None


Check = Callable[[str], Defect | None]

#: Text longer than this is prose and may have line breaks; in shorter fields they spoil lists, logs and matching.
PROSE = 500

#: Control characters (Postgres cannot hold NUL), line separators, and marks that reverse the direction of writing,
#: with which a name can be made to look like another.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_FORBIDDEN_IN_PROSE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_CONTROL = Finding(
    Problem.CHARACTERS,
    "含有控制字符，请删除",
    "it holds a control character: take it out",
)
_TOO_SHORT = Finding(Problem.LENGTH, "长度不足", "it is too short")
_NO_UUID = Finding(
    Problem.STRUCTURE, "应为小写的UUID（8-4-4-4-12）", "it must be a UUID in lower case (8-4-4-4-12)"
)
UNREADABLE = Defect(
    "BAD_FORMAT",
    Finding(
        Problem.CHARACTERS,
        "受保护数据项应为明文UTF-8：key_id为clear，nonce为空",
        "a protected item is UTF-8 text in clear: key_id 'clear' and an empty nonce",
    ),
)


def text_defect(value: str, shortest: int, longest: int) -> Defect | None:
    """What is wrong with a text that the quick look of the caller found odd; None if it is right after all."""
    if shortest and not value.strip():
        return Defect("EMPTY_CORE_FIELD")
    if len(value) > longest:
        return Defect("TOO_LONG")
    forbidden = _FORBIDDEN_IN_PROSE if longest > PROSE else _FORBIDDEN
    if forbidden.search(value):
        return Defect("BAD_FORMAT", _CONTROL)
    return Defect("BAD_FORMAT", _TOO_SHORT) if len(value) < shortest else None


def _by(code: str, check: Callable[[str], Finding | None]) -> Check:
    def checked(value: str) -> Defect | None:
        finding = check(value)
        return None if finding is None else Defect(code, finding)

    return checked


def _uuid(value: str) -> Defect | None:
    return None if _UUID.fullmatch(value) else Defect("BAD_FORMAT", _NO_UUID)


def uscc_defect(value: str) -> Defect | None:
    """A warning for a code that fails its check, in form or digit: codes that were really issued do."""
    return None if uscc.check(value) is uscc.Result.VALID else Defect("USCC_CHECK")


def _county(value: str) -> Defect | None:
    return None if value in code_list("county") else Defect("UNKNOWN_CODE")


FORMATS: dict[str, Check] = {
    "case_no": _by("BAD_CASE_NO", case_no.check),
    "county": _county,
    "house_code": _by("BAD_HOUSE_CODE", house_code.check),
    "phone": _by("BAD_FORMAT", phone.check),
    "realty_unit_no": _by("BAD_REALTY_UNIT_NO", realty_unit.check),
    "uscc": uscc_defect,
    "uuid": _uuid,
}

#: The format of a number whose kind of document stands beside it; see ``checks_parties``.
ID_NO = "id_no"
