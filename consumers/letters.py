"""Dead letters: what a department could not handle, kept in order in its own topic until it is handed over again.

``dlq.<department>`` is a log of four kinds of *letters*, told apart by the header ``qb_dlq_kind``:

============  =====================================================================================================
``held``      a record as it came (key, bytes, headers), with its place and the type of the error, never its text
``redrive``   someone asks that what is held of this key be handed over again
``redriven``  what is held of this key up to ``qb_dlq_through``, an offset of this topic, has been handled
``failed``    handing over failed again, at that letter: the key stays held, the request is done
============  =====================================================================================================

A key is *held* while a letter of it is. Held keys are those of one consumer group and one topic: what one program of a
department cannot handle, another may. All letters of a key lie in one partition, that of its records; so what is held
follows from reading that partition, whoever owns it now (``Holding``).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from broker.errors import ConfigError
from broker.kafka import Header, Outgoing, Record, TopicPartition
from schemas.said import said

_PREFIX = "qb_dlq_"
WAITING = "Waiting"
"""The error type of a record that did not fail: it waits behind one that did."""


class Kind(StrEnum):
    """What a letter says."""

    HELD = "held"
    REDRIVE = "redrive"
    REDRIVEN = "redriven"
    FAILED = "failed"


class HeldKey(NamedTuple):
    """A key of one topic, as one group reads it."""

    group: str
    topic: str
    key: bytes | None

    @property
    def name(self) -> str:
        """The key as text."""
        return (self.key or b"").decode(errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class Letter:
    """One record of the dead-letter topic. ``record`` is the original where the kind is HELD."""

    kind: Kind
    about: HeldKey
    lies: TopicPartition
    offset: int
    timestamp_ms: int
    error: str
    through: int
    record: Record

    @property
    def place(self) -> str:
        """Where the original lies, for messages; where it waits itself, in brackets."""
        first = f"{self.about.topic}/{self.record.partition} at offset {self.record.offset}"
        return f"{first} ({self.lies.topic}/{self.lies.partition} at offset {self.offset})"


# --- writing ----------------------------------------------------------------------------------------------------------


def held(topic: str, group: str, record: Record, error: str) -> Outgoing:
    """The letter that holds a record; ``error`` is an error's type, or WAITING."""
    own = _headers(
        Kind.HELD,
        group,
        record.topic,
        partition=str(record.partition),
        offset=str(record.offset),
        error=error,
    )
    return Outgoing(topic, record.partition, record.key, record.value, (*own, *record.headers))


def redrive(topic: str, partition: int, about: HeldKey) -> Outgoing:
    """The letter that asks for a key to be handed over again."""
    return Outgoing(topic, partition, about.key, None, _headers(Kind.REDRIVE, about.group, about.topic))


def redriven(letter: Letter) -> Outgoing:
    """The letter that says that a held one, and all of its key before it, has been handled."""
    return _answer(Kind.REDRIVEN, letter, "")


def failed(letter: Letter, error: str) -> Outgoing:
    """The letter that says that a held one failed again."""
    return _answer(Kind.FAILED, letter, error)


def _answer(kind: Kind, letter: Letter, error: str) -> Outgoing:
    about = letter.about
    headers = _headers(kind, about.group, about.topic, through=str(letter.offset), error=error)
    return Outgoing(letter.lies.topic, letter.lies.partition, about.key, None, headers)


def _headers(kind: Kind, group: str, topic: str, **more: str) -> tuple[Header, ...]:
    own = {"kind": kind.value, "group": group, "topic": topic} | more
    return tuple((_PREFIX + name, text.encode()) for name, text in own.items())


# --- reading ----------------------------------------------------------------------------------------------------------


def read(record: Record) -> Letter | None:
    """The letter of a record, None for what no subscription has written. Raises ConfigError for a broken letter."""
    if record.header(_PREFIX + "kind") is None:
        return None
    try:
        about = HeldKey(_text(record, "group"), _text(record, "topic"), record.key)
        original = Record(
            about.topic,
            int(_text(record, "partition") or record.partition),
            int(_text(record, "offset") or 0),
            record.timestamp_ms,
            record.key,
            record.value,
            tuple(header for header in record.headers if not header[0].startswith(_PREFIX)),
        )
        return Letter(
            Kind(_text(record, "kind")),
            about,
            TopicPartition(record.topic, record.partition),
            record.offset,
            record.timestamp_ms,
            _text(record, "error"),
            int(_text(record, "through") or -1),
            original,
        )
    except ValueError:
        raise ConfigError(
            said(
                "{topic}/{partition} at offset {offset} is a broken letter: only subscriptions and "
                "`qianbei dead-letters` may write to this topic",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )
        ) from None


def _text(record: Record, name: str) -> str:
    return (record.header(_PREFIX + name) or b"").decode()


# --- what is held -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Held:
    """What is held of one key: its letters by their offsets, in order."""

    letters: dict[int, Letter] = field(default_factory=dict)
    requested: bool = False
    failed: str = ""

    @property
    def first(self) -> Letter:
        """The letter that holds up the others."""
        return next(iter(self.letters.values()))


class Holding:
    """The held keys, folded from letters in the order of the log: the same for everyone who reads the same letters.

    ``ours`` says of which original partitions we want to know.
    """

    def __init__(self, ours: Callable[[HeldKey, int], bool] = lambda _about, _partition: True) -> None:
        self._ours = ours
        self._held: dict[HeldKey, Held] = {}

    def apply(self, records: Iterable[Record]) -> None:
        """Read on in the log. Raises ConfigError for a broken letter."""
        for record in records:
            letter = read(record)
            if letter is not None and self._ours(letter.about, letter.record.partition):
                self._apply(letter)

    def _apply(self, letter: Letter) -> None:
        if letter.kind is Kind.HELD:
            self._held.setdefault(letter.about, Held()).letters[letter.offset] = letter
            return
        held_now = self._held.get(letter.about)
        if held_now is None:
            return  # Asked for, or answered, where nothing is held: there is nothing to do.
        if letter.kind is Kind.REDRIVE:
            held_now.requested, held_now.failed = True, ""
        elif letter.kind is Kind.FAILED:
            held_now.requested, held_now.failed = False, letter.error
        else:
            for offset in [o for o in held_now.letters if o <= letter.through]:
                del held_now.letters[offset]
            if not held_now.letters:
                del self._held[letter.about]

    def of(self, about: HeldKey) -> Held | None:
        """What is held of a key; None if it is free."""
        return self._held.get(about)

    def has(self, about: HeldKey, offset: int) -> bool:
        """Whether the record at this original offset is held already."""
        found = self._held.get(about)
        return found is not None and any(one.record.offset == offset for one in found.letters.values())

    def requested(self) -> list[tuple[HeldKey, Held]]:
        """The keys that are to be handed over again."""
        return [(about, held_now) for about, held_now in self._held.items() if held_now.requested]

    def __iter__(self) -> Iterator[tuple[HeldKey, Held]]:
        return iter(list(self._held.items()))

    def __len__(self) -> int:
        """How many keys are held."""
        return len(self._held)

    @property
    def records(self) -> int:
        """How many records are held."""
        return sum(len(held_now.letters) for held_now in self._held.values())
