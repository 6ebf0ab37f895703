"""What an identifier check finds wrong.

A check is a pure function ``check(value: str) -> Finding | None``: ``None`` means that the value satisfies its
standard.  A `Finding` never carries the value, nor a part of it, so that it can be logged, stored in a decision and
shown to anyone.
"""

from dataclasses import dataclass
from enum import StrEnum


class Problem(StrEnum):
    """The kind of defect, in the order in which the checks look for it."""

    LENGTH = "LENGTH"
    """Too short or too long."""
    CHARACTERS = "CHARACTERS"
    """A character that the standard's alphabet does not have at that place."""
    STRUCTURE = "STRUCTURE"
    """Right characters, but a part of the code has a value that the standard forbids."""
    DATE = "DATE"
    """A date inside the code does not exist, or lies in the future."""
    CHECK_DIGIT = "CHECK_DIGIT"
    """Everything fits but the check character: most often a typing error."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect, with a text in both languages that says where to look."""

    problem: Problem
    zh: str
    en: str
