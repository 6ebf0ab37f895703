"""Records as JSON Lines or CSV, one file a topic and day, each record exactly once.

``<folder>/<topic>.2026-11-24.jsonl``; the day is that of the writing, in Asia/Shanghai. ``positions.json`` says how far
each partition is written and how long each file then was; what a crash left beyond that is cut off at the next start,
and read again. A topic that gains a field in the course of a day goes on in ``….2.csv``, since a CSV file has one head.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self
from zoneinfo import ZoneInfo

from broker.errors import ConfigError
from broker.kafka import TopicPartition
from consumers.delivery import BatchLost
from consumers.feed import Positions
from consumers.letters import Letter
from consumers.outputs.forms import Form
from consumers.records import DepartmentRecord
from consumers.target import OpenTarget, Target
from schemas.said import said

_ZONE = ZoneInfo("Asia/Shanghai")
_STATE, _LOCK = "positions.json", ".lock"
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(_ZONE)


def daily(folder: Path, form: Form, clock: Clock = _now) -> OpenTarget:
    """A target for ``Subscription.run_into``. Raises ConfigError if another process writes into the folder."""

    @contextmanager
    def opened() -> Iterator[Target]:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder), DailyFiles(folder, form, clock) as target:
            yield target

    return opened


@dataclass(slots=True)
class _Kept:
    """What is lasting: positions by ``topic/partition``, lengths by file, letters that were taken."""

    positions: dict[str, int] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    letters: list[str] = field(default_factory=list)


class DailyFiles:
    """The open files of one session."""

    def __init__(self, folder: Path, form: Form, clock: Clock) -> None:
        self._folder = folder
        self._form = form
        self._clock = clock
        self._opened = ExitStack()
        self._files: dict[str, BinaryIO] = {}
        self._heads: dict[str, str] = {}
        self._kept = _Kept()

    def __enter__(self) -> Self:
        self._kept = _read(self._folder / _STATE)
        for path in self._folder.glob(f"*.{self._form.suffix}"):
            with path.open("r+b") as file:
                file.truncate(self._kept.lengths.get(path.name, 0))
        return self

    def __exit__(self, *_error: object) -> None:
        self._opened.close()

    def claim(self, partitions: Iterable[TopicPartition]) -> Positions:
        """How far each partition is written. The lock has seen to it that nobody else writes here."""
        return {p: self._kept.positions.get(_name(p), 0) for p in partitions}

    def take(self, record: DepartmentRecord, letter: Letter | None) -> None:
        """Append the record to its file."""
        if letter is not None:
            place = f"{_name(letter.lies)}/{letter.offset}"
            if place in self._kept.letters:
                return
            self._kept.letters.append(place)
        with _disk(self._folder):
            self._file(record).write(self._form.line(record).encode())

    def keep(self, offsets: Positions) -> None:
        """Bring the files to the disk, then what says how long they are."""
        written = {
            name: file for name, file in self._files.items() if file.tell() != self._kept.lengths.get(name)
        }
        if not (offsets or written):
            return
        with _disk(self._folder):
            for name, file in written.items():
                file.flush()
                os.fsync(file.fileno())
                self._kept.lengths[name] = file.tell()
            self._kept.positions |= {_name(p): offset for p, offset in offsets.items()}
            _write(self._folder / _STATE, self._kept)
        self._forget_yesterday()

    def _file(self, record: DepartmentRecord) -> BinaryIO:
        head = self._form.head(record)
        for n in range(1, 1_000):
            name = self._file_name(record.topic, n)
            if name not in self._files:
                self._open(name, head)
            if self._heads[name] == head:
                return self._files[name]
        raise ConfigError(
            said(
                "{topic} changed its fields a thousand times in a day: look at what writes it",
                topic=record.topic,
            )
        )

    def _file_name(self, topic: str, n: int) -> str:
        number = "" if n == 1 else f".{n}"
        return f"{topic}.{self._clock():%Y-%m-%d}{number}.{self._form.suffix}"

    def _open(self, name: str, head: str) -> None:
        path = self._folder / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        file = self._opened.enter_context(os.fdopen(descriptor, "r+b"))
        file.seek(0)
        first = file.readline().decode() if head else ""
        file.seek(0, os.SEEK_END)
        if head and not first:
            file.write(head.encode())
        self._files[name], self._heads[name] = file, first or head

    def _forget_yesterday(self) -> None:
        today = f".{self._clock():%Y-%m-%d}."
        for name in [name for name in self._files if today not in name]:
            self._files.pop(name).close()


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """A disk that is full or gone is not the record's fault: the batch is given up, and cut off at the next start."""
    try:
        yield
    except OSError as error:
        raise BatchLost(
            said(
                "{folder} cannot be written ({strerror}): make room on its disk",
                folder=folder,
                strerror=error.strerror,
            )
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                said(
                    "another process writes into {folder}: give each its own folder, and its own group",
                    folder=folder,
                )
            ) from None
        yield


def _name(p: TopicPartition) -> str:
    return f"{p.topic}/{p.partition}"


def _read(path: Path) -> _Kept:
    if not path.exists():
        return _Kept()
    try:
        return _Kept(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise ConfigError(
            said("{path} is damaged: restore it, or move the whole folder away to begin anew", path=path)
        ) from None


def _write(path: Path, kept: _Kept) -> None:
    """In one step: a reader, or a crash, sees the old state or the new one."""
    state = {"positions": kept.positions, "lengths": kept.lengths, "letters": kept.letters}
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(state, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
