"""Connections for many short statements of one event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Pool = AsyncConnectionPool[Connection]

WAIT_S = 2.0
"""Who waits longer than this for a connection gets psycopg's PoolTimeout, which ``translated`` turns into Unavailable."""


@asynccontextmanager
async def pooled(
    dsn: str,
    application: str,
    *,
    options: str,
    most: int,
    least: int = 1,
    autocommit: bool = False,
    prepare_after: int = 5,
) -> AsyncIterator[Pool]:
    """A pool of at most so many, of which ``least`` are kept at any time. It opens even where the server is away: who asks then notices.

    A statement is prepared on a connection when it was asked there ``prepare_after`` times.
    """
    pool = AsyncConnectionPool(
        dsn,
        connection_class=Connection,
        kwargs={
            "application_name": application,
            "connect_timeout": 10,
            "options": options,
            "autocommit": autocommit,
            "prepare_threshold": prepare_after,
        },
        min_size=least,
        max_size=most,
        timeout=WAIT_S,
        open=False,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close()
