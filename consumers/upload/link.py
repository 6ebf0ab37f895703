"""The way to a receiver: a port, and HTTP behind it. Each call is tried again a few times, with growing pauses."""

import hmac
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx

from broker.batches import Channel
from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.runner import Stop
from consumers.outputs.webhook import sign
from consumers.upload.config import Way
from consumers.upload.parcel import (
    SIGNATURE,
    TIMESTAMP,
    Answer,
    BadParcel,
    Parcel,
    Question,
    read,
    read_object,
)
from schemas.said import said

TIMEOUT_S = 60.0
_AWAY = frozenset({408, 425, 429})
T = TypeVar("T")


class Link(Protocol):
    """A receiver, from the sender's side. Every method may raise Unavailable, AccessDenied and ConfigError."""

    def deliver(self, channel: Channel, number: int, parcel: Parcel) -> Answer:
        """Hand a batch over; the same again is answered with the same receipt. Raises NotTaken."""

    def ask(self, channel: Channel, day: str, question: Question) -> dict[str, Any]:
        """Ask for the receiver's figures of a day."""


class NotTaken(ConfigError):
    """The receiver does not take a batch, and sending it again cannot help."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """At most ``attempts``; the pause begins at ``pause_s`` and doubles up to ``longest_s``."""

    attempts: int = 6
    pause_s: float = 0.5
    longest_s: float = 30.0


PATIENT = Backoff()


def patiently(call: Callable[[], T], stop: Stop, backoff: Backoff) -> T:
    """Call until it is not Unavailable. Raises the last Unavailable after all attempts, or when told to stop."""
    pause = backoff.pause_s
    for _ in range(backoff.attempts - 1):
        try:
            return call()
        except Unavailable:
            if stop.is_set() or stop.wait(pause):
                raise
            pause = min(pause * 2, backoff.longest_s)
    return call()


class PatientLink:
    """Another link, each of whose calls is tried again while the receiver is away."""

    def __init__(self, link: Link, stop: Stop, backoff: Backoff = PATIENT) -> None:
        self._link = link
        self._stop = stop
        self._backoff = backoff

    def deliver(self, channel: Channel, number: int, parcel: Parcel) -> Answer:
        return patiently(lambda: self._link.deliver(channel, number, parcel), self._stop, self._backoff)

    def ask(self, channel: Channel, day: str, question: Question) -> dict[str, Any]:
        return patiently(lambda: self._link.ask(channel, day, question), self._stop, self._backoff)


@contextmanager
def http_link(way: Way, key: bytes, *, clock: Callable[[], float] = time.time) -> Iterator[Link]:
    """The receiver at a way's url."""
    trusted = ssl.create_default_context(cafile=None if way.ca is None else str(way.ca))
    url = way.url or ""
    with httpx.Client(
        base_url=url, timeout=TIMEOUT_S, trust_env=False, follow_redirects=False, verify=trusted
    ) as client:
        yield HttpLink(client, key, clock)


class HttpLink:
    """Signed requests, and answers whose signatures are checked."""

    def __init__(self, client: httpx.Client, key: bytes, clock: Callable[[], float]) -> None:
        self._client = client
        self._key = key
        self._clock = clock
        self._host = urlsplit(str(client.base_url)).netloc

    def deliver(self, channel: Channel, number: int, parcel: Parcel) -> Answer:
        content = self._post(f"/v1/batches/{channel.name}/{number}", parcel.encoded())
        found: Answer = self._understood(lambda: read(Answer, content))
        return found

    def ask(self, channel: Channel, day: str, question: Question) -> dict[str, Any]:
        content = self._post(f"/v1/figures/{channel.name}/{day}", question.encoded())
        return self._understood(lambda: read_object(content))

    def _post(self, path: str, body: bytes) -> bytes:
        stamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            TIMESTAMP: stamp,
            SIGNATURE: sign(self._key, stamp, signed_part(path, body)),
        }
        try:
            answer = self._client.post(path, content=body, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(
                said(
                    "the receiver at {host} does not answer ({kind})",
                    host=self._host,
                    kind=type(error).__name__,
                )
            ) from None
        self._require_good(answer)
        expected = sign(self._key, stamp, signed_part(path, answer.content))
        if not hmac.compare_digest(expected, answer.headers.get(SIGNATURE, "")):
            raise AccessDenied(
                said(
                    "the answer of {host} is not signed with our key: give both ends the same",
                    host=self._host,
                )
            )
        return answer.content

    def _require_good(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in _AWAY or status >= 500:
            raise Unavailable(said("the receiver at {host} answers {status}", host=self._host, status=status))
        if status in (401, 403):
            raise AccessDenied(
                said(
                    "the receiver at {host} does not accept our key or clock ({status})",
                    host=self._host,
                    status=status,
                )
            )
        if not answer.is_success:
            raise NotTaken(
                said(
                    "the receiver at {host} does not take it ({status}): {why}",
                    host=self._host,
                    status=status,
                    why=_reason(answer),
                )
            )

    def _understood(self, reading: Callable[[], T]) -> T:
        try:
            return reading()
        except BadParcel as error:
            raise ConfigError(
                said("{host} does not answer as a receiver: {error}", host=self._host, error=error)
            ) from None


def signed_part(path: str, body: bytes) -> bytes:
    """What a request's or an answer's signature is over."""
    return path.encode() + b"\n" + body


def _reason(answer: httpx.Response) -> str:
    try:
        return str(read_object(answer.content).get("why", ""))[:500]
    except BadParcel:
        return answer.reason_phrase
