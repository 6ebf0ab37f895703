"""The access log: every call of the query API as a row of ``audit.access``, committed before its answer leaves.

Rows are written by one connection, many at a time: those that arrive while a commit is under way share the next one. A *chain*
is what one such connection wrote, named ``<instance>:<time>-<random>`` in the column ``instance``; its ``seq`` is 1, 2, 3 …
without a gap, and each row's digests follow from the row before (``access_chain``). When the connection is lost it is not known whether its last commit stands, so the next one begins a new chain.
"""

import asyncio
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from psycopg import sql

from broker.errors import Unavailable
from broker.metrics import ServiceMetrics
from broker.query.access_chain import Link, begun, content
from broker.store.connect import translated
from schemas.said import said

PAUSE_S = 0.5
WRITE_S = 3.0
BEAT_S = 5.0
_MOST = 200

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Log = structlog.typing.FilteringBoundLogger


@dataclass(frozen=True, slots=True)
class Access:
    """One call, as it is written down. Names are those of the columns."""

    access_id: uuid.UUID
    at: datetime
    """When its headers had arrived."""
    principal: str
    token_id: str
    city_code: str | None
    """The other city whose authority asks (异地); None: our own."""
    officer_id: str | None
    officer_name: str | None
    query: str
    """``<department>/<name>``."""
    purpose: str | None
    legal_basis: str
    number_kind: str | None
    number: str | None
    parties: list[str]
    """``party_ref`` of those who are asked about: never a document's number."""
    houses: list[str]
    contracts: list[str]
    granted: bool
    code: str
    """``answered``, or the kind of the problem that was answered instead."""
    fields: list[str]
    """The paths at which the answer holds anything."""
    records: int
    answer_sha256: str | None
    """Of the body as it was sent."""
    latency_us: int
    """From the end of the headers to this row."""
    told_parties: list[str] = field(default_factory=list)
    """Who stands in the records that the answer shows, or is counted in its figures; see ``told``."""
    told_stands: list[str] = field(default_factory=list)
    """How, of each of them."""
    told_houses: list[str] = field(default_factory=list)
    told_entities: list[str] = field(default_factory=list)


COLUMNS = ("instance", "seq", *(column.name for column in fields(Access)), "sha256", "sm3")
"""Of the table, in the order of what ``linked`` gives."""
INSERT = sql.SQL("INSERT INTO audit.access ({}) VALUES ({})").format(
    sql.SQL(", ").join(map(sql.Identifier, COLUMNS)), sql.SQL(", ").join([sql.Placeholder()] * len(COLUMNS))
)


def chain_name(instance: str) -> str:
    """The name of a new chain."""
    return f"{instance}:{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def linked(chain: str, seq: int, before: Link, batch: Sequence[Access]) -> tuple[list[tuple[Any, ...]], Link]:
    """The rows of a batch that follow ``seq`` rows of a chain, and the digests of the last."""
    rows: list[tuple[Any, ...]] = []
    for n, access in enumerate(batch, start=seq + 1):
        values = (chain, n, *astuple(access))
        before = before.after(content(dict(zip(COLUMNS, values, strict=False))))
        rows.append((*values, before.sha256, before.sm3))
    return rows, before


def write_alone(db: psycopg.Connection[tuple[Any, ...]], instance: str, access: Access) -> None:
    """One row in a chain of its own, for what is answered by a command and not by the front door."""
    chain = chain_name(instance)
    rows, _ = linked(chain, 0, begun(chain), [access])
    db.execute(INSERT, rows[0])


class AccessLog:
    """Keep ``run`` running in the loop; ``write`` returns when the row is committed."""

    def __init__(self, dsn: str, instance: str, metrics: ServiceMetrics, log: Log) -> None:
        self._dsn = dsn
        self._instance = instance
        self._metrics = metrics
        self._log = log
        self._queue: list[tuple[Access, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self.opened = asyncio.Event()

    async def write(self, access: Access) -> None:
        """Raises Unavailable if the row is not known to be committed: then nothing may be answered."""
        if not self.opened.is_set():
            raise Unavailable(said("the access log cannot be written now"))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((access, done))
        self._arrived.set()
        try:
            async with asyncio.timeout(WRITE_S):
                await done
        except TimeoutError:
            raise Unavailable(said("the access log was not written in time")) from None

    async def run(self) -> None:
        """Stay connected, until cancelled. Raises what is not Unavailable, such as AccessDenied."""
        while True:
            try:
                await self._session()
            except (Unavailable, psycopg.DataError, psycopg.IntegrityError) as error:
                # The latter two refuse a row; their text may hold its values.
                detail = str(error) if isinstance(error, Unavailable) else error.sqlstate
                self._metrics.errors.labels("api", type(error).__name__).inc()
                self._log.warning("access log left", reason=type(error).__name__, detail=detail)
            finally:
                self._give_up()
            await asyncio.sleep(PAUSE_S)

    async def _session(self) -> None:
        with translated(self._dsn):
            connected = await psycopg.AsyncConnection.connect(
                self._dsn,
                application_name=f"qianbei api access {self._instance}",
                connect_timeout=10,
                options="-c TimeZone=UTC -c statement_timeout=3s",
            )
            async with connected as db:
                self.opened.set()
                await self._serve(db, chain_name(self._instance))

    async def _serve(self, db: Connection, chain: str) -> None:
        seq, link = 0, begun(chain)
        while True:
            await self._something(db)
            taken = self._queue[:_MOST]
            batch = [one for one in taken if not one[1].done()]
            if batch:
                rows, link = linked(chain, seq, link, [access for access, _ in batch])
                await self._commit(db, rows)
            seq += len(batch)
            del self._queue[: len(taken)]
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
            if not self._queue:
                self._arrived.clear()

    async def _something(self, db: Connection) -> None:
        """Wait for a row; meanwhile see that the connection lives, so that no call has to find out."""
        while not self._arrived.is_set():
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._arrived.wait()
            except TimeoutError:
                async with db.transaction():
                    await db.execute("SELECT 1")

    async def _commit(self, db: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        # All is sent at once, the commit too, and the end of the block waits for the last answer: one trip to the server.
        async with db.pipeline(), db.transaction():
            for row in rows:
                await db.execute(INSERT, row)

    def _give_up(self) -> None:
        self.opened.clear()
        self._arrived.clear()
        waiting, self._queue = self._queue, []
        for _, done in waiting:
            if not done.done():
                done.set_exception(Unavailable(said("the access log was not written")))
