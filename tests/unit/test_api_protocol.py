"""Connections of clients that send too slowly, too much, or no HTTP: each gets an answer, and an end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from broker.api.limits import Limits
from broker.api.protocol import protocol_for

HOST = b"Host: door\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers 204 at once: it reads no body."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@asynccontextmanager
async def listening(limits: Limits) -> AsyncIterator[int]:
    config = uvicorn.Config(
        application,
        http=protocol_for(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        h11_max_incomplete_event_size=limits.header_bytes,
        timeout_keep_alive=5,
    )
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: config.http_protocol_class(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def read_out(reader: asyncio.StreamReader) -> bytes:
    """All up to the end; who still sends when the other side closes gets a reset for it."""
    found = b""
    with suppress(ConnectionError):
        while part := await reader.read(65536):
            found += part
    return found


def exchange(*parts: bytes, limits: Limits | None = None, pause: float = 0.0) -> bytes:
    """Send the parts; what is answered until the connection ends."""

    async def run() -> bytes:
        async with listening(limits or Limits(header_s=0.2)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answer = asyncio.create_task(read_out(reader))
            for part in parts:
                if answer.done():
                    break
                writer.write(part)
                await asyncio.sleep(pause)
            found = await asyncio.wait_for(answer, 3)
            writer.transport.abort()
            return found

    return asyncio.run(run())


def is_problem(answer: bytes, status: int) -> bool:
    return (
        answer.startswith(b"HTTP/1.1 %d " % status)
        and b"application/problem+json" in answer
        and b'"mend"' in answer
    )


@pytest.mark.parametrize("parts", [(), (b"POST /v1/fil",), (b"POST / HTTP/1.1\r\n", HOST, b"X-A: b\r\n")])
def test_headers_that_do_not_end_in_time_are_408(parts: tuple[bytes, ...]) -> None:
    assert is_problem(exchange(*parts), 408)


def test_dripping_headers_do_not_buy_time() -> None:
    drops = [b"GET / HTTP/1.1\r\n", HOST, *[b"X-A: b\r\n"] * 5]
    assert is_problem(exchange(*drops, pause=0.05), 408)


def test_dripping_the_rest_of_an_answered_request_does_not_either() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n" + HOST + b"\r\n"
    answer = exchange(head, *[b"x"] * 10, pause=0.05)
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_what_is_no_http_is_400_and_headers_without_end_are_431() -> None:
    assert is_problem(exchange(b"\x16\x03\x01 hello\r\n\r\n"), 400)
    assert is_problem(exchange(b"GET / HTTP/1.1\r\nX-A: " + b"x" * 40_000), 431)


def test_a_connection_that_is_kept_serves_again_after_a_pause() -> None:
    request = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET / HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
    answer = exchange(request, request, last, pause=0.3)
    assert answer.count(b"HTTP/1.1 204 ") == 3


def test_one_connection_too_many_is_503() -> None:
    async def run() -> bytes:
        async with listening(Limits(connections=2)) as port:
            kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answer = await asyncio.wait_for(reader.read(), 3)
            for _, one in (*kept, (reader, writer)):
                one.close()
            return answer

    answer = asyncio.run(run())
    assert is_problem(answer, 503)
    assert b"Retry-After: 1" in answer


def test_the_body_of_an_answer_does_not_wait_until_its_headers_are_acknowledged() -> None:
    """Nagle's algorithm would hold it back for as long as a client delays that: 40 ms of every call."""
    found = []

    class Seen(protocol_for(Limits())):  # type: ignore[misc]
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            accepted = transport.get_extra_info("socket")
            found.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def run() -> None:
        config = uvicorn.Config(application, http=Seen, ws="none", lifespan="off", log_config=None)
        config.load()
        state = uvicorn.server.ServerState()
        # As the service makes it: asyncio itself takes care only of sockets that name their protocol.
        with socket.create_server(("127.0.0.1", 0)) as bound:
            server = await asyncio.get_running_loop().create_server(
                lambda: Seen(config=config, server_state=state, app_state={}), sock=bound
            )
            async with server:
                reader, writer = await asyncio.open_connection(*bound.getsockname())
                writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                await read_out(reader)
                writer.close()
                await writer.wait_closed()

    asyncio.run(run())
    assert found == [1]
