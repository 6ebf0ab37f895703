"""The key that signs checkpoints: Ed25519, 32 bytes as hex in a file of the site, never in the database."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from broker.errors import ConfigError
from broker.settings import Settings
from schemas.said import said


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name by which its public half is known: the first 16 hex digits of its SHA-256."""

    private: Ed25519PrivateKey
    key_id: str

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_of(seed: str) -> SigningKey:
    """The key of 64 hex digits. Raises ValueError for anything else."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed.strip()))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return SigningKey(private, hashlib.sha256(public).hexdigest()[:16])


def signing_key(settings: Settings) -> SigningKey:
    """The key of this site. Raises ConfigError if it is not set or is none."""
    path = settings.audit_key_file
    if path is None:
        raise ConfigError(
            said("no key signs checkpoints: set QIANBEI_AUDIT_KEY_FILE to a file of 64 hex digits")
        )
    try:
        return key_of(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            said("the audit key {path} cannot be read: {kind}", path=path, kind=type(error).__name__)
        ) from None
