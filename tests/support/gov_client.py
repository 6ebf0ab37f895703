"""The government-service platform in tests: it signs its requests."""

import json
import secrets
import time
from typing import Any

import psycopg

from broker.gov.keys import issue, secret_of
from broker.gov.signing import Signed, header
from broker.store.connect import connected

SM3, SHA256 = "QIANBEI-HMAC-SM3", "QIANBEI-HMAC-SHA256"


class Platform:
    """One key of the platform. Each signing takes a new nonce and the present time, unless it is told otherwise."""

    def __init__(self, key_id: str, secret: bytes) -> None:
        self.key_id = key_id
        self.secret = secret

    @classmethod
    def issued(cls, dsn: str, party_key: bytes) -> "Platform":
        """With a key that is issued on a real database."""
        with connected(dsn, "test") as db:
            key = issue(db, 1, "test")
        return cls(key.key_id, secret_of(party_key, key.key_id))

    def signed(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        scheme: str = SM3,
        age_s: int = 0,
        nonce: str | None = None,
    ) -> dict[str, Any]:
        """The arguments of a request of an httpx client."""
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        told = Signed(scheme, self.key_id, int(time.time()) - age_s, nonce or secrets.token_hex(16), "")
        headers = {"Authorization": header(self.secret, told, method, path, content)}
        if content:
            headers["Content-Type"] = "application/json"
        return {"method": method, "url": path, "content": content, "headers": headers}


def expire(dsn: str, platform: Platform) -> None:
    """The platform's key is over."""
    with psycopg.connect(dsn) as db:
        db.execute("UPDATE front.signing_key SET expires_at = now() WHERE key_id = %s", (platform.key_id,))
