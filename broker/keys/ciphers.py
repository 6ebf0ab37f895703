"""The algorithms: authenticated encryption of short texts, each under a fresh random nonce of 96 bits.

A random nonce is safe for 2^32 values under one key (NIST SP 800-38D 8.3). A person has thousands at most; a bank that is
party to every mortgage of a province would reach it after centuries.
"""

import os
from enum import StrEnum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
_TAG_BYTES = 16


class Algorithm(StrEnum):
    """How values are encrypted; the value is what settings and the key table call it."""

    AES = "aes-256-gcm"
    """AES-256-GCM. Fast: processors have instructions for it."""
    SM4 = "sm4-gcm"
    """SM4-GCM (GB/T 32907-2016): what GB/T 39786 asks of a level-3 system. Slower: see docs/erasure.md."""

    @property
    def key_bytes(self) -> int:
        return 32 if self is Algorithm.AES else 16


class Altered(Exception):
    """The bytes were not made with this key and this context, or were changed since."""


class Sealing(Protocol):
    """One key at work. ``context`` is bound to what is sealed and must be given again to open it."""

    def seal(self, plain: bytes, context: bytes) -> tuple[bytes, bytes]:
        """A fresh nonce, and the ciphertext with its tag."""
        ...

    def open(self, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
        """What was sealed. Raises Altered."""
        ...


def sealing_with(algorithm: Algorithm, key: bytes) -> Sealing:
    """The algorithm under a key of ``algorithm.key_bytes`` bytes."""
    return _Aes(key) if algorithm is Algorithm.AES else _Sm4(key)


class _Aes:
    def __init__(self, key: bytes) -> None:
        self._gcm = AESGCM(key)

    def seal(self, plain: bytes, context: bytes) -> tuple[bytes, bytes]:
        nonce = os.urandom(NONCE_BYTES)
        return nonce, self._gcm.encrypt(nonce, plain, context)

    def open(self, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
        try:
            return self._gcm.decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError):
            raise Altered from None


class _Sm4:
    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)

    def seal(self, plain: bytes, context: bytes) -> tuple[bytes, bytes]:
        nonce = os.urandom(NONCE_BYTES)
        encryptor = Cipher(self._key, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(context)
        return nonce, encryptor.update(plain) + encryptor.finalize() + encryptor.tag

    def open(self, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
        try:
            decryptor = Cipher(self._key, modes.GCM(nonce, sealed[-_TAG_BYTES:])).decryptor()
            decryptor.authenticate_additional_data(context)
            return decryptor.update(sealed[:-_TAG_BYTES]) + decryptor.finalize()
        except (InvalidTag, ValueError):
            raise Altered from None
