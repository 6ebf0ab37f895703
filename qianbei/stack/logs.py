"""What the end of a child's log says about why it failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL_BYTES = 16_384
LINE_CHARACTERS = 300

CAUSES: Sequence[tuple[str, str]] = (
    ("No space left on device", "the disk is full: free some space, then start again"),
    ("Address already in use", "another program took the port: stop it, then start again"),
    ("Cannot allocate memory", "free some memory, then start again"),
    ("OutOfMemoryError", "free some memory, then start again"),
    ("Too many open files", "raise the limit of open files (ulimit -n), then start again"),
)
"""Texts of the operating system in the logs of all three servers, and what to do about them."""


@dataclass(frozen=True)
class LogEnd:
    """The last line that says something, and how to mend a known cause (None: not a known one)."""

    last_line: str
    mend: str | None


def end_of_log(log: Path) -> LogEnd:
    """Look at the last lines of a log; a missing one says nothing."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _is_frame(line.strip())]
    mend = next((mend for sign, mend in CAUSES if sign in text), None)
    return LogEnd(lines[-1][:LINE_CHARACTERS] if lines else "", mend)


def _is_frame(line: str) -> bool:
    """A line of a Java stack trace that says only where: what happened stands above it."""
    return line.startswith("at ") or (line.startswith("... ") and line.endswith(" more"))
