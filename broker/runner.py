"""The consume loop that all services share: open a session, step until told to stop, go on after what passes.

A *session* is one membership of the consumer group with the clients that belong to it. It is cheap to throw away and
is thrown away after every error that leaves something in doubt, so no service repairs a half-broken client. Errors
carry their policy in their class (``broker.errors``): Unavailable and OwnershipLost begin a new session after a pause,
everything else ends the process, because going on would lose or double a record.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import structlog

from broker.errors import OwnershipLost, Unavailable
from broker.metrics import ServiceMetrics

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class Session(Protocol):
    """One membership of a service in its consumer group."""

    def step(self) -> int:
        """Handle at most one batch, waiting a little for it, and return how many records were handled."""


class Stop(Protocol):
    """A flag that ends the loop, as ``threading.Event``."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool: ...


def run(
    open_session: Callable[[], AbstractContextManager[Session]],
    stop: Stop,
    metrics: ServiceMetrics,
    log: structlog.typing.FilteringBoundLogger,
    *,
    clock: Callable[[], float] = time.time,
    outdated: Callable[[], bool] = lambda: False,
) -> None:
    """Run until ``stop`` is set. Raises whatever is neither Unavailable nor OwnershipLost.

    ``outdated`` is asked before each step; once it is true the session ends, and another one begins at once.

    The pause doubles with each failed session up to five seconds and starts again after one that handled records.
    """
    pause = FIRST_PAUSE_S
    while not stop.is_set():
        handled = 0
        try:
            with open_session() as session:
                metrics.opened()
                log.info("session opened")
                while not stop.is_set() and not outdated():
                    handled += session.step()
        except (Unavailable, OwnershipLost) as error:
            metrics.failed(type(error).__name__, clock())
            log.warning("session ended", reason=type(error).__name__, detail=str(error))
            pause = FIRST_PAUSE_S if handled else min(pause * 2, LONGEST_PAUSE_S)
            stop.wait(pause)
