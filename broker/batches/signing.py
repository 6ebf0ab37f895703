"""Signatures of manifests and receipts: HMAC-SHA256 by a key that both ends hold, in a file beside the signed one."""

import hashlib
import hmac
import stat
from pathlib import Path

from broker.batches.disk import NotAPlainFile, plain_file
from broker.batches.errors import BadBatch
from broker.batches.format import SIGNATURE_SUFFIX
from broker.errors import ConfigError
from schemas.said import said

LEAST_BYTES = 32


def read_key(path: Path | None) -> bytes | None:
    """The key in a file of hexadecimal digits; None for no file.

    Raises ConfigError if it cannot be read, is shorter than 32 bytes, or may be read by others than its owner.
    """
    if path is None:
        return None
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            said(
                "the key {path} cannot be read ({kind}): make it with `openssl rand -hex 32 > {path}`",
                path=path,
                kind=type(error).__name__,
            )
        ) from None
    if mode & 0o077:
        raise ConfigError(
            said(
                "the key {path} may be read by others (mode {mode:o}): run `chmod 600 {path}`",
                path=path,
                mode=mode,
            )
        )
    if len(key) < LEAST_BYTES:
        raise ConfigError(
            said(
                "the key {path} is too short: {least_bytes} bytes (64 hex digits) are needed",
                path=path,
                least_bytes=LEAST_BYTES,
            )
        )
    return key


def signature(key: bytes, content: bytes) -> bytes:
    """The signature of a manifest or receipt, as its file holds it."""
    return hmac.new(key, content, hashlib.sha256).hexdigest().encode() + b"\n"


def require_signature(key: bytes | None, signed: Path, content: bytes) -> None:
    """Raises BadBatch unless ``content`` carries the right signature beside it; without a key nothing is asked."""
    if key is None:
        return
    beside = signed.with_name(signed.name + SIGNATURE_SUFFIX)
    try:
        with plain_file(beside) as file:
            given = file.read(200)
    except (OSError, NotAPlainFile):
        given = b""
    if not hmac.compare_digest(given.strip(), signature(key, content).strip()):
        raise BadBatch(
            "BAD_SIGNATURE",
            f"{signed.parent.name}/{beside.name}",
            said("the signature is missing, or was not made with this key over these bytes"),
            said(
                "find out who changed the batch; if only the keys of the two ends differ, give both the same and make the "
                "signature anew"
            ),
        )
