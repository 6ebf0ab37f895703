"""Signed requests: what is signed, how it is written in the header, and when it is taken.

    Authorization: QIANBEI-HMAC-SM3 key=<id>, time=<seconds since 1970>, nonce=<16 to 64 letters, digits, - or _>, signature=<hex>

What is signed is seven lines, joined by a line feed (no line feed at the end), in UTF-8::

    QIANBEI-HMAC-SM3
    <key>
    <time>
    <nonce>
    POST
    /v1/gov/own_contracts          the path with its query, as it is sent
    <the body's digest in hexadecimal, by the same hash; of no body that of the empty string>

QIANBEI-HMAC-SHA256 is the same with SHA-256.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from broker.api.problems import ProblemError

ALGORITHMS: Mapping[str, str] = {"QIANBEI-HMAC-SM3": "sm3", "QIANBEI-HMAC-SHA256": "sha256"}
WINDOW_S = 300
"""How far a request's time may be from ours, in seconds, either way."""

_CHALLENGE = {"WWW-Authenticate": ", ".join(f'{scheme} realm="qianbei"' for scheme in ALGORITHMS)}
_PART = re.compile(r'\s*(key|time|nonce|signature)="?([A-Za-z0-9_-]{1,128})"?\s*')
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_TIME = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Signed:
    """What the header of a request says; nothing of it is checked but its form."""

    scheme: str
    key_id: str
    time: int
    nonce: str
    signature: str


def read_header(authorization: str | None) -> Signed:
    """Raises ProblemError 401 that says what the header lacks."""
    scheme, _, rest = (authorization or "").partition(" ")
    if scheme.upper() not in ALGORITHMS:
        raise unsigned(
            "the request is not signed", f"send Authorization: {next(iter(ALGORITHMS))} key=…, time=…, …"
        )
    parts = [_PART.fullmatch(part) for part in rest.split(",")]
    found = {part[1]: part[2] for part in parts if part is not None}
    if None in parts or len(parts) != 4 or len(found) != 4:
        raise unsigned(
            "the signature's header cannot be read", "write key=…, time=…, nonce=…, signature=…, each once"
        )
    if not _TIME.fullmatch(found["time"]) or not _NONCE.fullmatch(found["nonce"]):
        raise unsigned(
            "time or nonce has not its form",
            "write time in whole seconds since 1970, and 16 to 64 letters and digits as nonce",
        )
    return Signed(
        scheme.upper(), found["key"], int(found["time"]), found["nonce"], found["signature"].lower()
    )


def message(signed: Signed, method: str, path: str, body: bytes) -> bytes:
    """The bytes that are signed; ``path`` is with its query, as sent."""
    digest = hashlib.new(ALGORITHMS[signed.scheme], body).hexdigest()
    lines = (signed.scheme, signed.key_id, str(signed.time), signed.nonce, method, path, digest)
    return "\n".join(lines).encode()


def signature(secret: bytes, signed: Signed, method: str, path: str, body: bytes) -> str:
    """The signature of a request, in hexadecimal."""
    return hmac.new(secret, message(signed, method, path, body), ALGORITHMS[signed.scheme]).hexdigest()


def header(secret: bytes, signed: Signed, method: str, path: str, body: bytes) -> str:
    """The Authorization header of a request: what a client sends."""
    value = signature(secret, signed, method, path, body)
    return f"{signed.scheme} key={signed.key_id}, time={signed.time}, nonce={signed.nonce}, signature={value}"


def require_time(signed: Signed, now: float) -> None:
    """Raises ProblemError 401 if the request's time is too far from ours."""
    if abs(now - signed.time) > WINDOW_S:
        raise unsigned(
            f"the request's time is more than {WINDOW_S} s from ours",
            "set the clock by NTP, and sign anew for each sending",
        )


def require_signature(secret: bytes | None, signed: Signed, method: str, path: str, body: bytes) -> None:
    """Raises ProblemError 401, the same for a key that is none (``secret`` None) and for a wrong signature."""
    right = signature(secret or bytes(32), signed, method, path, body)
    if not hmac.compare_digest(right, signed.signature) or secret is None:
        raise unsigned(
            "no key that is known, not expired and not revoked, or not its signature",
            "check the key, and that the signed path and body are the bytes that are sent",
        )


def replayed() -> ProblemError:
    """The answer to a nonce that was used."""
    return unsigned("this nonce was used before", "sign each request anew, with a nonce that was never used")


def unsigned(detail: str, mend: str) -> ProblemError:
    """A request that is not taken for signed."""
    return ProblemError("unauthorized", detail, mend, headers=_CHALLENGE)
