"""A Postgres alone, for tests of the store: no Kafka, no registry, up in seconds."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.connect import Connection, connected
from tests.machine.server import empty_database, postgres_server
from tests.support.batches import impatient


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The superuser's DSN of a server."""
    folder = tempfile.TemporaryDirectory(prefix="qianbei-test-", ignore_cleanup_errors=True)
    with folder as home, postgres_server(Path(home)) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def dsn(postgres: str) -> Iterator[str]:
    """A database with the exchange's tables for the tests of one module."""
    with empty_database(postgres) as database:
        yield database


@pytest.fixture
def db(dsn: str) -> Iterator[Connection]:
    with connected(dsn, "tests") as connection:
        yield connection


@pytest.fixture
def other(dsn: str) -> Iterator[Connection]:
    """A second session, which raises LockNotAvailable instead of waiting for locks."""
    with impatient(dsn) as connection:
        yield connection
