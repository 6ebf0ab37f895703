"""What goes over HTTP: a whole batch as one JSON object, its receipt back, and questions about figures.

======================================  ==========================================================================
``POST /v1/batches/<channel>/<n>``      ``{manifest, signature, files: {name: text}}`` → ``{receipt, signature}``
``POST /v1/figures/<channel>/<day>``    ``{level: totals | buckets | marks, buckets: […]}`` → the answer of that level
======================================  ==========================================================================

Manifest and receipt are the bytes of ``broker.batches``, as text, each with its HMAC. Every request carries
``Qianbei-Timestamp`` and ``Qianbei-Signature`` over path and body, and every answer a signature over its body with the
request's timestamp (``consumers.outputs.webhook``), by the key that both ends hold.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.batches.batch import OpenBatch
from broker.batches.disk import plain_file
from broker.batches.format import MANIFEST, SIGNATURE_SUFFIX, FileName
from consumers.upload.figures import Mark
from consumers.upload.filing import Key
from schemas.said import said

MAX_PARCEL_BYTES = 128 * 1024 * 1024
TIMESTAMP, SIGNATURE = "Qianbei-Timestamp", "Qianbei-Signature"


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Parcel(_Form):
    """A batch."""

    manifest: str
    signature: str | None
    files: Mapping[FileName, str] = Field(max_length=500)

    def encoded(self) -> bytes:
        """As it is sent."""
        return self.model_dump_json().encode()


class Answer(_Form):
    """A receipt."""

    receipt: str
    signature: str | None

    def encoded(self) -> bytes:
        """As it is sent."""
        return self.model_dump_json().encode()


class Question(_Form):
    """What is asked of the receiver's figures; ``buckets`` for the level ``marks``."""

    level: str = Field(pattern=r"^(totals|buckets|marks)$")
    buckets: tuple[str, ...] = Field(default=(), max_length=256, strict=False)

    def encoded(self) -> bytes:
        """As it is sent."""
        return self.model_dump_json().encode()


class BadParcel(ValueError):
    """Bytes that are no request or answer of this protocol; names no value."""


def read(form: type[Any], content: bytes) -> Any:
    """Read a request or an answer. Raises BadParcel."""
    try:
        return form.model_validate_json(content)
    except ValidationError as error:
        places = "; ".join(".".join(map(str, item["loc"])) or "the whole" for item in error.errors()[:5])
        raise BadParcel(said("no {form}: {places}", form=form.__name__, places=places)) from None


def parcel_of(batch: OpenBatch) -> Parcel:
    """A batch of the outbox as a parcel."""

    def text(name: str) -> str | None:
        path = batch.path / name
        if not path.exists():
            return None
        with plain_file(path) as file:
            return file.read().decode()

    files = {entry.name: text(entry.name) or "" for entry in batch.manifest.files}
    return Parcel(manifest=text(MANIFEST) or "", signature=text(MANIFEST + SIGNATURE_SUFFIX), files=files)


def marks_as_json(marks: list[Mark]) -> list[list[Any]]:
    """Marks for an answer."""
    return [[*mark.key, mark.digest] for mark in marks]


def marks_from_json(found: Any) -> list[Mark]:
    """Marks of an answer. Raises BadParcel."""
    try:
        return [Mark(Key(str(s), str(e), int(r)), str(digest)) for s, e, r, digest in found]
    except (TypeError, ValueError):
        raise BadParcel(said("no list of marks")) from None


def read_object(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises BadParcel."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise BadParcel(said("no JSON")) from None
    if not isinstance(found, dict):
        raise BadParcel(said("no JSON object"))
    return found
