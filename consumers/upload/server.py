"""The receiver over HTTP. Every request is signed; what is not is answered 403 and touches nothing."""

import json
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Path

from broker.batches import BadBatch
from broker.errors import ConfigError, Unavailable
from broker.settings import Listen, is_loopback
from consumers.outputs.webhook import is_signed, sign
from consumers.upload.link import signed_part
from consumers.upload.parcel import (
    MAX_PARCEL_BYTES,
    SIGNATURE,
    TIMESTAMP,
    BadParcel,
    Parcel,
    Question,
    read,
)
from consumers.upload.receiver import Receiver, Waits
from schemas.said import said

_START_S = 20.0
Work = Callable[[Request, bytes], bytes]


def receiver_app(receiver: Receiver, key: bytes, *, clock: Callable[[], float] = time.time) -> Starlette:
    """The application."""

    def deliver(request: Request, body: bytes) -> bytes:
        found = request.path_params
        return receiver.deliver(found["channel"], found["number"], read(Parcel, body)).encoded()

    def ask(request: Request, body: bytes) -> bytes:
        found = request.path_params
        answer = receiver.ask(found["channel"], found["day"], read(Question, body))
        return json.dumps(answer, ensure_ascii=False).encode()

    def signed(work: Work) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await _body(request)
            if body is None:
                return JSONResponse({"why": f"longer than {MAX_PARCEL_BYTES} bytes"}, 413)
            path, stamp = request.url.path, request.headers.get(TIMESTAMP, "")
            given = request.headers.get(SIGNATURE, "")
            if not is_signed(key, stamp, given, signed_part(path, body), clock()):
                return JSONResponse(
                    {"why": "the signature is missing, wrong, or older than five minutes"}, 403
                )
            status, content = await run_in_threadpool(_worked, work, request, body)
            headers = {SIGNATURE: sign(key, stamp, signed_part(path, content))}
            return Response(content, status, media_type="application/json", headers=headers)

        return endpoint

    return Starlette(
        routes=[
            Path("/v1/batches/{channel}/{number:int}", signed(deliver), methods=["POST"]),
            Path("/v1/figures/{channel}/{day}", signed(ask), methods=["POST"]),
        ]
    )


def _worked(work: Work, request: Request, body: bytes) -> tuple[int, bytes]:
    """The status and body of an answer."""
    why: Exception
    try:
        return 200, work(request, body)
    except (BadParcel, BadBatch) as error:
        status, why = 422, error
    except Waits as error:
        status, why = 409, error
    except (Unavailable, ConfigError) as error:
        status, why = 503, error
    return status, json.dumps({"why": str(why)}, ensure_ascii=False).encode()


async def _body(request: Request) -> bytes | None:
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > MAX_PARCEL_BYTES:
            return None
    return bytes(found)


@contextmanager
def served(app: Starlette, listen: Listen) -> Iterator[str]:
    """Serve while the block runs; gives the address (port 0 asks for a free one).

    Raises ConfigError for anything but loopback without TLS, or an address that cannot be used.
    """
    if listen.certfile is None and not is_loopback(listen.host):
        raise ConfigError(
            said(
                "{host} is not loopback: give --certfile and --keyfile, or listen on 127.0.0.1",
                host=listen.host,
            )
        )
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    with _bound(listen) as bound:
        config = uvicorn.Config(
            app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_certfile=listen.certfile,
            ssl_keyfile=listen.keyfile,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            _until_started(server, thread)
            yield listen._replace(port=bound.getsockname()[1]).url
        finally:
            server.should_exit = True
            thread.join()


def _until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ConfigError(said("the receiver did not start: look at its certificate and key"))
        thread.join(0.01)


def _bound(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family)
    except OSError as error:
        raise ConfigError(
            said(
                "the receiver cannot listen on {host} port {port} ({strerror})",
                host=listen.host,
                port=listen.port,
                strerror=error.strerror,
            )
        ) from None
