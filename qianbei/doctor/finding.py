"""What a check found."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.said import said


class Level(StrEnum):
    """OK; WARN, which will hurt one day; FAIL, which hurts now."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """``check`` names what was looked at, ``what`` says what is, ``how`` how it is mended (empty if all is well)."""

    check: str
    level: Level
    what: str
    how: str = ""

    def as_dict(self) -> dict[str, str]:
        """As JSON types."""
        return {"check": self.check, "level": self.level.value, "what": self.what, "how": self.how}


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, what)


def warn(check: str, what: str, how: str) -> Finding:
    """It will hurt one day."""
    return Finding(check, Level.WARN, what, how)


def fail(check: str, what: str, how: str) -> Finding:
    """It hurts now."""
    return Finding(check, Level.FAIL, what, how)


def some(names: Iterable[str], most: int = 4) -> str:
    """Names for a message, the rest counted."""
    ordered = sorted(names)
    first = ", ".join(ordered[:most])
    left = len(ordered) - most
    return said("{names} and {left} more", names=first, left=left) if left > 0 else first
