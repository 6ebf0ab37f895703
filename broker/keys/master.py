"""The master key: 32 bytes in a file of their own, which wrap every data key. It is never in Postgres.

What wraps is derived from it (HKDF), one key an algorithm, so that a system that must use Chinese algorithms throughout
uses SM3 and SM4 here too. A wrapped key is bound to its id, owner and algorithm: a row cannot be given another's key.
"""

from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.errors import ConfigError
from broker.keys.ciphers import NONCE_BYTES, Algorithm, Altered, sealing_with
from schemas.said import said

_BYTES = 32
_HASH = {Algorithm.AES: hashes.SHA256, Algorithm.SM4: hashes.SM3}


class MasterKey:
    """Wraps and unwraps data keys."""

    def __init__(self, secret: bytes) -> None:
        self._wrapping = {
            algorithm: sealing_with(algorithm, _derived(secret, algorithm)) for algorithm in Algorithm
        }

    def wrap(self, key: bytes, key_id: str, owner: str, algorithm: Algorithm) -> bytes:
        """The bytes to be kept of a data key: a nonce, then the key encrypted."""
        nonce, sealed = self._wrapping[algorithm].seal(key, _context(key_id, owner, algorithm))
        return nonce + sealed

    def unwrap(self, wrapped: bytes, key_id: str, owner: str, algorithm: Algorithm) -> bytes:
        """The data key. Raises ConfigError if this master key did not wrap it, or the row was changed."""
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return self._wrapping[algorithm].open(nonce, sealed, _context(key_id, owner, algorithm))
        except Altered:
            raise ConfigError(
                said(
                    "the master key does not open the key {key_id}: QIANBEI_MASTER_KEY_FILE is another exchange's, "
                    "or the row in keys.person_key was changed. Restore the file that wrapped it",
                    key_id=key_id,
                )
            ) from None


def read_master_key(path: Path | None) -> MasterKey:
    """The master key in a file of 64 hexadecimal digits. Raises ConfigError if it is missing or wrong."""
    if path is None:
        raise ConfigError(
            said("no master key is configured: set QIANBEI_MASTER_KEY_FILE to a file of 64 hex digits")
        )
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(
            said("the master key {path} cannot be read: {kind}", path=path, kind=type(error).__name__)
        ) from None
    if len(secret) != _BYTES:
        raise ConfigError(said("the master key {path} must be 32 bytes (64 hex digits)", path=path))
    return MasterKey(secret)


def _derived(secret: bytes, algorithm: Algorithm) -> bytes:
    info = f"qianbei wraps {algorithm}".encode()
    return HKDF(_HASH[algorithm](), algorithm.key_bytes, None, info).derive(secret)


def _context(key_id: str, owner: str, algorithm: Algorithm) -> bytes:
    return f"{key_id}|{owner}|{algorithm}".encode()
