"""The exchange that integration tests share: one stack a session, services checked before each test."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.city import City
from tests.support.exchange import Exchange, exchange_on
from tests.support.providers import present_providers


@contextmanager
def home() -> Iterator[Path]:
    """A folder for one stack. Not pytest's own: another session would clear it away under a running server."""
    with tempfile.TemporaryDirectory(prefix="qianbei-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def deployed() -> Iterator[Exchange]:
    """A deployed exchange without services, on the first provider present."""
    with home() as folder, exchange_on(present_providers()[0], folder) as exchange:
        yield exchange


@pytest.fixture
def exchange(deployed: Exchange) -> Exchange:
    """The exchange with one instance of each service running."""
    deployed.ensure_services(1)
    return deployed


@pytest.fixture(scope="session")
def simulated() -> Iterator[City]:
    """An exchange of its own for simulated cities."""
    with home() as folder, exchange_on(present_providers()[-1], folder) as exchange:
        yield City(exchange)


@pytest.fixture
def city(simulated: City) -> City:
    """The city's exchange with one instance of each service running."""
    simulated.exchange.ensure_services(1)
    return simulated
