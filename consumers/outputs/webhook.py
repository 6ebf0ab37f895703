"""Each record as an HTTP POST to the agency's own service, signed, and its answer kept as a receipt.

The request is a CloudEvents-like JSON object (``place``, ``record``) with these headers:

======================  ==========================================================================================
``Idempotency-Key``     ``<topic>/<partition>/<offset>``: the same record again has the same key
``Qianbei-Timestamp``   Unix time in seconds
``Qianbei-Signature``   ``v1=`` and the hex HMAC-SHA256, under the shared secret, of the timestamp, a dot and the body
======================  ==========================================================================================

A 2xx answer is the receipt. If it has a ``Qianbei-Receipt`` header, that must be the hex SHA-256 of the body, which
proves what was received. 408, 429, 5xx and no answer mean that the service is away: the record waits. Any other answer
means that it does not take this record: tried again, then held.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from broker.errors import ConfigError
from broker.settings import is_loopback
from consumers.delivery import Retryable
from consumers.outputs.forms import as_object
from consumers.records import DepartmentRecord, Handler
from schemas.said import said

_AWAY = frozenset({408, 425, 429})
TIMEOUT_S = 10.0
TOLERANCE_S = 300


class NotTaken(Exception):
    """The service does not take a record; holds its status and nothing of its text."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is kept of an answer."""

    key: str
    entity_id: str
    revision: int
    sha256: str
    status: int
    proven: bool
    at: str


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of ``Qianbei-Signature``."""
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def is_signed(secret: bytes, timestamp: str, signature: str, body: bytes, now: float) -> bool:
    """For the receiver: whether a request is ours and not older than five minutes."""
    fresh = timestamp.isdigit() and abs(now - int(timestamp)) <= TOLERANCE_S
    return fresh and hmac.compare_digest(sign(secret, timestamp, body), signature)


@contextmanager
def webhook(
    url: str, secret: bytes, receipts: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[Handler]:
    """A handler for ``Subscription.run``; receipts go to ``<receipts>/receipts.<day>.jsonl``.

    Raises ConfigError for a secret under 32 bytes, or an address that would send personal data in clear.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConfigError(
            said(
                "{scheme}://{hostname} is not encrypted: use https, or a loopback address",
                scheme=parts.scheme,
                hostname=parts.hostname,
            )
        )
    if len(secret) < 32:
        raise ConfigError(said("the secret is too short: 32 bytes are needed (openssl rand -hex 32)"))
    receipts.mkdir(parents=True, exist_ok=True, mode=0o700)
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
        yield lambda record: _keep(receipts, clock(), _post(client, url, secret, record, clock()))


def _post(client: httpx.Client, url: str, secret: bytes, record: DepartmentRecord, now: datetime) -> Receipt:
    body = json.dumps(as_object(record), ensure_ascii=False).encode()
    key = f"{record.topic}/{record.partition}/{record.offset}"
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": key,
        "Qianbei-Timestamp": timestamp,
        "Qianbei-Signature": sign(secret, timestamp, body),
    }
    try:
        answer = client.post(url, content=body, headers=headers)
    except httpx.TransportError as error:
        raise Retryable(
            said(
                "the service at {hostname} does not answer ({kind})",
                hostname=urlsplit(url).hostname,
                kind=type(error).__name__,
            )
        ) from None
    digest = hashlib.sha256(body).hexdigest()
    return Receipt(
        key,
        record.entity_id,
        record.revision,
        digest,
        answer.status_code,
        _is_proven(answer, digest),
        now.isoformat(),
    )


def _is_proven(answer: httpx.Response, digest: str) -> bool:
    """Whether the answer proves what was received. Raises Retryable or NotTaken for an answer that is no receipt."""
    status = answer.status_code
    if status in _AWAY or status >= 500:
        raise Retryable(said("the service answers {status}", status=status))
    if not answer.is_success:
        raise NotTaken(said("the service answers {status}", status=status))
    proof = answer.headers.get("Qianbei-Receipt")
    if proof is not None and not hmac.compare_digest(proof.lower(), digest):
        raise NotTaken(said("the service's receipt is of another body"))
    return proof is not None


def _keep(folder: Path, now: datetime, receipt: Receipt) -> None:
    path = folder / f"receipts.{now:%Y-%m-%d}.jsonl"
    line = json.dumps({name: getattr(receipt, name) for name in Receipt.__slots__}, ensure_ascii=False) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
