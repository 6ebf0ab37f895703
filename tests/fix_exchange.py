"""The exchange that integration tests share: one stack a session, services checked before each test."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qianbei.services import SERVICES, instance_name
from tests.support.city import City
from tests.support.exchange import Exchange, exchange_on, until
from tests.support.providers import present_providers
from tests.support.story import sender, sold_house


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


@pytest.fixture
def audited(exchange: Exchange) -> Iterator[Exchange]:
    """The exchange with the audit reader beside its services."""
    exchange.restart("audit")
    yield exchange
    exchange.supervisor.stop(instance_name(SERVICES["audit"], 0))


@pytest.fixture
def filed(exchange: Exchange) -> str:
    """The contract number of a sale that tax has received, signed and filed: revisions 1 and 2."""
    events = sold_house()
    contract: str = events[-1].record["entity_id"]
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*events)
    until(
        "tax's records",
        lambda: sum(r.key == contract.encode() for r in exchange.read(["dept.tax.sale.v1"])) == 2,
    )
    return contract


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
