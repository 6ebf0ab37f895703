"""HTTP/1.1 as uvicorn speaks it, and what that leaves open: clients that send too slowly or are too many, and a clear
answer to one that sends no HTTP, or headers without end."""

import asyncio
import socket
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from broker.api.limits import Limits
from broker.api.problems import MEDIA_TYPE, ProblemError, unavailable


class DoorProtocol(H11Protocol):
    """One connection. See ``protocol_for``."""

    limits = Limits()
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Headers and body are two writes. Without this the body waits for the client to acknowledge the headers, 40 ms: asyncio
        # sees to it by itself only for sockets that were made as TCP by name, and those of ``socket.create_server`` are not.
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self.limits.connections:
            self._refuse(unavailable("too many connections are open"))
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Of a request that was answered before it was read, the rest is thrown away; that may not take for ever either.
        answered = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if self.conn.their_state is h11.IDLE or answered:
            self._watch()
        else:
            self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.header_s, self._too_slow)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state is not h11.IDLE:
            self.transport.close()
            return
        self._refuse(
            ProblemError(
                "timeout",
                f"the request's headers did not arrive within {self.limits.header_s:g} s",
                "send them without pauses",
            )
        )

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn says the same of every error
        error = sys.exc_info()[1]
        if getattr(error, "error_status_hint", 400) == 431:
            most = self.limits.header_bytes
            self._refuse(
                ProblemError("headers-too-large", f"headers of more than {most} bytes", "send fewer headers")
            )
        else:
            self._refuse(ProblemError("bad-request", "this is not HTTP/1.1", "use an HTTP client"))

    def _refuse(self, problem: ProblemError) -> None:
        body = bytes(problem.response().body)
        own = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), "connection": "close"}
        headers = [*own.items(), *problem.headers.items()]
        events: list[Any] = [
            h11.Response(status_code=problem.status, headers=headers, reason=b""),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        try:
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer is under way already; the client learns by the end of the connection
        self.transport.close()


def protocol_for(limits: Limits) -> type[DoorProtocol]:
    """The protocol of connections under these limits: uvicorn makes each by itself and gives it none of ours."""
    return type("DoorProtocol", (DoorProtocol,), {"limits": limits})
