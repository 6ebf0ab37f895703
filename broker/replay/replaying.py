"""Giving out chosen records of the log: to a terminal, a file, a command; at a bounded pace, and exactly once if kept.

A replay joins no consumer group and writes to no topic and no table but ``audit.replay``. In each partition records are
considered in offset order, so how far each has come says all: what is lasting is kept as *marks* of the target, together
with these positions, in one step (``keeping``).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from broker.errors import DecodeError
from broker.kafka import Connection, PartitionReader, Record, TopicPartition
from broker.replay.decoding import AnyDecoder, Opened
from broker.replay.masking import Presenting
from broker.replay.planning import Plan
from broker.replay.reading import read_out
from broker.replay.selecting import Matcher
from broker.replay.yielding import Paced
from broker.runner import Stop

_CHOSEN_BETWEEN_MARKS = 5_000
_READ_BETWEEN_MARKS = 200_000
_LOOK_UP_BYTES = 256 * 1024
_SCAN_BYTES = 1024 * 1024
"""No slower than sixteen times as much, which the broker must send at once while live records wait."""
_BEHIND_S = 0.02

Told = Callable[[int, int], None]
Marks = Mapping[str, int]
Positions = Mapping[TopicPartition, int]
Keep = Callable[[Positions, Marks, int], None]


class Chosen(NamedTuple):
    """A record that is given out; ``opened`` is None if it cannot be decoded, and ``problem`` says why."""

    record: Record
    opened: Opened | None
    problem: str | None


class Target(Protocol):
    """Where chosen records go."""

    def take(self, chosen: Chosen) -> None:
        """One record more."""

    def settle(self) -> Marks:
        """Make lasting what was taken, and say where that ends."""


class Readers(NamedTuple):
    """``near`` fetches little at a time, for single records; ``far`` much."""

    near: PartitionReader
    far: PartitionReader


@contextmanager
def scanning(connection: Connection) -> Iterator[PartitionReader]:
    """A reader without a consumer group that fetches much at a time. Raises AccessDenied or Unavailable."""
    with PartitionReader(connection, max_bytes=_SCAN_BYTES) as reader:
        yield reader


@contextmanager
def readers(connection: Connection, far: PartitionReader, plan: Plan) -> Iterator[Readers]:
    """With one for single records beside it, if the plan has any."""
    if not plan.looked_up:
        yield Readers(far, far)
        return
    with PartitionReader(connection, max_bytes=_LOOK_UP_BYTES) as near:
        yield Readers(near, far)


@dataclass(slots=True)
class Pace:
    """So many records a second at most, in small steps; 0: as fast as it goes."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _begun: float = 0.0
    _spent: int = 0

    def spend(self) -> None:
        """One record more; waits if that is too early."""
        if self.rate <= 0:
            return
        self._begun = self._begun or self.clock()
        self._spent += 1
        early = self._begun + self._spent / self.rate - self.clock()
        if early > _BEHIND_S:
            self.sleep(early)
        elif early < -1.0:
            # What could not be read in time is not made up for by a burst.
            self._begun, self._spent = self.clock(), 0


@dataclass(slots=True)
class Choosing:
    """From a record of the log to what is given out of it, its protected values as they may be shown."""

    matcher: Matcher
    decoder: AnyDecoder
    presenting: Presenting

    def chosen(self, record: Record) -> Chosen | None:
        """None if it is not chosen."""
        if not self.matcher.may(record):
            return None
        try:
            opened = self.decoder.open_newest(record.topic, record.value)
        except DecodeError as error:
            return None if self.matcher.decides_by_content else Chosen(record, None, str(error))
        if not self.matcher.chooses(record.topic, opened):
            return None
        shown = self.presenting.shown(record.topic, opened.schema, opened.body)
        return Chosen(record, Opened(opened.schema, shown), None)


@dataclass(slots=True)
class Replay:
    """One run. ``positions`` is how far each partition is considered, ``given`` how many records were given out."""

    choosing: Choosing
    target: Target
    pace: Paced
    keep: Keep
    positions: dict[TopicPartition, int]
    given: int = 0

    def run(self, sources: Readers, plan: Plan, stop: Stop, tell: Told = lambda _done, _of: None) -> bool:
        """Give out what is left of the plan; whether it came to the end before ``stop``. Raises as the reader."""
        left = plan.from_(self.positions)
        total, chosen_since, read_since = left.offsets, 0, 0
        for done, record in enumerate(_records(sources, left)):
            if stop.is_set():
                self._settle()
                return False
            self.pace.spend()
            chosen = self.choosing.chosen(record)
            if chosen is not None:
                self.target.take(chosen)
                self.given += 1
            self.positions[TopicPartition(record.topic, record.partition)] = record.offset + 1
            chosen_since, read_since = chosen_since + (chosen is not None), read_since + 1
            if chosen_since >= _CHOSEN_BETWEEN_MARKS or read_since >= _READ_BETWEEN_MARKS:
                chosen_since = read_since = 0
                self._settle()
            if done % 1000 == 0:
                tell(done, total)
        self.positions |= plan.ends
        self._settle()
        tell(total, total)
        return True

    def _settle(self) -> None:
        marks = self.target.settle()
        self.keep(self.positions, marks, self.given)


def _records(sources: Readers, plan: Plan) -> Iterator[Record]:
    for spans in plan.waves():
        yield from read_out(sources.near, spans)
    yield from read_out(sources.far, plan.scanned)
