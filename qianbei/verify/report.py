"""What a verification found: counts of what was compared, and violations with their places."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.said import said

SHOWN = 20
"""So many violations of a check are kept in full; all are counted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong. ``place`` is ``topic/partition@offset`` or a table; ``detail`` holds no personal value."""

    what: str
    place: str
    detail: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. ``compared`` is its main count: a check that compared nothing has not passed."""

    compared: int
    counts: Mapping[str, int]
    violations: tuple[Violation, ...]
    found: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether something was compared and nothing was wrong."""
        return self.compared > 0 and not self.found

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "ok": self.ok,
            "compared": self.compared,
            "counts": dict(self.counts),
            "violations_found": sum(self.found.values()),
            "found": dict(self.found),
            "violations": [{"what": v.what, "place": v.place, "detail": v.detail} for v in self.violations],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one run."""

    checks: Mapping[str, CheckResult]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks.values())

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        checks = {name: check.as_dict() for name, check in self.checks.items()}
        return {"ok": self.ok, "checks": checks, "seconds": round(self.seconds, 2)}


@dataclass(slots=True)
class Findings:
    """Gathers what one check counts and finds."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Violation] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, place: str, detail: str) -> None:
        """Note a violation."""
        self.found[what] += 1
        if len(self.kept) < SHOWN:
            self.kept.append(Violation(what, place, detail))

    def result(self, main: str) -> CheckResult:
        """The check's result; ``main`` names the count that must not be zero."""
        compared = self.counts[main]
        if not compared and not self.found:
            self.add(
                "NOTHING_COMPARED",
                "-",
                said("no {value} could be compared: is there any data?", value=main.replace("_", " ")),
            )
        return CheckResult(compared, dict(self.counts), tuple(self.kept), dict(self.found))


def place_of(topic: str, partition: int, offset: int) -> str:
    """A place in a topic, for people."""
    return f"{topic}/{partition}@{offset}"
