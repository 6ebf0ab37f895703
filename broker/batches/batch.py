"""Looking at a batch's folder: is it whole, is it what its manifest says. Nothing is changed here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from broker.batches.disk import NotAPlainFile, digests_of, lines, plain_file
from broker.batches.errors import COPY_AGAIN, MAKE_ANEW, BadBatch, Incomplete
from broker.batches.format import (
    MANIFEST,
    MANIFEST_BYTES,
    Channel,
    FileEntry,
    Manifest,
    digest_of,
    read_form,
)
from broker.batches.signing import require_signature
from schemas.said import said


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch whose manifest was read; ``digest`` is the manifest's."""

    path: Path
    manifest: Manifest
    digest: str

    def lines(self, entry: FileEntry, longest: int) -> Iterator[bytes]:
        """The lines of a data file; one longer than ``longest`` is cut to one byte more."""
        with plain_file(self.path / entry.name) as file:
            yield from lines(file, longest)

    def content(self, entry: FileEntry) -> bytes:
        """A whole small file, such as a schema. Raises BadBatch if it is not small."""
        if entry.size > MANIFEST_BYTES:
            where = f"{self.path.name}/{entry.name}"
            raise BadBatch(
                "BAD_RECORD",
                where,
                said("a schema of more than {manifest_bytes} bytes", manifest_bytes=MANIFEST_BYTES),
            )
        with plain_file(self.path / entry.name) as file:
            return file.read()


def open_batch(path: Path, key: bytes | None = None) -> OpenBatch:
    """Read a batch's manifest. Raises Incomplete if there is none yet, BadBatch if it is wrong."""
    where = f"{path.name}/{MANIFEST}"
    if path.is_symlink() or not path.is_dir():
        raise BadBatch("NOT_A_FILE", path.name, said("is a link or a file where a batch's folder should be"))
    try:
        with plain_file(path / MANIFEST) as file:
            content = file.read(MANIFEST_BYTES + 1)
    except FileNotFoundError:
        raise Incomplete(
            said(
                "{name} has no {manifest} yet: it is still being copied; if the copy was broken off, "
                "{copy_again}",
                name=path.name,
                manifest=MANIFEST,
                copy_again=COPY_AGAIN,
            )
        ) from None
    except NotAPlainFile:
        raise _no_file(where) from None
    if len(content) > MANIFEST_BYTES:
        raise BadBatch(
            "BAD_MANIFEST",
            where,
            said("is longer than {manifest_bytes} bytes", manifest_bytes=MANIFEST_BYTES),
        )
    manifest = read_form(Manifest, content, where)
    require_signature(key, path / MANIFEST, content)
    return OpenBatch(path, manifest, digest_of(content))


def require_name(batch: OpenBatch, channel: Channel, number: int) -> None:
    """Raises BadBatch if the manifest is of another channel, or of another number than the folder's name says."""
    where = f"{batch.path.name}/{MANIFEST}"
    if batch.manifest.of != channel:
        raise BadBatch(
            "WRONG_CHANNEL",
            where,
            said(
                "is of channel {of}, and this folder is that of {channel}",
                of=batch.manifest.of,
                channel=channel,
            ),
            said("put it into the inbox of its own channel"),
        )
    if batch.manifest.sequence != number:
        raise BadBatch(
            "WRONG_NUMBER",
            where,
            said(
                "is number {sequence}, and its folder's name says {number}",
                sequence=batch.manifest.sequence,
                number=number,
            ),
            said(
                "give the folder back its name, {sequence}, or {copy_again}",
                sequence=channel.batch(batch.manifest.sequence),
                copy_again=COPY_AGAIN,
            ),
        )


def require_sizes(batch: OpenBatch) -> None:
    """A glance without reading: raises BadBatch if a file is missing, no plain file, or of another length."""
    for entry in batch.manifest.files:
        where = f"{batch.path.name}/{entry.name}"
        with _opened(batch, entry) as file:
            _require_size(where, entry, os.fstat(file.fileno()).st_size)


def require_content(batch: OpenBatch) -> None:
    """Read every file through. Raises BadBatch if one is not what the manifest says."""
    for entry in batch.manifest.files:
        where = f"{batch.path.name}/{entry.name}"
        with _opened(batch, entry) as file:
            found = digests_of(file)
        _require_size(where, entry, found.size)
        if found.sha256 != entry.sha256 or (entry.sm3 and found.sm3 and found.sm3 != entry.sm3):
            raise BadBatch(
                "WRONG_DIGEST",
                where,
                said("its content is not what the manifest's digest says: it was changed"),
            )
        if entry.kind == "records" and found.records != entry.records:
            raise BadBatch(
                "WRONG_COUNT",
                where,
                said(
                    "holds {records} records, the manifest says {records2}",
                    records=found.records,
                    records2=entry.records,
                ),
                MAKE_ANEW,
            )


def changed_at(path: Path) -> float:
    """When a batch's folder last changed, a Unix time. By the inode's time, which copying programs cannot set back."""
    newest = 0.0
    for place in (path, *(path.iterdir() if path.is_dir() and not path.is_symlink() else ())):
        try:
            newest = max(newest, place.lstat().st_ctime)
        except FileNotFoundError:
            continue
    return newest


@contextmanager
def _opened(batch: OpenBatch, entry: FileEntry) -> Iterator[BinaryIO]:
    """``plain_file`` with a batch's words for what goes wrong."""
    where = f"{batch.path.name}/{entry.name}"
    try:
        with plain_file(batch.path / entry.name) as file:
            yield file
    except FileNotFoundError:
        raise BadBatch("MISSING_FILE", where, said("is in the manifest and not in the folder")) from None
    except NotAPlainFile:
        raise _no_file(where) from None


def _require_size(where: str, entry: FileEntry, size: int) -> None:
    if size != entry.size:
        raise BadBatch(
            "WRONG_SIZE",
            where,
            said("has {size} bytes, the manifest says {size2}", size=size, size2=entry.size),
        )


def _no_file(where: str) -> BadBatch:
    return BadBatch(
        "NOT_A_FILE", where, said("is a link, a folder, a pipe or a device where a file should be")
    )
