"""A replay into a folder: a file for each topic and type of record, and what is lasting of it.

``replay.json`` holds the positions and the files' marks, replaced in one step. Interrupted in any way, the same replay cuts
the files off there and goes on: no record is lost, none is there twice. At the end ``replay.json`` goes, so a folder without
it is whole.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from broker.batches.disk import TEMPORARY, write_whole
from broker.errors import ConfigError
from broker.kafka import TopicPartition
from broker.replay.forms import Open, Writer, avro, comma_separated, json_lines
from broker.replay.parquet import parquet
from broker.replay.replaying import Chosen, Marks, Positions
from schemas.said import said

FORMS: Mapping[str, Open] = {"jsonl": json_lines, "csv": comma_separated, "avro": avro, "parquet": parquet}
STATE = "replay.json"
_FRESH = f"{TEMPORARY}{STATE}"
_LOCK = ".lock"
UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True)
class State:
    """What is lasting of a replay: what it is of, up to where it goes, how far it is, how long its files are."""

    what: str
    ends: Mapping[TopicPartition, int]
    positions: Positions = field(default_factory=dict)
    marks: Marks = field(default_factory=dict)
    given: int = 0


class Folder:
    """The open files of a run. A target of ``Replay``."""

    def __init__(self, path: Path, form: str, marks: Marks) -> None:
        self._path = path
        self._form = form
        self._marks = dict(marks)
        self._writers: dict[str, Writer] = {}

    def take(self, chosen: Chosen) -> None:
        """Write it to its file."""
        name = self._name(chosen)
        with _on_disk(self._path):
            writer = self._writers.get(name) or self._opened(name, chosen)
            writer.write(chosen)

    def settle(self) -> Marks:
        """Bring all files to the disk."""
        with _on_disk(self._path):
            self._marks |= {name: writer.settle() for name, writer in self._writers.items()}
        return dict(self._marks)

    def close(self) -> None:
        """Let go of the files; what was not settled is no part of them."""
        for writer in self._writers.values():
            writer.close()

    def _opened(self, name: str, chosen: Chosen) -> Writer:
        schema = None if chosen.opened is None else chosen.opened.schema
        writer = FORMS[self._form](self._path / name, schema, self._marks.get(name, 0))
        self._writers[name] = writer
        return writer

    def _name(self, chosen: Chosen) -> str:
        topic, opened = chosen.record.topic, chosen.opened
        if opened is None:
            return f"{topic}.{UNDECODABLE}.{self._form}"
        return (
            f"{topic}.{opened.name}.{self._form}" if topic.startswith("intake.") else f"{topic}.{self._form}"
        )


@contextmanager
def folder(path: Path, form: str, marks: Marks) -> Iterator[Folder]:
    """The files of a replay. What a crash has left behind that was not lasting is removed first."""
    for file in path.glob(f"*.{form}"):
        if file.is_dir():
            continue
        if file.name in marks:
            os.truncate(file, marks[file.name])
        else:
            file.unlink()
    opened = Folder(path, form, marks)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """The folder, for one process. Raises ConfigError if another one holds it, or it cannot be written."""
    with _on_disk(path):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                said("another replay writes into {path}: name another folder", path=path)
            ) from None
        yield


def begun(path: Path, what: str) -> State | None:
    """What is lasting of this very replay; None if the folder is empty.

    Raises ConfigError if it holds anything else: a finished replay, another one, or no replay at all.
    """
    state = path / STATE
    if not state.exists():
        if any(one.name not in (_LOCK, _FRESH) for one in path.iterdir()):
            raise ConfigError(
                said(
                    "{path} is not empty, and holds no replay that could go on: name another folder",
                    path=path,
                )
            )
        return None
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
        read = State(
            found["what"],
            _by_partition(found["ends"]),
            _by_partition(found["positions"]),
            found["marks"],
            found["given"],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            said("{path} is damaged: name another folder, and begin anew", path=state)
        ) from None
    if read.what != what:
        raise ConfigError(
            said(
                "{path} holds another replay that did not end: repeat that one, or name another folder",
                path=path,
            )
        )
    return read


def keep(path: Path, state: State) -> None:
    """In one step: a crash sees the old state or the new one."""
    told = {
        "what": state.what,
        "ends": _by_name(state.ends),
        "positions": _by_name(state.positions),
        "marks": dict(state.marks),
        "given": state.given,
    }
    with _on_disk(path):
        write_whole(path / STATE, json.dumps(told).encode(), mode=0o600)


def end(path: Path) -> None:
    """Nothing is to go on any more."""
    (path / STATE).unlink(missing_ok=True)
    (path / _LOCK).unlink(missing_ok=True)


def _by_name(offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    return {f"{p.topic}/{p.partition}": offset for p, offset in offsets.items()}


def _by_partition(offsets: Mapping[str, int]) -> dict[TopicPartition, int]:
    named = ((name.rpartition("/"), offset) for name, offset in offsets.items())
    return {TopicPartition(topic, int(partition)): int(offset) for (topic, _, partition), offset in named}


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            said(
                "{path} cannot be written ({strerror}): make room on its disk",
                path=path,
                strerror=error.strerror,
            )
        ) from None
