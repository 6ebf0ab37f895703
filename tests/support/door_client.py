"""Clients of a running front door for tests, and what shows that nothing was written."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpx

from broker.api.tokens import Token, issue, scopes_of
from broker.kafka import Connection, PartitionReader
from broker.store.connect import connected
from qianbei.site import Site
from schemas.catalogue import load_catalogue
from tests.support.exchange import until
from tests.support.front_door import json_of, new_id
from tests.support.story import Event, sold_house

SENDERS = ("bureau", "court", "tax")


def site_token(site: Site, principal: str, *scopes: str, days: int = 1) -> tuple[Token, str]:
    """A token issued on a real database."""
    with connected(site.admin.dsn(), "test") as db:
        return issue(db, principal, scopes_of(load_catalogue(), principal, scopes), days, "test")


def client(url: str, token: str | None, tls: SSLContext | bool = True) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url, headers=headers, timeout=40, trust_env=False, verify=tls)


@contextmanager
def known_client(url: str, token: str, tls: SSLContext | bool = True) -> Iterator[httpx.Client]:
    """A client with a new token, as soon as the front door has heard of it."""
    with client(url, token, tls) as one:
        until("the token is known", lambda: one.get(f"/v1/decisions/{new_id()}").status_code != 401, 10)
        yield one


def written(site: Site) -> Mapping[object, int]:
    """How far the intake reaches and how much is decided of it: whatever is written moves one of these."""
    with PartitionReader(Connection.of(site.settings("qb-operator"))) as reader:
        places = [p for sender in SENDERS for p in reader.partitions_of(f"intake.{sender}")]
        ends = reader.end_offsets(places)
    with connected(site.admin.dsn(), "test") as db:
        query = "SELECT principal, count(*) FROM admission.decision WHERE principal = ANY(%s) GROUP BY 1"
        rows = db.execute(query, (list(SENDERS),)).fetchall()
    return {**ends, **{row[0]: int(str(row[1])) for row in rows}}


def file(one: httpx.Client, sent: Event, **query: Any) -> httpx.Response:
    return one.post(f"/v1/filings/{sent.subject}", json=json_of(sent), params=query)


def story() -> list[Event]:
    """A unit registered, its sale signed and filed: of a finished house, which needs no presale permit."""
    unit, *sales = sold_house()
    return [unit, *(Event("bureau", "sale", one.record | {"contract_kind": "12"}) for one in sales)]


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """What a problem document says, which is whole."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    assert found["type"] == f"urn:qianbei:problem:{kind}"
    assert found["status"] == status
    assert found["detail"]
    assert found["mend"]
    return found
