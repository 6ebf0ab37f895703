"""The reading end of a channel: batches in their order, each verified, taken once, and answered.

A batch is taken in these steps; whatever is killed between two of them is found and finished by the next ``look``:

1. its folder is moved to ``state/taking``, where no carrier writes, and read through;
2. the caller does what the batch is for;
3. answers and receipt are written to ``receipts/``;
4. the ledger notes the number and the manifest's digest: from here the batch is taken;
5. its folder, with a copy of the receipt, is moved to ``done/``.

Killed before 4, the batch is handed over again: the caller must bear that.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.batches.batch import (
    OpenBatch,
    changed_at,
    open_batch,
    require_content,
    require_name,
    require_sizes,
)
from broker.batches.disk import free_place, move, remove, write_whole
from broker.batches.errors import BadBatch, Incomplete
from broker.batches.folder import Folder
from broker.batches.format import MANIFEST, AnswersFile, Channel, Fault, Position, Receipt, parse_name
from broker.batches.ledger import Ledger
from broker.batches.planning import Do, Found, Step, Whole, plan
from broker.batches.receipts import AnswersWriter, give_back, keep_copy, put_receipt
from schemas.said import said

SETTLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller answers to a batch it has taken: how many records ended how, and maybe a file of answers."""

    outcomes: Mapping[str, int]
    answers: AnswersFile | None = None


@dataclass(slots=True)
class Look:
    """What one look at the inbox brought: the batch to take, if any, and sentences on the others."""

    batch: OpenBatch | None = None
    rejected: list[BadBatch] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def moved(self) -> bool:
        """Whether another look may bring something at once."""
        return self.batch is not None or bool(self.rejected) or bool(self.repeated)


class Inbox:
    """A reader's end. Use it in a ``with`` block; it locks the folder. Raises ConfigError where that cannot be used.

    ``settle_s``: how long a folder must be unchanged before what is missing in it counts as missing. ``begin_at``: the
    number to begin at where nothing was ever taken, for a reader that lost its state; the chain is then believed there.
    """

    def __init__(
        self,
        folder: Folder,
        channel: Channel,
        *,
        key: bytes | None = None,
        settle_s: float = SETTLE_S,
        begin_at: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.channel = channel
        self._key = key
        self._settle_s = settle_s
        self._begin_at = begin_at
        self._clock = clock
        self._ledger = Ledger(folder.taken)
        self._position: Position | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder.for_reader()
        with ExitStack() as stack:
            stack.enter_context(self.folder.locked())
            self._position = self._ledger.last()
            if self._position is None and self._begin_at > 1:
                self._position = Position(self._begin_at - 1, None)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    @property
    def position(self) -> Position | None:
        """The last batch that was taken."""
        return self._position

    # --- looking ----------------------------------------------------------------------------------------------------

    def look(self) -> Look:
        """Sort out what lies in the inbox, and give the next batch, verified, if it is there."""
        look = Look(batch=self._interrupted())
        if look.batch is not None:
            return look
        for name in self._strangers():
            self._reject(self.folder.inbox / name, None, _stranger(name, self.channel), look)
        for step in plan(self._found(), self.channel, self._position, self._ledger.digest, self._is_rejected):
            self._do(step, look)
        return look

    def _do(self, step: Step, look: Look) -> None:
        path = self.folder.inbox / step.name
        if step.do is Do.WAIT:
            look.waiting.append(str(step.why))
        elif step.do is Do.REPEAT:
            self._file(path, step.number)
            look.repeated.append(step.name)
        elif step.do is Do.REJECT:
            assert isinstance(step.why, BadBatch)
            self._reject(path, step.number, step.why, look)
        else:
            look.batch = self._take(path, step.number, look)

    def _take(self, path: Path, number: int, look: Look) -> OpenBatch | None:
        taking = self.folder.taking / path.name
        move(path, taking)
        try:
            return self._verified(taking, number)
        except BadBatch as error:
            self._reject(taking, number, error, look)
        except Incomplete as error:
            remove(taking)  # The carrier took its manifest away again in the meantime.
            look.waiting.append(str(error))
        return None

    def _interrupted(self) -> OpenBatch | None:
        """What a process that was killed had in its hands."""
        for path in sorted(self.folder.taking.iterdir()):
            named = parse_name(path.name)
            if named is not None and self._position is not None and named[1] <= self._position.sequence:
                self._file(path, named[1])
            elif (batch := self._still_good(path)) is not None:
                return batch
        return None

    def _still_good(self, path: Path) -> OpenBatch | None:
        """What cannot be gone on with goes back to the inbox, to be judged there; or gives way to a newer copy."""
        named, back = parse_name(path.name), self.folder.inbox / path.name
        try:
            if named is not None:
                return self._verified(path, named[1])
        except (BadBatch, Incomplete):
            pass
        remove(path) if back.exists() else move(path, back)
        return None

    def _verified(self, path: Path, number: int) -> OpenBatch:
        batch = open_batch(path, self._key)
        require_name(batch, self.channel, number)
        require_sizes(batch)
        require_content(batch)
        return batch

    def _found(self) -> Iterator[Found]:
        following = self._begin_at if self._position is None else self._position.sequence + 1
        for path in self.folder.inbox.iterdir():
            named = parse_name(path.name)
            if named is not None and named[0] == self.channel.name:
                early = named[1] > following
                yield Found(path.name, named[1], None) if early else self._glance(path, named[1])

    def _glance(self, path: Path, number: int) -> Found:
        settled = not 0 <= self._clock() - changed_at(path) < self._settle_s
        try:
            batch = open_batch(path, self._key)
            require_name(batch, self.channel, number)
            require_sizes(batch)
        except (BadBatch, Incomplete) as error:
            return Found(path.name, number, error, settled)
        return Found(path.name, number, Whole(batch.digest, batch.manifest.previous), settled)

    def _strangers(self) -> list[str]:
        names = [path.name for path in self.folder.inbox.iterdir()]
        return [name for name in names if (named := parse_name(name)) and named[0] != self.channel.name]

    # --- the end of a batch -----------------------------------------------------------------------------------------

    @contextmanager
    def answering(self, batch: OpenBatch) -> Iterator[AnswersWriter]:
        """A file of answers in the making, one JSON object a line."""
        path = self.folder.state / self.channel.answers(batch.manifest.sequence)
        with AnswersWriter.opened(path) as writer:
            yield writer

    def done(self, batch: OpenBatch, answer: Answer) -> Receipt:
        """Steps 3 to 5: the batch stands."""
        manifest = batch.manifest
        receipt = self._receipt(manifest.sequence, batch.digest, manifest.records, answer)
        put_receipt(self.folder, receipt, self._key)
        keep_copy(self.folder, self.channel, manifest.sequence, batch.path)
        position = Position(manifest.sequence, batch.digest)
        self._ledger.add(position, receipt.written_at)
        self._position = position
        self._file(batch.path, manifest.sequence)
        return receipt

    def reject(self, batch: OpenBatch, error: BadBatch) -> Look:
        """Put a batch away whose content turned out to be wrong only when it was used."""
        look = Look()
        self._reject(batch.path, batch.manifest.sequence, error, look)
        return look

    def taken(self) -> Iterator[OpenBatch]:
        """The batches that still lie in ``done/``, verified again, in order. Raises BadBatch."""
        for path in sorted(self.folder.done.iterdir()):
            named = parse_name(path.name)
            if named is not None and named[0] == self.channel.name:
                yield self._verified(path, named[1])

    def _receipt(self, number: int, digest: str, records: int, answer: Answer) -> Receipt:
        return Receipt(
            direction=self.channel.direction,
            channel=self.channel.name,
            sequence=number,
            manifest_sha256=digest,
            outcome="TAKEN",
            written_at=self._now(),
            records=records,
            outcomes=dict(answer.outcomes),
            answers=answer.answers,
        )

    def _file(self, path: Path, number: int) -> None:
        """Into ``done/``; if it is there already, the one that came again goes, and its receipt is put out again."""
        target = self.folder.done / path.name
        if target.exists() and _same_manifest(path, target):
            remove(path)
        else:
            if target.exists():  # of a chain that was given up: both are kept
                move(target, free_place(self.folder.done, path.name))
            move(path, target)
        give_back(self.folder, self.channel, number, target)

    def _reject(self, path: Path, number: int | None, error: BadBatch, look: Look) -> None:
        place = free_place(self.folder.rejected, path.name)
        fault = Fault(code=error.code, what=f"{error.where}: {error.what}", how=error.how)
        # The reason first: a batch in rejected/ without one would be a riddle.
        reason = {**fault.model_dump(), "batch": path.name, "rejected_at": self._now().isoformat()}
        write_whole(
            place.with_name(place.name + ".reason.json"),
            json.dumps(reason, ensure_ascii=False, indent=1).encode(),
        )
        move(path, place)
        # What was taken keeps its receipt, whatever comes later under its number.
        if number is not None and number > (self._position.sequence if self._position else 0):
            put_receipt(self.folder, self._refusal(number, fault), self._key)
        look.rejected.append(error)

    def _refusal(self, number: int, fault: Fault) -> Receipt:
        return Receipt(
            direction=self.channel.direction,
            channel=self.channel.name,
            sequence=number,
            manifest_sha256=None,
            outcome="REJECTED",
            written_at=self._now(),
            fault=fault,
        )

    def _is_rejected(self, number: int) -> bool:
        pattern = re.compile(re.escape(self.channel.batch(number)) + r"~[0-9]+")
        return any(pattern.fullmatch(path.name) for path in self.folder.rejected.iterdir())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _stranger(name: str, channel: Channel) -> BadBatch:
    return BadBatch(
        "WRONG_CHANNEL",
        name,
        said("is a batch of another channel; this folder is that of {channel}", channel=channel),
        said("put it into the inbox of its own channel"),
    )


def _same_manifest(one: Path, other: Path) -> bool:
    paths = (one / MANIFEST, other / MANIFEST)
    return all(path.is_file() for path in paths) and paths[0].read_bytes() == paths[1].read_bytes()
