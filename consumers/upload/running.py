"""Reading the topics and sending what came, in one thread: once, or until told to stop."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from broker.errors import Unavailable
from broker.runner import Session, Stop
from consumers.subscription import Subscription
from consumers.upload.config import Upload
from consumers.upload.dispatch import Dispatched, Dispatcher
from consumers.upload.ledger import Ledger
from consumers.upload.link import Link, PatientLink, http_link
from consumers.upload.target import LedgerTarget
from schemas.said import said

ASSIGNED_WITHIN_S = 60.0


@contextmanager
def links_of(upload: Upload, stop: Stop) -> Iterator[dict[str, Link]]:
    """The ways that have a url."""
    with ExitStack() as stack:
        yield {
            via: PatientLink(stack.enter_context(http_link(way, key)), stop)
            for via, way in upload.file.ways.items()
            if way.url is not None and (key := upload.keys[via]) is not None
        }


def send(ledger: Ledger, upload: Upload, dispatcher: Dispatcher) -> Dispatched:
    """Make batches of what is new, and send all that is open."""
    ledger.plan(upload)
    return dispatcher.run()


def read_until_quiet(
    subscription: Subscription,
    ledger: Ledger,
    stop: Stop,
    quiet_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Read until nothing has come for so long; gives how many filings came. Raises Unavailable if no partition is ours."""
    target = LedgerTarget(ledger)
    begun = clock()
    came, empty, quiet = 0, 0, 0.0
    with subscription.session(lambda: nullcontext(target), stop) as session:
        while not stop.is_set() and (quiet < quiet_s or empty < 2):
            owned, before = target.claimed, clock()
            handled = session.step()
            came += handled
            # Only time in which it was looked and nothing came counts: a machine that stands still is not quiet.
            empty, quiet = (0, 0.0) if handled or not owned else (empty + 1, quiet + clock() - before)
            if not target.claimed and clock() - begun > ASSIGNED_WITHIN_S:
                raise Unavailable(
                    said("no partition was given to us: another program reads as this group; stop it")
                )
    return came


class Uploading:
    """A session that reads and, every ``every_s`` seconds, sends."""

    def __init__(
        self,
        reading: Session,
        sending: Callable[[], object],
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reading = reading
        self._sending = sending
        self._every_s = every_s
        self._clock = clock
        self._sent = clock()

    def step(self) -> int:
        """Read at most one batch; send if it is time."""
        handled = self._reading.step()
        if self._clock() - self._sent >= self._every_s:
            self._sending()
            self._sent = self._clock()
        return handled


def uploading(
    subscription: Subscription, ledger: Ledger, stop: Stop, sending: Callable[[], object], every_s: float
) -> Callable[[], AbstractContextManager[Session]]:
    """For ``broker.runner.run``: sessions that read and send."""

    @contextmanager
    def opened() -> Iterator[Session]:
        target = LedgerTarget(ledger)
        with subscription.session(lambda: nullcontext(target), stop) as session:
            yield Uploading(session, sending, every_s)

    return opened
