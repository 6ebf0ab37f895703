"""A batch in the making: data files grow in ``state/making``, hashed as they are written."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal

from broker.batches.disk import Digests, remove, sync_folder, write_whole
from broker.batches.format import (
    MANIFEST,
    SIGNATURE_SUFFIX,
    Channel,
    FileEntry,
    Manifest,
    Offsets,
    Position,
)
from broker.batches.signing import signature


@dataclass(slots=True)
class _Growing:
    kind: Literal["records", "schema"]
    topic: str | None
    file: BinaryIO
    digests: Digests = field(default_factory=Digests)


class BatchWriter:
    """Takes lines until it is sealed or thrown away; ``records`` counts those that are not blank."""

    def __init__(self, making: Path) -> None:
        remove(making)
        making.mkdir(parents=True)
        self.path = making
        self._files: dict[str, _Growing] = {}
        self._stack = ExitStack()

    @property
    def records(self) -> int:
        return sum(one.digests.records for one in self._files.values() if one.kind == "records")

    @property
    def size(self) -> int:
        """The bytes of all its files so far."""
        return sum(one.digests.size for one in self._files.values())

    def add(self, name: str, data: bytes, topic: str | None = None) -> None:
        """Append to a data file; ``data`` are whole lines, or pieces of one in order."""
        self._append(name, "records", data, topic)

    def schema(self, name: str, content: bytes, topic: str) -> None:
        """Add the Avro schema of a topic's records."""
        self._append(name, "schema", content, topic)

    def _append(self, name: str, kind: Literal["records", "schema"], data: bytes, topic: str | None) -> None:
        if name not in self._files:
            file = self._stack.enter_context((self.path / name).open("xb"))
            self._files[name] = _Growing(kind, topic, file)
        growing = self._files[name]
        growing.file.write(data)
        growing.digests.update(data)

    def seal(
        self,
        channel: Channel,
        after: Position | None,
        at: datetime,
        offsets: tuple[Offsets, ...],
        key: bytes | None,
    ) -> Manifest:
        """Write the manifest, last; then the folder is a whole batch, on the disk."""
        with self._stack:
            for growing in self._files.values():
                growing.file.flush()
                os.fsync(growing.file.fileno())
        manifest = Manifest(
            direction=channel.direction,
            channel=channel.name,
            sequence=1 if after is None else after.sequence + 1,
            previous=None if after is None else after.digest,
            created_at=at,
            records=self.records,
            files=tuple(_entry(name, growing) for name, growing in self._files.items()),
            offsets=offsets,
        )
        content = manifest.encoded()
        if key is not None:
            write_whole(self.path / (MANIFEST + SIGNATURE_SUFFIX), signature(key, content))
        write_whole(self.path / MANIFEST, content)
        sync_folder(self.path)
        return manifest

    def discard(self) -> None:
        """Throw all of it away."""
        self._stack.close()
        remove(self.path)


def _entry(name: str, growing: _Growing) -> FileEntry:
    digests = growing.digests
    return FileEntry(
        name=name,
        kind=growing.kind,
        topic=growing.topic,
        size=digests.size,
        records=digests.records if growing.kind == "records" else 0,
        sha256=digests.sha256,
        sm3=digests.sm3,
    )
