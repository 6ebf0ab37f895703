"""Handing a record over: bounded retries, nothing swallowed, and what an error means.

::

    SubscriptionError
    ├── UndecodableRecord     the bytes are no record of a registered schema; names the place
    ├── HandlerFailed         the handler kept failing on one record; names the place, its cause is the last error
    └── TooManyHeld           so much is held that the handler itself must be broken
    Unavailable
    └── Retryable             for handlers: what I need is away, the record is not to blame

The first two end in a dead letter, or without one stop the subscription. An error of the *surroundings* (``Retryable``,
a database or server that does not answer) never does: the record waits until they are back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import psycopg

from broker.errors import AccessDenied, ConfigError, OwnershipLost, QianbeiError, Unavailable
from broker.runner import Stop
from schemas.said import said

_SURROUNDINGS = (
    Unavailable,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    httpx.TransportError,
    ConnectionError,
    TimeoutError,
)
_STATEMENT_TOO_BIG = "54"
"""The class of SQLSTATE that psycopg counts as operational, although the values are to blame."""


class SubscriptionError(QianbeiError):
    """A subscription cannot go on; someone must look at the record that the message names."""


class UndecodableRecord(SubscriptionError):
    """A record's bytes cannot be decoded."""


class HandlerFailed(SubscriptionError):
    """The handler failed on a record as often as the subscription's retries allow."""


class TooManyHeld(SubscriptionError):
    """More records wait in the dead-letter topic than the subscription may hold."""


class Retryable(Unavailable):
    """Raise this in a handler when something it needs is away: the record is tried again until it is back."""


class BatchLost(Unavailable):
    """The transaction of the whole batch is gone, so that trying this record again in it cannot help."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How long a failing handler is tried again: at most ``attempts`` times and not begun after ``within_s`` seconds.

    The pause begins at ``pause_s`` and doubles.
    """

    attempts: int = 5
    pause_s: float = 0.2
    within_s: float = 30.0


def attempt(
    take: Callable[[], None], place: str, stop: Stop, retries: Retries, clock: Callable[[], float]
) -> bool:
    """Whether the record was taken; False only if it was told to stop between two attempts.

    Raises HandlerFailed if the handler kept failing, Unavailable if its surroundings stayed away for ``within_s``: the
    session then begins anew and meets the record again. AccessDenied, ConfigError, OwnershipLost and BatchLost pass
    through at once: no later attempt could end otherwise.
    """
    failures, pause, begun = 0, retries.pause_s, clock()
    while True:
        try:
            take()
        except (AccessDenied, ConfigError, OwnershipLost, BatchLost):
            raise
        except Exception as error:
            # A handler is foreign code: whatever it raises is tried again, and ends in an error that names the place.
            late = clock() - begun + pause > retries.within_s
            if of_surroundings(error):
                if late:
                    raise _away(place, error) from error
            else:
                failures += 1
                if late or failures >= retries.attempts:
                    raise _failed(place, failures, error) from error
        else:
            return True
        stop.wait(pause)
        if stop.is_set():
            return False
        pause *= 2


def of_surroundings(error: BaseException) -> bool:
    """Whether an error, or what caused it, says that something is away, rather than that the record is wrong."""
    return any(
        isinstance(one, _SURROUNDINGS)
        and not (getattr(one, "sqlstate", None) or "").startswith(_STATEMENT_TOO_BIG)
        for one in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _failed(place: str, times: int, error: Exception) -> HandlerFailed:
    return HandlerFailed(
        said(
            "{place}: the handler failed {times} times, last with {kind}. Nothing from this "
            "record on is committed: mend the handler and start again",
            place=place,
            times=times,
            kind=type(error).__name__,
        )
    )


def _away(place: str, error: Exception) -> Unavailable:
    return Unavailable(
        said(
            "{place}: the handler's surroundings do not answer ({kind}); the record waits for them",
            place=place,
            kind=type(error).__name__,
        )
    )


def error_type(error: BaseException) -> str:
    """What a dead letter says of an error: its type, and nothing that could hold a value."""
    cause = error.__cause__ if isinstance(error, HandlerFailed) else None
    return type(cause or error).__name__
