"""Pages that show commands with their output: run as they stand, in one shell, and compared.

A block ```` ```console ```` holds commands, each after ``$ ``, and what they print. A line ``…`` stands for any lines. What is
another one each time is compared by its kind alone: times, ids, digests, places in a topic, and the amounts of what the
whole exchange holds.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_END = "<<end of output>>"
_PROGRESS = re.compile(r"━ +\d+% ")
_KINDS = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{16,}\b"), "<digest>"),
    (
        re.compile(
            r"(\b(?:exchange|intake|decision|dept)\.[a-z.]+[a-z](?:\.v\d+)?)([/ ])\d+(?:[@ /]\d+(?:[- ]\d+)?)?"
        ),
        r"\1\2<place>",
    ),
    (
        re.compile(
            r"\b\d[\d,.]*(?= (?:records in|records of|chains|rows of|checkpoints|decisions|taken|s)\b)"
        ),
        "<n>",
    ),
    (re.compile(r"\bafter -?\d+ up to \d+"), "<range>"),
    (re.compile(r" {2,}|\t"), " "),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command and the lines that the page shows of its output."""

    command: str
    shown: tuple[str, ...]


def steps(page: str) -> list[Step]:
    """Those of a page, in order."""
    found: list[Step] = []
    for block in _BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.rstrip("\n").split("\n")
            last = next(n for n, line in enumerate(lines) if not line.endswith("\\"))
            found.append(Step("\n".join(lines[: last + 1]), tuple(lines[last + 1 :])))
    return found


def kinds(line: str) -> str:
    """A line with the kind of what is another one each time."""
    for pattern, kind in _KINDS:
        line = pattern.sub(kind, line)
    return line.rstrip()


def told_apart(shown: Sequence[str], printed: Sequence[str]) -> str | None:
    """The first line of a page that is not printed in its place; None if all are."""
    left = [kinds(line) for line in printed]
    skipping = False
    for line in shown:
        if line.strip() == "…":
            skipping = True
            continue
        wanted = kinds(line)
        if wanted not in (left if skipping else left[:1]):
            return line
        left = left[left.index(wanted) + 1 :]
        skipping = False
    return None if skipping or not left else f"nothing more, but was told: {left[0]}"


class Shell:
    """One shell for all commands, so that what one sets the next one knows."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def run(self, command: str) -> list[str]:
        """The lines that a command writes, without bars of progress."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # Without a terminal a shell would let commands read what is left of the script.
        self._process.stdin.write(f"{{ {command}\n}} < /dev/null; echo; echo '{_END}'\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.rstrip("\n") == _END:
                return lines[:-1] if lines and not lines[-1] else lines
            if not _PROGRESS.search(line):
                lines.append(line.rstrip("\n"))
        raise AssertionError(f"the shell ended in {command!r}")


def shell_environment(own: Mapping[str, str], programs: Path) -> dict[str, str]:
    """For commands of this project: its programs first, English, wide lines, and nothing of the site's own environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QIANBEI_")}
    path = f"{programs}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return inherited | {"PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "COLUMNS": "120"} | dict(own)
