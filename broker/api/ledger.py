"""The front door's view of Postgres: decisions as they come, and tokens as they change. No request has a connection."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
import structlog

from broker.admission.store import DECIDED
from broker.api.access import TokenBook
from broker.api.decisions import EventKey, Found, Waiter
from broker.api.tokens import CHANNEL as TOKENS
from broker.api.tokens import SELECT, token_of
from broker.errors import Unavailable
from broker.metrics import ServiceMetrics
from broker.store.connect import translated
from schemas.said import said

PAUSE_S = 0.5
TOKENS_S = 5.0
"""So long at most a change of tokens may go unseen, should its notification be lost."""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

# A table that has just grown has no statistics yet, and the planner would read it whole.
_OPTIONS = "-c TimeZone=UTC -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"


class Ledger:
    """Three connections in a ``run`` task: one asks for decisions, one listens, one looks after tokens."""

    def __init__(
        self,
        dsn: str,
        instance: str,
        book: TokenBook,
        metrics: ServiceMetrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._dsn = dsn
        self._instance = instance
        self._book = book
        self._metrics = metrics
        self._log = log
        self._asking: Connection | None = None
        self._tokens_changed = asyncio.Event()
        self.waiter = Waiter(self._ask)
        self.opened = asyncio.Event()

    @property
    def open(self) -> bool:
        return self._asking is not None

    async def run(self) -> None:
        """Stay connected, until cancelled. Raises what is not Unavailable, such as AccessDenied."""
        while True:
            try:
                await self._session()
            except* Unavailable as errors:
                error = errors.exceptions[0]
                self._metrics.errors.labels("api", type(error).__name__).inc()
                self._log.warning("database left", reason=type(error).__name__, detail=str(error))
            await asyncio.sleep(PAUSE_S)

    async def _session(self) -> None:
        async with (
            await self._connect() as asking,
            await self._connect() as hearing,
            await self._connect() as tokens,
        ):
            with translated(self._dsn):
                await hearing.execute(f"LISTEN {DECIDED}")
                await hearing.execute(f"LISTEN {TOKENS}")
                await self._load_tokens(tokens)
            self._asking = asking
            self.opened.set()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._hear(hearing))
                    group.create_task(self._keep_tokens(tokens))
                    group.create_task(self.waiter.run())
            finally:
                self._asking = None
                self.opened.clear()

    async def _connect(self) -> Connection:
        with translated(self._dsn):
            return await psycopg.AsyncConnection.connect(
                self._dsn,
                application_name=f"qianbei api {self._instance}",
                connect_timeout=10,
                autocommit=True,
                options=_OPTIONS,
            )

    async def _hear(self, db: Connection) -> None:
        with translated(self._dsn):
            async for notification in db.notifies():
                if notification.channel == DECIDED:
                    self.waiter.wake()
                else:
                    self._tokens_changed.set()
        raise Unavailable(said("Postgres ended the connection that listens"))

    async def _ask(self, keys: Iterable[EventKey]) -> Mapping[EventKey, Found]:
        asking = self._asking
        if asking is None:
            raise Unavailable(said("no connection to the database"))
        wanted = list(keys)
        with translated(self._dsn):
            cursor = await asking.execute(
                "SELECT principal, event_id, intake_sha256, record FROM unnest(%s::text[], %s::text[])"
                " AS k(principal, event_id) JOIN admission.decision USING (principal, event_id)",
                ([principal for principal, _ in wanted], [event_id for _, event_id in wanted]),
                binary=True,
            )
            return {(row[0], row[1]): Found(row[2], row[3]) async for row in cursor}

    async def _keep_tokens(self, db: Connection) -> None:
        while True:
            try:
                async with asyncio.timeout(TOKENS_S):
                    await self._tokens_changed.wait()
            except TimeoutError:
                pass
            self._tokens_changed.clear()
            with translated(self._dsn):
                await self._note_use(db)
                await self._load_tokens(db)

    async def _load_tokens(self, db: Connection) -> None:
        cursor = await db.execute(SELECT)
        self._book.replace([token_of(row) for row in await cursor.fetchall()])

    async def _note_use(self, db: Connection) -> None:
        used = self._book.take_used()
        if used:
            await db.execute(
                "UPDATE front.token t SET last_used_at = greatest(t.last_used_at, u.at)"
                " FROM unnest(%s::text[], %s::timestamptz[]) AS u(token_id, at) WHERE t.token_id = u.token_id",
                (list(used), list(used.values())),
            )
