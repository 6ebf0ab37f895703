"""Who may not, and clients that behave badly: a clear answer, and nothing is written."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from broker.api.tokens import revoke
from broker.store.connect import connected
from qianbei.site import Site
from tests.support.door_client import client, file, known_client, problem, site_token, story, written
from tests.support.exchange import until
from tests.support.front_door import json_of, new_id
from tests.support.story import Event

# --- who may --------------------------------------------------------------------------------------------------------


def test_wrong_tokens_open_nothing(site: Site, url: str) -> None:
    unit = story()[0]
    before = written(site)
    gone, presented = site_token(site, "bureau")
    with connected(site.admin.dsn(), "test") as db:
        revoke(db, gone.token_id)
    expired = site_token(site, "bureau", days=0)[1]
    for token in (None, "x", presented, expired, presented[:-1] + ("0" if presented[-1] != "0" else "1")):
        with client(url, token) as one:
            answer = file(one, unit)
            problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert written(site) == before


def test_a_revoked_token_stops_at_once(site: Site, url: str) -> None:
    token, presented = site_token(site, "bureau", "read")
    with known_client(url, presented) as one:
        with connected(site.admin.dsn(), "test") as db:
            revoke(db, token.token_id)
        until("it is refused", lambda: one.get(f"/v1/decisions/{new_id()}").status_code == 401, 2)


def test_a_foreign_source_and_a_missing_scope_write_nothing(
    site: Site, url: str, bureau: httpx.Client
) -> None:
    unit = story()[0]
    file(bureau, unit)
    before = written(site)
    foreign = json_of(Event("bureau", "unit", unit.record | {"event_id": new_id(), "source": "court"}))
    problem(bureau.post("/v1/filings/unit", json=foreign), 403, "forbidden")
    problem(bureau.post("/v1/filings/seizure", json={}), 403, "forbidden")
    with known_client(url, site_token(site, "bureau", "read")[1]) as reader:
        problem(file(reader, unit), 403, "forbidden")
    with known_client(url, site_token(site, "tax")[1]) as tax:
        problem(tax.get(f"/v1/decisions/{unit.record['event_id']}"), 404, "not-found")
    assert written(site) == before


# --- bad clients ----------------------------------------------------------------------------------------------------


def test_an_oversized_body_is_refused_while_it_is_read(bureau: httpx.Client, site: Site) -> None:
    before = written(site)
    large = json.dumps({"padding": "x" * 600_000}).encode()
    as_json = {"Content-Type": "application/json"}
    problem(bureau.post("/v1/filings/unit", content=large, headers=as_json), 413, "too-large")
    parts = (large[at : at + 10_000] for at in range(0, len(large), 10_000))
    problem(bureau.post("/v1/filings/unit", content=parts, headers=as_json), 413, "too-large")
    assert written(site) == before


def raw(url: str, *parts: bytes, pause: float = 0.0, patience: float = 20.0) -> bytes:
    """Send bytes as they are, and read until the end of the connection."""
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 80), timeout=patience) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_a_slow_client_is_sent_away(site: Site, url: str) -> None:
    token = site_token(site, "bureau")[1]
    with known_client(url, token):
        before = written(site)
    head = (
        f"POST /v1/filings/unit HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    ).encode()
    with ThreadPoolExecutor(2) as pool:
        body = pool.submit(raw, url, head, b'{"event_id": ')
        headers = pool.submit(raw, url, b"POST /v1/filings/unit HTTP/1.1\r\nHost: ")
        assert body.result().startswith(b"HTTP/1.1 408 ")
        assert headers.result().startswith(b"HTTP/1.1 408 ")
    assert written(site) == before


def test_what_is_no_http_and_headers_without_end_get_a_clear_answer(url: str) -> None:
    assert raw(url, b"\x16\x03\x01 not http\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    endless = b"GET /healthz HTTP/1.1\r\nHost: door\r\n" + b"X-Padding: " + b"x" * 40_000
    assert raw(url, endless).startswith(b"HTTP/1.1 431 ")
