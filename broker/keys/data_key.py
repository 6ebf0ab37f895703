"""One owner's key at work: an envelope in clear to one that is sealed, and back.

What is sealed is bound to its key id alone, and so to its owner, not to the record or field. An envelope moves: into the
next revisions of its entity, into what one slot asks of another, into ``latest``. That it stands where it stood is what
the chains of the audit log say, over every byte of every record.
"""

import os
import secrets
from dataclasses import dataclass

from broker.keys.ciphers import Algorithm, Altered, Sealing, sealing_with
from broker.keys.master import MasterKey
from broker.protected import Envelope, UnreadableValue
from schemas.said import said

_KEY_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A row of the key table. ``wrapped`` is None once the key is destroyed."""

    key_id: str
    owner: str
    algorithm: Algorithm
    wrapped: bytes | None


class DataKey:
    """A key that can be used."""

    def __init__(self, key_id: str, sealing: Sealing) -> None:
        self.key_id = key_id
        self._sealing = sealing
        self._context = key_id.encode()

    def seal(self, envelope: Envelope) -> Envelope:
        """The envelope of the same value, encrypted; ``envelope`` is in clear."""
        nonce, ciphertext = self._sealing.seal(envelope["ciphertext"], self._context)
        return {"key_id": self.key_id, "nonce": nonce, "ciphertext": ciphertext}

    def open(self, nonce: bytes, ciphertext: bytes) -> str:
        """The value. Raises UnreadableValue."""
        try:
            return self._sealing.open(nonce, ciphertext, self._context).decode()
        except (Altered, UnicodeDecodeError):
            raise UnreadableValue(
                said("a value under the key {key_id} was changed since it was encrypted", key_id=self.key_id)
            ) from None


def new_key(owner: str, algorithm: Algorithm, master: MasterKey) -> tuple[DataKey, WrappedKey]:
    """A key that nobody has yet, and the row that keeps it."""
    key_id = secrets.token_urlsafe(_KEY_ID_BYTES)
    key = os.urandom(algorithm.key_bytes)
    row = WrappedKey(key_id, owner, algorithm, master.wrap(key, key_id, owner, algorithm))
    return DataKey(key_id, sealing_with(algorithm, key)), row


def unwrapped(row: WrappedKey, master: MasterKey) -> DataKey | None:
    """The key of a row, None if it is destroyed. Raises ConfigError if the master key does not open it."""
    if row.wrapped is None:
        return None
    key = master.unwrap(row.wrapped, row.key_id, row.owner, row.algorithm)
    return DataKey(row.key_id, sealing_with(row.algorithm, key))
