"""不动产单元代码, GB/T 37346-2019.

Twenty-eight characters in seven levels, without a check character: 6 county + 3 cadastral area + 3 sub-area + 2 kind of
parcel + 5 parcel (together 19, the parcel's code) + 1 kind of fixture + 8 fixture.

* Kind of parcel: G state, J collective, Z undetermined; then a letter for the right (B building land, C homestead …).  The
  second letter is not held to a list, because the edition of 2019 added some.
* Kind of fixture: F buildings (8 = 4 building + 4 unit), L woods, Q other; W none, followed by eight zeros.
"""

import re
from dataclasses import dataclass

from schemas.identifiers.finding import Finding, Problem

LENGTH = 28

_CHARACTERS_FORM = re.compile(r"[0-9]{12}[A-Z]{2}[0-9]{5}[A-Z][0-9]{8}")
_FORM = re.compile(r"[0-9]{12}[GJZ][A-Z][0-9]{5}(?:W00000000|[FLQ][0-9]{8})")

_LENGTH = Finding(Problem.LENGTH, "不动产单元代码应为28位", "a realty unit code has 28 characters")
_CHARACTERS = Finding(
    Problem.CHARACTERS,
    "不动产单元代码应为12位数字、2位字母、5位数字、1位字母、8位数字",
    "a realty unit code is 12 digits, 2 letters, 5 digits, 1 letter, 8 digits",
)
_STRUCTURE = Finding(
    Problem.STRUCTURE,
    "宗地特征码首位应为G、J、Z，定着物特征码应为F、L、Q，或W后接8个0",
    "the kind of parcel begins with G, J or Z; the kind of fixture is F, L, Q, or W followed by eight zeros",
)


@dataclass(frozen=True, slots=True)
class RealtyUnit:
    """The parts of a code."""

    county: str
    cadastral_area: str
    cadastral_subarea: str
    parcel_kind: str
    parcel_no: str
    fixture_kind: str
    fixture_no: str

    @property
    def code(self) -> str:
        """The whole code of 28 characters."""
        return (
            f"{self.county}{self.cadastral_area}{self.cadastral_subarea}{self.parcel_kind}{self.parcel_no}"
            f"{self.fixture_kind}{self.fixture_no}"
        )


def check(value: str) -> Finding | None:
    """Judge the structure of a code."""
    if _FORM.fullmatch(value) is not None:
        return None
    if len(value) != LENGTH:
        return _LENGTH
    return _CHARACTERS if _CHARACTERS_FORM.fullmatch(value) is None else _STRUCTURE


def parse(value: str) -> RealtyUnit:
    """The parts of a valid code.  Raises ValueError when it is not valid."""
    finding = check(value)
    if finding is not None:
        raise ValueError(finding.en)
    return RealtyUnit(value[:6], value[6:9], value[9:12], value[12:14], value[14:19], value[19], value[20:])
