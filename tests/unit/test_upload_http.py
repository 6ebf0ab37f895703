"""The upload over HTTP: signed both ways, idempotent, encrypted, patient while the receiver is away, and no longer."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.errors import AccessDenied, ConfigError, Unavailable
from broker.settings import Listen
from consumers.outputs.webhook import sign
from consumers.upload.config import Route, Way
from consumers.upload.link import Backoff, NotTaken, http_link, patiently, signed_part
from consumers.upload.parcel import SIGNATURE, TIMESTAMP, Parcel, Question
from consumers.upload.server import receiver_app, served
from tests.integration.test_front_door_tls import certificate
from tests.support.uploading import COUNTIES, KEY, Ends, carry, quick_disk, some_filings

DAY = "2026-11-25"
SECRET = bytes.fromhex(KEY)
CITY = Route("city", "411402").channel


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ends:
    quick_disk(monkeypatch)
    return Ends(tmp_path, f"sqlite:///{tmp_path}/received.db")


@contextmanager
def receiving(ends: Ends, **listen: Any) -> Iterator[str]:
    place = Listen(**{"host": "127.0.0.1", "port": 0, "certfile": None, "keyfile": None, **listen})
    with served(receiver_app(ends.receiver, SECRET), place) as url:
        yield url


def test_batches_and_figures_over_tls(ends: Ends) -> None:
    files = certificate(ends.folder)
    filings = some_filings(60, (DAY,))
    with ExitStack() as stack:
        url = stack.enter_context(receiving(ends, certfile=files.certfile, keyfile=files.keyfile))
        assert url.startswith("https://")
        way = Way(url=url, key=Path("both.key"), ca=files.certfile)
        link = stack.enter_context(http_link(way, SECRET))
        ends.links = {"city": link}
        assert not ends.send(filings).problems
        assert sum(ends.held().values()) == 60
        totals = link.ask(CITY, DAY, Question(level="totals"))
        assert totals == ends.store.figures(CITY.name, DAY).totals()
        with http_link(Way(url=url, key=Path("both.key")), SECRET) as unknown, pytest.raises(Unavailable):
            unknown.ask(CITY, DAY, Question(level="totals"))


def test_who_has_another_key_gets_nothing_and_changes_nothing(ends: Ends) -> None:
    with receiving(ends) as url, http_link(Way(url=url, key=Path("k")), b"o" * 32) as link:
        with pytest.raises(AccessDenied, match="key or clock"):
            link.ask(CITY, DAY, Question(level="totals"))
        ends.links = {"city": link}
        done = ends.send(some_filings(5, (DAY,)))
        assert {type(error) for error in done.problems.values()} == {AccessDenied}
    assert not ends.held()
    assert not (ends.folder / "received").exists()


def test_an_old_request_is_not_played_again_and_one_of_another_path_neither(ends: Ends) -> None:
    path, body = f"/v1/figures/{CITY.name}/{DAY}", Question(level="totals").encoded()

    def asked(url: str, at: float, signed: str) -> int:
        stamp = str(int(at))
        headers = {TIMESTAMP: stamp, SIGNATURE: sign(SECRET, stamp, signed_part(signed, body))}
        return httpx.post(url + path, content=body, headers=headers, trust_env=False).status_code

    with receiving(ends) as url:
        now = time.time()
        assert asked(url, now, path) == 200
        assert asked(url, now - 600, path) == 403
        assert asked(url, now, path.replace("25", "26")) == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/batches/city.411499/1", Parcel(manifest="", signature=None, files={}).encoded(), 422),
        ("/v1/batches/city.411402/1", b"{", 422),
        ("/v1/batches/city.411402/1", b'{"manifest":"","signature":null,"files":{"../x":"y"}}', 422),
        ("/v1/batches/city.411402/1", b'{"manifest":"","signature":null,"files":{"manifest.json":"y"}}', 422),
        ("/v1/batches/city.411402/7", Parcel(manifest="{}", signature=None, files={}).encoded(), 409),
        ("/v1/figures/city.411402/today", Question(level="totals").encoded(), 422),
        ("/v1/figures/city.411402/2026-11-25", b'{"level":"all"}', 422),
    ],
)
def test_what_is_no_request_is_told_so(ends: Ends, path: str, body: bytes, status: int) -> None:
    with receiving(ends) as url:
        stamp = str(int(time.time()))
        headers = {TIMESTAMP: stamp, SIGNATURE: sign(SECRET, stamp, signed_part(path, body))}
        answer = httpx.post(url + path, content=body, headers=headers, trust_env=False)
    assert (answer.status_code, bool(json.loads(answer.content)["why"])) == (status, True)
    assert not ends.held()


def test_an_answer_that_was_changed_on_its_way_is_not_believed(ends: Ends) -> None:
    with receiving(ends) as url:
        honest = httpx.Client(base_url=url, trust_env=False)

        def meddle(request: httpx.Request) -> httpx.Response:
            answer = honest.request(
                request.method, request.url.path, content=request.content, headers=request.headers
            )
            changed = answer.content.replace(b'"count": 0', b'"count": 9')
            return httpx.Response(200, content=changed, headers={SIGNATURE: answer.headers[SIGNATURE]})

        with http_link(Way(url=url, key=Path("k")), SECRET) as link, honest:
            link._client = httpx.Client(base_url=url, transport=httpx.MockTransport(meddle))  # type: ignore[attr-defined]
            with pytest.raises(AccessDenied, match="not signed with our key"):
                link.ask(CITY, DAY, Question(level="totals"))


@pytest.mark.parametrize(
    ("status", "kind"), [(503, Unavailable), (429, Unavailable), (403, AccessDenied), (409, NotTaken)]
)
def test_what_an_answer_means(ends: Ends, status: int, kind: type[Exception]) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"why": "an earlier batch is missing"})

    with http_link(Way(url="http://127.0.0.1:1", key=Path("k")), SECRET) as link:
        link._client = httpx.Client(base_url="http://127.0.0.1:1", transport=httpx.MockTransport(answer))  # type: ignore[attr-defined]
        with pytest.raises(kind):
            link.ask(CITY, DAY, Question(level="totals"))


def test_patience_is_bounded_and_grows() -> None:
    pauses: list[float] = []

    class Told(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            return False

    def away() -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        patiently(away, Told(), Backoff(attempts=6, pause_s=1, longest_s=5))
    assert pauses == [1, 2, 4, 5, 5]


def test_beyond_loopback_there_is_no_http(ends: Ends) -> None:
    with pytest.raises(ConfigError, match="--certfile"), receiving(ends, host="0.0.0.0"):
        pass


def test_ways_of_files_end_in_the_same_state(ends: Ends) -> None:
    filings = some_filings(30, (DAY,))
    ends.links = {}
    ways = {"ways": {"city": {"key": "both.key"}}, "store": "sender"}
    done = ends.send(filings, **ways)
    assert (done.published, done.taken) == (len(COUNTIES), 0)
    for channel in (ends.folder / "sender").glob("city.*"):
        there = ends.folder / "received" / channel.name
        carry(channel / "outbox", there / "inbox")
    assert not [why for found in ends.receiver.take_what_lies_there().values() for why in found]
    for channel in (ends.folder / "sender").glob("city.*"):
        carry(ends.folder / "received" / channel.name / "receipts", channel / "receipts")
    assert ends.send(filings, **ways).taken == len(COUNTIES)
    assert sum(ends.held().values()) == 30
