"""The exchange that integration tests share: one stack a session, services checked before each test."""

from collections.abc import Iterator

import pytest

from tests.support.exchange import Exchange, exchange_on
from tests.support.providers import present_providers


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A deployed exchange without services, on the first provider present."""
    with exchange_on(present_providers()[0], tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


@pytest.fixture
def exchange(deployed: Exchange) -> Exchange:
    """The exchange with one instance of each service running."""
    deployed.ensure_services(1)
    return deployed
