"""Signing keys of the platform: issued and revoked by an operator; their secrets are derived and stored nowhere.

A secret is HMAC-SHA256 of the key's id under a key that is itself derived from the party key, which the front door holds and an
operator issues with. So a copy of the database signs nothing.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.errors import ConfigError
from broker.store.connect import Connection
from schemas.said import said

PRINCIPAL = "gov"
MAX_DAYS = 366
_PURPOSE = b"qianbei signing keys 1"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key as it is kept; its secret is not here."""

    key_id: str
    principal: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None = None


def secret_of(party_key: bytes, key_id: str) -> bytes:
    """The 32 bytes that a key signs with."""
    return hmac.digest(hmac.digest(party_key, _PURPOSE, "sha256"), key_id.encode(), "sha256")


def issue(db: Connection, days: int, created_by: str) -> SigningKey:
    """Make a key; its secret is ``secret_of`` its id."""
    now = datetime.now(UTC)
    key = SigningKey(f"gk{secrets.token_hex(8)}", PRINCIPAL, now, created_by, now + timedelta(days=days))
    db.execute(
        "INSERT INTO front.signing_key (key_id, principal, created_at, created_by, expires_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        (key.key_id, key.principal, key.created_at, key.created_by, key.expires_at),
    )
    return key


def revoke(db: Connection, key_id: str) -> None:
    """From now on the key signs nothing. Raises ConfigError if there is none of that id."""
    found = db.execute(
        "UPDATE front.signing_key SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = %s", (key_id,)
    )
    if not found.rowcount:
        raise ConfigError(said("there is no key {key_id}; `qianbei gov-key list` shows all", key_id=key_id))


def load(db: Connection) -> list[SigningKey]:
    """All keys, newest last."""
    rows = db.execute(
        "SELECT key_id, principal, created_at, created_by, expires_at, revoked_at FROM front.signing_key"
        " ORDER BY created_at, key_id"
    )
    return [SigningKey(*row) for row in rows.fetchall()]  # type: ignore[arg-type]
