"""Reading bodies: strict JSON, bounded while it comes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Any

import pytest
from starlette.requests import Request

from broker.api.bodies import parsed, read_json
from broker.api.problems import ProblemError

JSON = (b"content-type", b"application/json")


class Sent:
    """A request whose body comes in these parts; None is a client that leaves, a number a pause in seconds."""

    def __init__(
        self, parts: Iterable[bytes | float | None], headers: Iterable[tuple[bytes, bytes]] = (JSON,)
    ) -> None:
        self.read = 0
        self._parts = self._messages(parts)
        self.request = Request({"type": "http", "method": "POST", "headers": list(headers)}, self._receive)

    async def _messages(self, parts: Iterable[bytes | float | None]) -> AsyncIterator[dict[str, Any]]:
        for part in parts:
            if part is None:
                yield {"type": "http.disconnect"}
            elif isinstance(part, bytes):
                self.read += 1
                yield {"type": "http.request", "body": part, "more_body": True}
            else:
                await asyncio.sleep(part)
        yield {"type": "http.request", "body": b"", "more_body": False}

    async def _receive(self) -> Any:
        return await anext(self._parts)


def read(sent: Sent, max_bytes: int = 100, max_s: float = 5) -> Any:
    return asyncio.run(read_json(sent.request, max_bytes, max_s))


def problem(sent: Sent, **limits: Any) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        read(sent, **limits)
    return caught.value


def test_a_body_is_read_in_parts_with_exact_numbers() -> None:
    assert read(Sent([b'{"a": 0.1', b"0, ", b'"b": [1]}'])) == {"a": Decimal("0.10"), "b": [1]}
    with_charset = (b"content-type", b"Application/JSON; charset=utf-8")
    assert read(Sent([b"1"], [with_charset])) == 1


def test_a_long_body_is_read_too() -> None:
    assert read(Sent([b'"' + b"x" * 100_000 + b'"']), max_bytes=200_000) == "x" * 100_000


@pytest.mark.parametrize("headers", [[], [(b"content-type", b"text/plain")]])
def test_what_is_not_declared_as_json_is_not_read(headers: list[tuple[bytes, bytes]]) -> None:
    sent = Sent([b"{}"], headers)
    assert problem(sent).status == 415
    assert sent.read == 0


def test_too_much_is_refused_whether_it_was_declared_or_not() -> None:
    declared = (b"content-length", b"1000")
    for sent in (Sent([b"x" * 1000], [JSON, declared]), Sent([b"x" * 60, b"x" * 60])):
        found = problem(sent)
        assert found.status == 413
        assert found.headers["Connection"] == "close"
    assert read(Sent([b'"' + b"x" * 98 + b'"'])) == "x" * 98


def test_who_asks_before_sending_too_much_need_not_send() -> None:
    sent = Sent([b"x" * 1000], [JSON, (b"content-length", b"1000"), (b"expect", b"100-continue")])
    assert problem(sent).status == 413
    assert sent.read == 0


def test_who_sends_without_end_is_not_heard_for_ever() -> None:
    part = b"x" * 1_000_000
    sent = Sent(part for _ in range(100))
    assert problem(sent).status == 413
    assert sent.read < 10


def test_a_slow_body_and_a_client_that_leaves_end() -> None:
    slow = problem(Sent([b"{", 10.0, b"}"]), max_s=0.05)
    assert slow.status == 408
    assert slow.headers["Connection"] == "close"
    assert problem(Sent([b"{", None])).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b"NaN",
        b"[Infinity]",
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"1" * 5_000,
    ],
)
def test_what_is_no_strict_json_is_400_and_shows_nothing_of_it(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        parsed(body)
    assert caught.value.status == 400
    assert len(str(caught.value.document())) < 400


def test_a_name_that_is_there_twice_is_a_problem_of_that_field() -> None:
    with pytest.raises(ProblemError) as caught:
        parsed(b'{"version": 1, "version": 2}')
    assert caught.value.status == 422
    assert caught.value.more["problems"][0]["path"] == "version"
    with pytest.raises(ProblemError) as unnamed:
        parsed('{"王某": 1, "王某": 2}'.encode())
    assert "王" not in str(unnamed.value.document())
