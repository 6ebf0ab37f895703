"""Writing to the intake from the event loop: one producer for all principals, made anew after any failure."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import structlog

from broker.errors import QianbeiError, TooLarge, Unavailable
from broker.kafka import Connection, IdempotentProducer, Outgoing
from broker.metrics import ServiceMetrics
from schemas.said import said

PAUSE_S = 1.0
LINGER_MS = 5
"""Filings of this time share one request to the broker, which costs it about as much as one filing does."""

MAX_UNACKNOWLEDGED_BYTES = 32 * 1024 * 1024
"""The client itself sets no bound to what it holds while Kafka does not answer."""


class Intake:
    """A producer in a ``run`` task. ``post`` may be called while it is open, from the loop's thread."""

    def __init__(
        self,
        connection: Connection,
        topics: Iterable[str],
        metrics: ServiceMetrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._connection = connection
        self._topics = tuple(topics)
        self._metrics = metrics
        self._log = log
        self._producer: IdempotentProducer | None = None
        self._broken = asyncio.Event()
        self._unacknowledged = 0
        self.opened = asyncio.Event()

    @property
    def open(self) -> bool:
        return self._producer is not None

    async def run(self) -> None:
        """Keep a producer open, until cancelled. Raises what is not Unavailable, such as AccessDenied."""
        while True:
            try:
                await self._session()
            except Unavailable as error:
                self._log.warning("intake closed", reason=type(error).__name__, detail=str(error))
            await asyncio.sleep(PAUSE_S)

    async def _session(self) -> None:
        producer = IdempotentProducer(self._connection, linger_ms=LINGER_MS)
        await asyncio.to_thread(self._enter, producer)
        try:
            self._broken.clear()
            self._producer = producer
            self.opened.set()
            await self._broken.wait()
        finally:
            # After any failure its outcome is in doubt; what it still holds fails, and is answered so.
            self._producer = None
            self.opened.clear()
            with suppress(Unavailable):
                await asyncio.to_thread(producer.__exit__, None, None, None)

    def _enter(self, producer: IdempotentProducer) -> None:
        producer.__enter__()
        # Else the first write to each topic would hold up the loop until its partitions are known.
        producer.learn(self._topics)

    async def learn(self, topics: Iterable[str]) -> None:
        """Write to these topics from now on. Raises Unavailable, or AccessDenied for one that may not be written."""
        self._topics = tuple(topics)
        if self._producer is not None:
            await asyncio.to_thread(self._producer.learn, self._topics)

    def post(self, message: Outgoing) -> asyncio.Future[int]:
        """Queue a record; the future is its offset. Raises Unavailable if that is not possible now."""
        size = len(message.value or b"")
        if self._producer is None or self._unacknowledged + size > MAX_UNACKNOWLEDGED_BYTES:
            raise Unavailable(said("the intake cannot be written to now"))
        loop = asyncio.get_running_loop()
        written: asyncio.Future[int] = loop.create_future()

        def done(outcome: int | QianbeiError) -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(self._settle, written, size, outcome)

        try:
            self._producer.post(message, done)
        except QianbeiError as error:
            self._failed(error)
            raise
        self._unacknowledged += size
        return written

    def _failed(self, error: QianbeiError) -> None:
        self._metrics.errors.labels("api", type(error).__name__).inc()
        self._log.warning("not written", reason=type(error).__name__, detail=str(error))
        if not isinstance(error, TooLarge):
            self._broken.set()

    def _settle(self, written: asyncio.Future[int], size: int, outcome: int | QianbeiError) -> None:
        self._unacknowledged -= size
        if isinstance(outcome, int):
            if not written.done():
                written.set_result(outcome)
            return
        self._failed(outcome)
        if not written.done():
            written.set_exception(outcome)
            # Whoever waited may have gone; then nobody looks, which is no error.
            written.exception()
