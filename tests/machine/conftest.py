"""One Postgres and one database for all histories."""

from collections.abc import Iterator

import pytest

from tests.fix_exchange import home
from tests.machine.exchange import Exchange
from tests.machine.people import BEGIN
from tests.machine.server import empty_database, postgres_server


@pytest.fixture(scope="session")
def machine() -> Iterator[Exchange]:
    """Three instances of admission over an in-process log; each history begins it anew."""
    with (
        home() as folder,
        postgres_server(folder) as server,
        empty_database(server) as dsn,
        Exchange.opened(dsn, BEGIN) as exchange,
    ):
        yield exchange
