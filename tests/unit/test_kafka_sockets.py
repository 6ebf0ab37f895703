"""A connection that does not come about leaves no open socket behind."""

import socket
import types
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from kafka import errors
from kafka.net.inet import KafkaNetSocket

from broker.kafka.connection import Connection

Address = tuple[str, int]


class Net:
    """What kafka-python's selector gives a coroutine to wait on: one step, then whatever the test does."""

    @types.coroutine
    def wait_write(self, sock: socket.socket, timeout_at: float | None = None) -> Iterator[None]:
        yield


@pytest.fixture
def full() -> Iterator[Address]:
    """A port whose queue is full: a connection to it neither comes about nor fails."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first:
        address: Address = server.getsockname()
        first.connect(address)
        yield address


@pytest.fixture
def refusing() -> Address:
    """A port nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address: Address = server.getsockname()
        return address


@pytest.fixture
def connecting() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.setblocking(False)
        yield sock


def sockets() -> Any:
    """The class that kafka-python makes of the settings every client of ours is given."""
    return KafkaNetSocket(Connection("127.0.0.1:1", "PLAINTEXT").client_config()["proxy_url"])


def steps(waiting: Coroutine[None, None, socket.socket]) -> None:
    """Go on until the coroutine ends: StopIteration has its value."""
    while True:
        waiting.send(None)


def test_a_wait_that_is_given_up_closes_the_socket(full: Address, connecting: socket.socket) -> None:
    waiting = sockets().sock_connect(Net(), connecting, full)
    waiting.send(None)
    waiting.close()
    assert connecting.fileno() == -1


def test_a_refused_connection_closes_the_socket(refusing: Address, connecting: socket.socket) -> None:
    waiting = sockets().sock_connect(Net(), connecting, refusing)
    with pytest.raises(errors.KafkaConnectionError):
        steps(waiting)
    assert connecting.fileno() == -1


def test_a_connection_keeps_its_socket(connecting: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        waiting = sockets().sock_connect(Net(), connecting, server.getsockname())
        with pytest.raises(StopIteration) as done:
            steps(waiting)
    assert done.value.value is connecting
    assert connecting.fileno() != -1
