"""The forms of a batch's manifest and of a receipt, and the names of both. See docs/connect/files.md.

A file's name is a plain name, never a path, and only what a manifest lists is ever opened.
"""

import hashlib
import json
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from broker.batches.errors import COPY_AGAIN, BadBatch
from schemas.said import joined, said

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MANIFEST_BYTES = 1024 * 1024
"""No manifest is longer: it is read whole."""
SIGNATURE_SUFFIX = ".hmac"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$")]
ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._]{0,59}$")]
Number = Annotated[int, Field(ge=1, le=99_999_999)]
Count = Annotated[int, Field(ge=0)]
M = TypeVar("M", bound="_Form")

_BATCH = re.compile(r"batch-(?P<channel>[a-z0-9][a-z0-9._]*)-(?P<number>[0-9]{8})")


class Direction(StrEnum):
    """Which way a channel goes, seen from the exchange."""

    IN = "to-exchange"
    OUT = "from-exchange"


class Channel(NamedTuple):
    """One principal's way in one direction."""

    name: str
    direction: Direction

    def __str__(self) -> str:
        return f"{self.name} ({self.direction})"

    def batch(self, number: int) -> str:
        """The name of a batch's folder: ``batch-bureau-00000002``."""
        return f"batch-{self.name}-{number:08d}"

    def receipt(self, number: int) -> str:
        """The name of a batch's receipt: ``receipt-bureau-00000002.json``."""
        return f"receipt-{self.name}-{number:08d}.json"

    def answers(self, number: int) -> str:
        """The name of the file beside a receipt that answers line by line."""
        return f"receipt-{self.name}-{number:08d}.answers.jsonl"


def parse_name(name: str) -> tuple[str, int] | None:
    """Channel and number of a batch's folder, or None for any other name."""
    match = _BATCH.fullmatch(name)
    return (match["channel"], int(match["number"])) if match and int(match["number"]) else None


class Position(NamedTuple):
    """The last batch of a chain that was taken; ``digest`` is None where it is not known."""

    sequence: int
    digest: str | None


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def encoded(self) -> bytes:
        """As it stands on the disk: JSON in UTF-8, ending with a line break."""
        return self.model_dump_json(indent=1).encode() + b"\n"


class FileEntry(_Form):
    """A data file of a batch. ``sm3`` is checked too where it is given and this Python knows it."""

    name: FileName
    kind: Literal["records", "schema"]
    topic: str | None = Field(default=None, description="of which topic; null on the way in")
    size: Count
    records: Count = Field(description="lines that are not blank")
    sha256: Sha256
    sm3: Sha256 | None = None

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name.startswith(MANIFEST):
            raise ValueError(f"no data file may be called {MANIFEST}")
        return name


class Offsets(_Form):
    """Which records of a partition a batch holds: from ``first`` on, up to and without ``next``."""

    topic: str
    partition: Count
    first: Count
    next: Count

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.next < self.first:
            raise ValueError("next is below first")
        return self


class Manifest(_Form):
    """What a batch is and holds. ``previous`` is the SHA-256 of the manifest before it; null in batch 1."""

    format_version: Literal[1] = 1
    direction: Annotated[Direction, Field(strict=False)]
    channel: ChannelName
    sequence: Number
    previous: Sha256 | None
    created_at: Annotated[datetime, Field(strict=False)]
    records: Count
    files: tuple[FileEntry, ...] = Field(max_length=500, strict=False)
    offsets: tuple[Offsets, ...] = Field(
        default=(), strict=False, description="on the way out: where each partition stands"
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError("a file is listed twice")
        if self.records != sum(file.records for file in self.files):
            raise ValueError("records is not the sum of the files' records")
        if (self.previous is None) != (self.sequence == 1):
            raise ValueError("batch 1, and only batch 1, has no previous manifest")
        return self

    @property
    def of(self) -> Channel:
        return Channel(self.channel, self.direction)


class AnswersFile(_Form):
    """The file beside a receipt with one answer a line."""

    name: FileName
    size: Count
    sha256: Sha256


class Fault(_Form):
    """Why a batch was rejected, and how to mend it."""

    code: str
    what: str
    how: str


class Receipt(_Form):
    """The reader's answer to one batch. TAKEN is final; REJECTED waits for the mended batch of the same number."""

    format_version: Literal[1] = 1
    direction: Annotated[Direction, Field(strict=False)]
    channel: ChannelName
    sequence: Number
    manifest_sha256: Sha256 | None
    outcome: Literal["TAKEN", "REJECTED"]
    written_at: Annotated[datetime, Field(strict=False)]
    records: Count = 0
    outcomes: dict[str, Count] = Field(default_factory=dict)
    answers: AnswersFile | None = None
    fault: Fault | None = None


def digest_of(content: bytes) -> str:
    """The SHA-256 by which a manifest is named."""
    return hashlib.sha256(content).hexdigest()


def read_form(form: type[M], content: bytes, where: str) -> M:
    """Read a manifest or a receipt. Raises BadBatch: torn, of an unknown format, or wrong in a named field."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise BadBatch(
            "TORN_MANIFEST", where, said("is no whole JSON text: its writing or copying was broken off")
        ) from None
    version = found.get("format_version") if isinstance(found, dict) else None
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise BadBatch(
            "UNKNOWN_FORMAT",
            where,
            said("its format_version is not {format_version}", format_version=FORMAT_VERSION),
            said("bring both ends to the same version of this project, then copy the batch again"),
        )
    try:
        return form.model_validate(found)
    except ValidationError as error:
        raise BadBatch(
            "BAD_MANIFEST", where, joined("; ", map(_problem, error.errors()[:5])), _rewrite(error)
        ) from None


def _problem(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    # Pydantic's message for a pattern holds the pattern, not the value; what is forbidden is named by its path alone.
    return said("{path}: {msg}", path=path or said("the whole"), msg=item["msg"])


def _rewrite(error: ValidationError) -> str:
    names = any("name" in item["loc"] for item in error.errors())
    plain = said("file names are plain names of letters, digits, . _ and -, never paths; ") if names else ""
    return said("{plain}mend the program that wrote it, or {copy_again}", plain=plain, copy_again=COPY_AGAIN)
