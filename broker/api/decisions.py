"""Waiting for decisions: one object asks Postgres for all that is waited for at once.

It is woken by Postgres (LISTEN ``qb_decided``, sent when admission commits) and, since a notification may be missed
while a connection is made anew, also every ``FALLBACK_S``. One question is under way at a time; what is asked
meanwhile goes into the next, so the load on Postgres does not grow with the number of clients. Between two
notifications only those are asked for who want to know what stands now. Where nobody waits, nothing is asked.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from broker.errors import Unavailable
from schemas.said import said

FALLBACK_S = 0.05

EventKey = tuple[str, str]
"""Principal and event id: what a decision is found by."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first decision on an event id: the digest of the bytes that it is on, and the record as on the wire."""

    sha256: str
    record: bytes


Ask = Callable[[Iterable[EventKey]], Awaitable[Mapping[EventKey, Found]]]


@dataclass(slots=True)
class Waiter:
    """Everybody who waits for a decision. ``ask`` is one question to the database, for any number of keys."""

    ask: Ask
    _looking: dict[EventKey, list[asyncio.Future[Found | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _waiting: dict[EventKey, list[asyncio.Future[Found | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _somebody: asyncio.Event = field(default_factory=asyncio.Event)
    _decided: bool = False
    _asked_for_all: float = 0.0

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return sum(map(len, self._waiting.values()))

    def wake(self) -> None:
        """Something was decided."""
        self._decided = True
        self._woken.set()

    async def look(self, key: EventKey) -> Found | None:
        """What is decided now. Raises what ``ask`` raises."""
        found: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._looking[key].append(found)
        self._woken.set()
        self._somebody.set()
        try:
            return await found
        finally:
            self._forget(self._looking, key, found)

    async def wait(self, key: EventKey, seconds: float) -> Found | None:
        """The decision as soon as it stands; None if it does not within that time."""
        found: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(found)
        self._somebody.set()
        try:
            async with asyncio.timeout(seconds):
                return await found
        except TimeoutError:
            return None
        finally:
            self._forget(self._waiting, key, found)

    async def run(self) -> None:
        """Ask for ever, while somebody waits. Raises what ``ask`` raises, after telling those who look; those who wait go
        on waiting, for the next run."""
        while True:
            if not self._waiting and not self._looking:
                self._somebody.clear()
                await self._somebody.wait()
            try:
                async with asyncio.timeout(FALLBACK_S):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            await self._ask_once()

    async def _ask_once(self) -> None:
        looking, self._looking = self._looking, defaultdict(list)
        wanted = {*looking, *(self._waiting if self._due() else ())}
        if not wanted:
            return
        try:
            found = await self.ask(wanted)
        except BaseException as error:
            # If only we are cancelled, those who asked are not: they are told that there was no answer.
            told = error if isinstance(error, Exception) else Unavailable(said("the database was left"))
            for future in _open(looking):
                future.set_exception(told)
            raise
        for key, futures in looking.items():
            _tell(futures, found.get(key))
        for key, one in found.items():
            _tell(self._waiting.get(key, ()), one)

    def _due(self) -> bool:
        """Whether to ask for those who wait, too."""
        now = time.monotonic()
        if not self._decided and now - self._asked_for_all < FALLBACK_S:
            return False
        self._decided, self._asked_for_all = False, now
        return True

    @staticmethod
    def _forget(
        where: dict[EventKey, list[asyncio.Future[Found | None]]],
        key: EventKey,
        future: asyncio.Future[Found | None],
    ) -> None:
        futures = where.get(key, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            where.pop(key, None)


def _open(
    where: Mapping[EventKey, Iterable[asyncio.Future[Found | None]]],
) -> list[asyncio.Future[Found | None]]:
    return [future for futures in where.values() for future in futures if not future.done()]


def _tell(futures: Iterable[asyncio.Future[Found | None]], found: Found | None) -> None:
    for future in futures:
        if not future.done():
            future.set_result(found)
