"""The front door of the shared exchange, and a client of it with a bureau's token."""

from collections.abc import Iterator

import httpx
import pytest

from qianbei.site import Site
from tests.support.door_client import known_client, site_token
from tests.support.exchange import Exchange


@pytest.fixture
def site(exchange: Exchange) -> Site:
    return exchange.site


@pytest.fixture
def url(site: Site) -> str:
    return site.front_doors()[0]


@pytest.fixture
def bureau(site: Site, url: str) -> Iterator[httpx.Client]:
    with known_client(url, site_token(site, "bureau")[1]) as one:
        yield one
