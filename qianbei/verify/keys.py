"""Opening protected values, anew: the wrapped keys from ``keys.person_key``, and the master key from its file.

What can be said of a value depends on its key: in clear it is its text; ``erased`` it is null; under a key it is what the
key opens. A key that was destroyed opens nothing any more. What departments were given of such a value before can be
compared with nothing: it is ``GONE``, equal to whatever it is compared with, and counted.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.store.connect import translated

Open = Callable[[Mapping[str, Any]], Any]
_NONCE, _TAG = 12, 16
_PAGE = 2_000
_CIPHERS: Mapping[str, tuple[Callable[[bytes], Any], int, Callable[[], hashes.HashAlgorithm]]] = {
    "aes-256-gcm": (algorithms.AES256, 32, hashes.SHA256),
    "sm4-gcm": (algorithms.SM4, 16, hashes.SM3),
}


class Sealed(Exception):
    """A protected value under a key that is not held here, or that does not open it."""


class Gone:
    """A value whose key was destroyed: any value may have been it."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, _other: object) -> bool:
        return True


GONE = Gone()


def in_clear(value: Mapping[str, Any]) -> str | None:
    """The value of an envelope without keys. Raises Sealed."""
    if value["key_id"] == "erased":
        return None
    if value["key_id"] != "clear":
        raise Sealed(value["key_id"])
    text: str = value["ciphertext"].decode()
    return text


class KeyTable:
    """Opens envelopes; ``gone`` counts the values whose key was destroyed. It connects when the first is sealed."""

    def __init__(self, dsn: str | None, master_file: Path | None) -> None:
        self.gone = 0
        self._dsn = dsn
        self._master_file = master_file
        self._keys: dict[str, Any] = {}
        self._wrapping: dict[str, bytes] = {}

    def open(self, value: Mapping[str, Any]) -> Any:
        """The text, None if it was erased, ``GONE``. Raises Sealed."""
        key_id = value["key_id"]
        if key_id in ("clear", "erased"):
            return in_clear(value)
        if key_id not in self._keys:
            self._fetch(key_id)
        key = self._keys.get(key_id)
        if key is GONE:
            self.gone += 1
            return GONE
        if key is None:
            raise Sealed(key_id)
        return _opened(key, value["nonce"], value["ciphertext"], key_id.encode()).decode()

    def _fetch(self, key_id: str) -> None:
        """Keep this key and those made after it, which neighbouring records need."""
        if self._dsn is None or self._master_file is None or not self._master_file.exists():
            return
        with translated(self._dsn), psycopg.connect(self._dsn, application_name="qianbei verify keys") as db:
            rows = db.execute(
                "SELECT key_id, owner, algorithm, wrapped FROM keys.person_key"
                " WHERE seq >= (SELECT seq FROM keys.person_key WHERE key_id = %s) ORDER BY seq LIMIT %s",
                (key_id, _PAGE),
            ).fetchall()
        for found, owner, algorithm, wrapped in rows:
            self._keys[found] = GONE if wrapped is None else self._unwrapped(found, owner, algorithm, wrapped)

    def _unwrapped(self, key_id: str, owner: str, algorithm: str, wrapped: bytes) -> Any:
        cipher, _, _ = _CIPHERS[algorithm]
        context = f"{key_id}|{owner}|{algorithm}".encode()
        try:
            return cipher(
                _opened(cipher(self._wraps(algorithm)), wrapped[:_NONCE], wrapped[_NONCE:], context)
            )
        except Sealed:
            return None  # another exchange's master key: each value under it is told as sealed

    def _wraps(self, algorithm: str) -> bytes:
        if algorithm not in self._wrapping:
            assert self._master_file is not None
            _, size, digest = _CIPHERS[algorithm]
            secret = bytes.fromhex(self._master_file.read_text(encoding="ascii").strip())
            info = f"qianbei wraps {algorithm}".encode()
            self._wrapping[algorithm] = HKDF(digest(), size, None, info).derive(secret)
        return self._wrapping[algorithm]


def _opened(key: Any, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
    try:
        decryptor = Cipher(key, modes.GCM(nonce, sealed[-_TAG:])).decryptor()
        decryptor.authenticate_additional_data(context)
        return decryptor.update(sealed[:-_TAG]) + decryptor.finalize()
    except (InvalidTag, ValueError):
        raise Sealed(context.decode(errors="replace").partition("|")[0]) from None
