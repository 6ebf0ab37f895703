"""What is wrong in a row."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong in a row. ``value`` is empty or masked where it must not be shown; ``code`` is admission's, if any."""

    row: int
    column: str
    value: str
    reason: str
    how: str
    code: str = ""
