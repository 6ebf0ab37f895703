"""Receipts: written by the reader, brought back by the carrier, understood by the writer."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

from broker.batches.disk import (
    Digests,
    NotAPlainFile,
    digests_of,
    move,
    plain_file,
    remove,
    sync_folder,
    write_whole,
)
from broker.batches.errors import BadBatch
from broker.batches.folder import Folder
from broker.batches.format import (
    MANIFEST_BYTES,
    SIGNATURE_SUFFIX,
    AnswersFile,
    Channel,
    Receipt,
    digest_of,
    read_form,
)
from broker.batches.signing import require_signature, signature
from schemas.said import said


class AnswersWriter:
    """A file of answers in the making: one JSON object a line, never held in memory."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._digests = Digests()

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Self]:
        """Begin anew at this place, in the reader's state."""
        with path.open("wb") as file:
            yield cls(path, file)

    def add(self, answer: dict[str, Any]) -> None:
        """Write one answer."""
        line = json.dumps(answer, ensure_ascii=False).encode() + b"\n"
        self._digests.update(line)
        self._file.write(line)

    def finish(self, folder: Folder) -> AnswersFile:
        """Put the whole file among the receipts."""
        self._file.flush()
        os.fsync(self._file.fileno())
        move(self._path, folder.receipts / self._path.name)
        return AnswersFile(name=self._path.name, size=self._digests.size, sha256=self._digests.sha256)


def put_receipt(folder: Folder, receipt: Receipt, key: bytes | None) -> None:
    """Write a receipt, its signature before it, so that a receipt that is there is whole."""
    name = Channel(receipt.channel, receipt.direction).receipt(receipt.sequence)
    content = receipt.encoded()
    if key is not None:
        write_whole(folder.receipts / (name + SIGNATURE_SUFFIX), signature(key, content))
    write_whole(folder.receipts / name, content)


def keep_copy(folder: Folder, channel: Channel, number: int, batch: Path) -> None:
    """Lay a copy of a receipt and its files into the batch's folder: the carrier may take the receipt away."""
    for name in _names(channel, number):
        source, target = folder.receipts / name, batch / name
        if source.exists():
            remove(target)
            _copy(source, target)
    sync_folder(batch)


def give_back(folder: Folder, channel: Channel, number: int, batch: Path) -> None:
    """Put a receipt out again if it is not there: a batch that comes again asks for it."""
    for name in _names(channel, number):
        source, target = batch / name, folder.receipts / name
        if source.exists() and not target.exists():
            _copy(source, target)
    sync_folder(folder.receipts)


def _names(channel: Channel, number: int) -> tuple[str, ...]:
    """The files of a receipt, the receipt itself last."""
    receipt = channel.receipt(number)
    return channel.answers(number), receipt + SIGNATURE_SUFFIX, receipt


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".copy-{target.name}")
    shutil.copyfile(source, temporary, follow_symlinks=False)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(target)


def read_receipt(folder: Folder, channel: Channel, number: int, key: bytes | None) -> Receipt | None:
    """The receipt of a batch as it came back, or None. Raises BadBatch if it, or its answers, are damaged."""
    path = folder.receipts / channel.receipt(number)
    try:
        with plain_file(path) as file:
            content = file.read(MANIFEST_BYTES)
    except FileNotFoundError:
        return None
    except NotAPlainFile:
        raise BadBatch("NOT_A_FILE", path.name, said("is no plain file"), _FETCH) from None
    receipt = read_form(Receipt, content, path.name)
    require_signature(key, path, content)
    if (receipt.channel, receipt.direction, receipt.sequence) != (*channel, number):
        raise BadBatch("WRONG_CHANNEL", path.name, said("is not the receipt that its name says"), _FETCH)
    if receipt.answers is not None:
        _require_answers(folder.receipts / receipt.answers.name, receipt.answers)
    return receipt


_FETCH = said("fetch it again from the reader's receipts/")


def _require_answers(path: Path, expected: AnswersFile) -> None:
    try:
        with plain_file(path) as file:
            found = digests_of(file)
    except (FileNotFoundError, NotAPlainFile):
        raise BadBatch(
            "MISSING_FILE", path.name, said("the receipt names it, and it is not there"), _FETCH
        ) from None
    if (found.size, found.sha256) != (expected.size, expected.sha256):
        raise BadBatch("WRONG_DIGEST", path.name, said("its content is not what the receipt says"), _FETCH)


def manifest_digest(path: Path) -> str:
    """The digest of a manifest file of our own."""
    return digest_of(path.read_bytes())
