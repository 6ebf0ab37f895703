"""The folder of one end of one channel.

::

    outbox/      writer: batches to be carried; they stay until their receipts have come back
    inbox/       reader: where the carrier puts batches
    receipts/    the reader writes them here, the carrier brings them into the writer's
    done/        reader: batches that were taken, each with its receipt
    rejected/    reader: batches that must not be taken, each beside a file that says why
    state/       of this program alone: lock, head.json (writer), taken.jsonl, taking/ (reader)

Each end has a folder of its own, on one file system; one process works in it at a time.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.errors import ConfigError
from schemas.said import said


@dataclass(frozen=True, slots=True)
class Folder:
    """The places of one end. Making one touches nothing."""

    root: Path

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def receipts(self) -> Path:
        return self.root / "receipts"

    @property
    def done(self) -> Path:
        return self.root / "done"

    @property
    def rejected(self) -> Path:
        return self.root / "rejected"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def taking(self) -> Path:
        """The one batch that is being taken, where no carrier writes."""
        return self.state / "taking"

    @property
    def making(self) -> Path:
        """The one batch that is being written."""
        return self.state / "making"

    @property
    def head(self) -> Path:
        """The writer's newest manifest: where the chain goes on."""
        return self.state / "head.json"

    @property
    def taken(self) -> Path:
        """What the reader has taken, one line a batch: where it goes on."""
        return self.state / "taken.jsonl"

    def for_writer(self) -> None:
        """Make the writer's folders. Raises ConfigError if this is a reader's end."""
        if self.taken.exists():
            raise ConfigError(
                said(
                    "{root} is the reading end of a channel: give the writer a folder of its own",
                    root=self.root,
                )
            )
        self._make(self.outbox, self.receipts, self.state)

    def for_reader(self) -> None:
        """Make the reader's folders. Raises ConfigError if this is a writer's end."""
        if self.head.exists():
            raise ConfigError(
                said(
                    "{root} is the writing end of a channel: give the reader a folder of its own",
                    root=self.root,
                )
            )
        self._make(self.inbox, self.receipts, self.done, self.rejected, self.taking)

    def _make(self, *folders: Path) -> None:
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                said(
                    "{root} cannot be used as a channel's folder: {strerror}",
                    root=self.root,
                    strerror=error.strerror,
                )
            ) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process in this folder; the lock ends with the process. Raises ConfigError if another is there."""
        descriptor = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise ConfigError(
                said("another process works in {root}: wait until it has ended, or stop it", root=self.root)
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)
