"""What is wrong in a row."""

from dataclasses import dataclass

RowName = int | str


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong in a row (its number in a file, its key in a database). ``value`` is empty or masked where it must not be shown; ``code`` is admission's, if any."""

    row: RowName
    column: str
    value: str
    reason: str
    how: str
    code: str = ""
