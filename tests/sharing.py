"""Two processes share the tests between them (``make test``): tests mostly wait for servers, and two cores carry two stacks.

Tests that use the same stack stay in one process, or each would start that stack for itself. All else goes to the other:

python -m tests.sharing [options of pytest]     both parts beside each other, each line headed by its part
pytest --part exchange [...]                    one part alone
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import pytest

PARTS = ("exchange", "rest")
_NOTHING_COLLECTED = 5
# How pytest's summary begins the line of a test that did not pass, and how much of that line is told again at the end.
_NOT_PASSED = ("FAILED ", "ERROR ")
_TOLD_AGAIN = 240


def part_of(fixtures: Iterable[str], stack: str | None = None) -> str:
    """The part of a test with these fixtures; ``stack`` is what its mark names."""
    return "exchange" if stack == "exchange" or "deployed" in set(fixtures) else "rest"


def keep(items: list[pytest.Item], part: str) -> list[pytest.Item]:
    """Leave the tests of one part; gives those that were taken out."""
    parts = [(item, _part(item)) for item in items]
    items[:] = [item for item, own in parts if own == part]
    return [item for item, own in parts if own != part]


def _part(item: pytest.Item) -> str:
    mark = item.get_closest_marker("stack")
    return part_of(getattr(item, "fixturenames", ()), mark.args[0] if mark else None)


def main(options: list[str]) -> int:
    """Run both parts, and end with the first exit code that is not 0; a part without tests is no fault beside one that has."""
    running = [_started(part, options) for part in PARTS]
    not_passed: list[str] = []
    readers = [
        threading.Thread(target=_tell, args=(part, process.stdout, not_passed))
        for part, process in zip(PARTS, running, strict=True)
    ]
    for reader in readers:
        reader.start()
    codes = [process.wait() for process in running]
    for reader in readers:
        reader.join()
    # Last of all, since who reads a long log (or is shown only its end) starts there.
    print(*not_passed, sep="\n")
    print(" ".join(f"{part}: exit code {code}" for part, code in zip(PARTS, codes, strict=True)), flush=True)
    if set(codes) == {_NOTHING_COLLECTED}:
        return _NOTHING_COLLECTED
    return next((code for code in codes if code not in (0, _NOTHING_COLLECTED)), 0)


def _started(part: str, options: list[str]) -> "subprocess.Popen[str]":
    # Each has caches of its own: the two would write the same file.
    cache = f"cache_dir={Path('.pytest_cache') / part}"
    command = [sys.executable, "-m", "pytest", "--part", part, "-o", cache, *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _tell(part: str, lines: IO[str] | None, not_passed: list[str]) -> None:
    assert lines is not None
    for line in lines:
        if line.startswith(_NOT_PASSED):
            not_passed.append(line.rstrip()[:_TOLD_AGAIN])
        print(f"{part:>8} | {line}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
