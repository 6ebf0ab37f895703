"""The writing end of a channel: batches into the outbox in one chain, receipts back.

A batch is published in these steps; ``kill -9`` between two of them leaves what ``_recover`` says:

1. data files, then the manifest, are written to ``state/making``: thrown away at the next start;
2. ``state/head.json`` becomes the new manifest: the batch stands, and the next start finishes step 3;
3. the folder is moved to ``outbox/``.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.batches.disk import move, remove, sync_folder, write_whole
from broker.batches.errors import BadBatch
from broker.batches.folder import Folder
from broker.batches.format import (
    MANIFEST,
    Channel,
    Manifest,
    Offsets,
    Position,
    Receipt,
    digest_of,
    parse_name,
    read_form,
)
from broker.batches.receipts import manifest_digest, read_receipt
from broker.batches.writing import BatchWriter
from broker.errors import ConfigError
from schemas.said import said


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch in the outbox and what is known of it. ``problem`` says what is wrong with its receipt."""

    number: int
    receipt: Receipt | None
    problem: BadBatch | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the reader has taken it."""
        return self.receipt is not None and self.receipt.outcome == "TAKEN"


class Outbox:
    """A writer's end. Use it in a ``with`` block; it locks the folder. Raises ConfigError where that cannot be used."""

    def __init__(
        self,
        folder: Folder,
        channel: Channel,
        *,
        key: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.channel = channel
        self.head: Manifest | None = None
        self._key = key
        self._clock = clock
        self._answered_before: set[int] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder.for_writer()
        with ExitStack() as stack:
            stack.enter_context(self.folder.locked())
            self._recover()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    @property
    def position(self) -> Position | None:
        """The newest batch of the chain."""
        return None if self.head is None else Position(self.head.sequence, manifest_digest(self.folder.head))

    def begin(self) -> BatchWriter:
        """A new batch in the making; one that was begun before is thrown away."""
        return BatchWriter(self.folder.making)

    def publish(self, writer: BatchWriter, offsets: tuple[Offsets, ...] = ()) -> Manifest:
        """Steps 1 to 3: when this returns the batch lies in the outbox for ever, once."""
        manifest = writer.seal(self.channel, self.position, self._now(), offsets, self._key)
        write_whole(self.folder.head, (writer.path / MANIFEST).read_bytes())
        self.head = manifest
        move(writer.path, self.folder.outbox / self.channel.batch(manifest.sequence))
        return manifest

    def _recover(self) -> None:
        if not self.folder.head.exists():
            remove(self.folder.making)
            self._require_no_past()
            return
        content = self.folder.head.read_bytes()
        self.head = _own_head(content, self.folder, self.channel)
        made = self.folder.making / MANIFEST
        if made.exists() and digest_of(made.read_bytes()) == digest_of(content):
            move(self.folder.making, self.folder.outbox / self.channel.batch(self.head.sequence))
        else:
            remove(self.folder.making)

    def _require_no_past(self) -> None:
        known = [number for number, _ in self._batches()]
        if known:
            newest = self.channel.batch(max(known))
            raise ConfigError(
                said(
                    "{head} is gone, and {outbox} holds batches: put the {manifest} of {newest} there "
                    "under that name",
                    head=self.folder.head,
                    outbox=self.folder.outbox,
                    manifest=MANIFEST,
                    newest=newest,
                )
            )

    # --- receipts ---------------------------------------------------------------------------------------------------

    def sent(self) -> list[Sent]:
        """The batches in the outbox, in order, with their receipts."""
        return [self._answered(number, path) for number, path in sorted(self._batches())]

    def outstanding(self) -> list[Sent]:
        """The batches in the outbox whose TAKEN receipts are not back, in order. Each receipt is read once."""
        wanted = sorted(one for one in self._batches() if one[0] not in self._answered_before)
        found = [self._answered(number, path) for number, path in wanted]
        self._answered_before |= {one.number for one in found if one.is_taken}
        return [one for one in found if not one.is_taken]

    def clear(self, keep_s: float) -> list[int]:
        """Remove batches whose TAKEN receipts are at least ``keep_s`` seconds old; gives their numbers.

        Their receipts stay. What is not acknowledged is never removed.
        """
        old = [one.number for one in self.sent() if self._may_go(one.receipt, keep_s)]
        for number in old:
            remove(self.folder.outbox / self.channel.batch(number))
        sync_folder(self.folder.outbox)
        return old

    def _may_go(self, receipt: Receipt | None, keep_s: float) -> bool:
        if receipt is None or receipt.outcome != "TAKEN":
            return False
        return self._clock() - receipt.written_at.timestamp() >= keep_s

    def _answered(self, number: int, path: Path) -> Sent:
        try:
            receipt = read_receipt(self.folder, self.channel, number, self._key)
        except BadBatch as error:
            return Sent(number, None, error)
        if receipt is None or receipt.outcome != "TAKEN":
            return Sent(number, receipt)
        if receipt.manifest_sha256 != manifest_digest(path / MANIFEST):
            return Sent(number, None, _of_another(self.channel.receipt(number)))
        return Sent(number, receipt)

    def _batches(self) -> Iterator[tuple[int, Path]]:
        for path in self.folder.outbox.iterdir():
            named = parse_name(path.name)
            if named is not None and named[0] == self.channel.name and (path / MANIFEST).is_file():
                yield named[1], path

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _own_head(content: bytes, folder: Folder, channel: Channel) -> Manifest:
    try:
        head = read_form(Manifest, content, str(folder.head))
    except BadBatch as error:
        raise ConfigError(
            said("{error}: put the {manifest} of the newest batch there", error=error, manifest=MANIFEST)
        ) from None
    if head.of != channel:
        raise ConfigError(
            said(
                "{root} is the writing end of channel {of}: give {channel} a folder of its own",
                root=folder.root,
                of=head.of,
                channel=channel,
            )
        )
    return head


def _of_another(name: str) -> BadBatch:
    return BadBatch(
        "FORK",
        name,
        said(
            "it answers another batch of this number than the one in the outbox: two writers, or one whose state was lost"
        ),
        said(
            "stop this writer, put the {manifest} of the newest batch in the reader's done/ over "
            "state/head.json here, empty the outbox, and send what is new",
            manifest=MANIFEST,
        ),
    )
