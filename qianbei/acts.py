"""What operators do that is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Act:
    """Who does it, and why."""

    operator: str
    reason: str
