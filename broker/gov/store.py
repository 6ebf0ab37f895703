"""What the citizens' channel keeps in Postgres: which keys stand, which nonces were used, which receipts were given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.errors import ConfigError
from broker.store.connect import translated
from broker.store.pool import Connection, Pool, pooled
from schemas.said import said

_POOL = 4
_OPTIONS = "-c TimeZone=UTC -c statement_timeout=2s"


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt as it is kept."""

    receipt_id: str
    key_id: str
    text: str


class Store:
    """A small pool; each method is one statement that commits by itself. Methods raise Unavailable."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: Pool | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connections are made as they are needed."""
        async with pooled(
            self._dsn, "qianbei api gov", options=_OPTIONS, most=_POOL, autocommit=True
        ) as pool:
            self._pool = pool
            try:
                yield
            finally:
                self._pool = None

    async def principal_of(self, key_id: str) -> str | None:
        """Whose key it is, if it is neither expired nor revoked."""
        async with self._connection() as db:
            cursor = await db.execute(
                "SELECT principal FROM front.signing_key"
                " WHERE key_id = %s AND revoked_at IS NULL AND expires_at > now()",
                (key_id,),
            )
            row = await cursor.fetchone()
        return None if row is None else str(row[0])

    async def use_nonce(self, key_id: str, nonce: str, keep_s: int) -> bool:
        """Whether it is used for the first time; it is remembered for so many seconds, and what is older is forgotten."""
        async with self._connection() as db:
            await db.execute("DELETE FROM front.nonce WHERE forget_at < now()")
            cursor = await db.execute(
                "INSERT INTO front.nonce (key_id, nonce, forget_at)"
                " VALUES (%s, %s, now() + make_interval(secs => %s)) ON CONFLICT DO NOTHING",
                (key_id, nonce, keep_s),
            )
        return cursor.rowcount == 1

    async def keep(self, kept: Kept) -> None:
        """Keep a receipt."""
        async with self._connection() as db:
            await db.execute(
                "INSERT INTO front.receipt (receipt_id, key_id, text, given_at) VALUES (%s, %s, %s, now())",
                (kept.receipt_id, kept.key_id, kept.text),
            )

    async def receipt(self, receipt_id: str, principal: str) -> str | None:
        """The text of a receipt that was given to this principal, under whichever of its keys."""
        async with self._connection() as db:
            cursor = await db.execute(
                "SELECT r.text FROM front.receipt r JOIN front.signing_key k USING (key_id)"
                " WHERE r.receipt_id = %s AND k.principal = %s",
                (receipt_id, principal),
            )
            row = await cursor.fetchone()
        return None if row is None else str(row[0])

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise ConfigError(said("the store is not open"))
        with translated(self._dsn):
            async with self._pool.connection() as db:
                yield db
