"""Receipts: what an answer was, told by its digest, so that the platform can prove later what it was given and when.

A receipt is ``<content>.<signature>``: the content is JSON in base64url without padding, the signature is the HMAC of that text
under the platform's key, by the hash that the request was signed with, in hexadecimal.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from broker.gov.signing import ALGORITHMS

HEADER = "Qianbei-Receipt"


def receipt(secret: bytes, scheme: str, key_id: str, access_id: str, number: str, body: bytes) -> str:
    """The receipt of an answer's body; its id is that of the row in the access log."""
    content = {
        "receipt_id": access_id,
        "key": key_id,
        "algorithm": scheme,
        "business_no": number,
        "digest": hashlib.new(ALGORITHMS[scheme], body).hexdigest(),
        "answered_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    text = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    return f"{text}.{_signed(secret, scheme, text)}"


def content_of(text: str) -> dict[str, Any]:
    """What a receipt says, unchecked."""
    encoded = text.partition(".")[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return found


def genuine(secret: bytes, text: str) -> bool:
    """Whether a receipt was signed with this key: what the platform checks."""
    encoded, _, given = text.partition(".")
    scheme = content_of(text)["algorithm"]
    return scheme in ALGORITHMS and hmac.compare_digest(_signed(secret, scheme, encoded), given)


def _signed(secret: bytes, scheme: str, text: str) -> str:
    return hmac.new(secret, text.encode(), ALGORITHMS[scheme]).hexdigest()
