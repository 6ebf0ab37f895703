"""Changes of files that are on the disk before anybody sees them, and reading that follows no link.

A rename within one file system is the only step by which something appears or goes; ``kill -9`` and a power cut leave
either what was before or what comes after.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ELOOP, ENXIO, EXDEV
from itertools import count
from pathlib import Path
from typing import BinaryIO

from broker.errors import ConfigError
from schemas.said import said

CHUNK = 1024 * 1024
TEMPORARY = ".making-"


def sync_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Make or replace a file in one step: under a temporary name, onto the disk, then renamed. ``mode`` is before the umask."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename within the channel's folder. Raises ConfigError if that lies on several file systems."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        raise ConfigError(
            said(
                "{parent} and {parent2} lie on different file systems, so a batch cannot be moved in "
                "one step: make the whole folder of the channel one file system, and let the carrier "
                "copy into its inbox",
                parent=source.parent,
                parent2=target.parent,
            )
        ) from None
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def remove(path: Path) -> None:
    """Take away a file, a link or a whole folder, if it is there; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def free_place(folder: Path, name: str) -> Path:
    """The first of ``<name>~1``, ``<name>~2`` … that is not taken."""
    places = (folder / f"{name}~{n}" for n in count(1))
    return next(place for place in places if not place.exists() and not place.is_symlink())


@contextmanager
def plain_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file to read. Raises FileNotFoundError, or NotAPlainFile for links, devices and pipes."""
    try:
        # O_NONBLOCK: opening a pipe would else wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (ELOOP, ENXIO):
            raise NotAPlainFile(path.name) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAPlainFile(path.name)
    with os.fdopen(descriptor, "rb") as file:
        yield file


class NotAPlainFile(Exception):
    """A link, a folder, a device or a pipe where a file should be."""


def lines(file: BinaryIO, longest: int) -> Iterator[bytes]:
    """The lines of a file. One that is longer than ``longest`` bytes is cut to one byte more, so that it shows."""
    while line := file.readline(longest + 1):
        rest = line
        while rest and len(rest) > longest and not rest.endswith(b"\n"):
            rest = file.readline(longest + 1)
        yield line


class Digests:
    """What is known of the bytes that passed through: length, SHA-256, SM3 where this Python has it, lines not blank."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._sm3 = hashlib.new("sm3") if "sm3" in hashlib.algorithms_available else None
        self._ended = 0
        self._begun = False
        self.size = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self.size += len(data)
        self._sha256.update(data)
        if self._sm3 is not None:
            self._sm3.update(data)
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._ended += self._begun or bool(part.strip())
            self._begun = False
        self._begun = self._begun or bool(rest.strip())

    @property
    def records(self) -> int:
        return self._ended + self._begun

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def sm3(self) -> str | None:
        return self._sm3.hexdigest() if self._sm3 is not None else None


def digests_of(file: BinaryIO) -> Digests:
    """Read a file to its end, a piece at a time."""
    found = Digests()
    while data := file.read(CHUNK):
        found.update(data)
    return found
