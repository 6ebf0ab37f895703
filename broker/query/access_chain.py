"""The digests of the access log's rows: each over the digest of the row before and the row's own content, by SHA-256 and SM3.

    first     H("qianbei access 1\\n<instance>")
    row n     H(digest of row n-1 ‖ content)

The content is one line of JSON in UTF-8: an object of the row's columns by name, sorted, without those that are null and without
the digests; ``at`` in whole microseconds since 1970 UTC, ``access_id`` as text. They are written with the row, so a row is
bound to the one before it from its first moment, before the audit reader has chained and a checkpoint has signed it.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Link:
    """The digests of one row."""

    sha256: bytes
    sm3: bytes

    def after(self, content: bytes) -> "Link":
        """Those of the next row."""
        return Link(
            hashlib.sha256(self.sha256 + content).digest(), hashlib.new("sm3", self.sm3 + content).digest()
        )


def begun(instance: str) -> Link:
    """Before the first row of a chain."""
    seed = f"qianbei access 1\n{instance}".encode()
    return Link(hashlib.sha256(seed).digest(), hashlib.new("sm3", seed).digest())


def content(row: Mapping[str, Any]) -> bytes:
    """The bytes of a row, from its columns by name."""
    plain = {name: _plain(value) for name, value in row.items() if value is not None}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return str(value) if isinstance(value, uuid.UUID) else value
