"""The stack's TCP ports: chosen once, kept in `ports.json`, so that what clients were told stays true."""

import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from qianbei.stack.errors import StackError
from qianbei.stack.home import read_json, write_private
from qianbei.stack.probes import LOOPBACK
from schemas.said import said

CANDIDATES = range(20_000, 32_000)
"""Below the range from which systems take ports for outgoing connections: a port stays ours while the stack
is down."""

LOOKS, LOOK_SECONDS = 30, 0.1


@dataclass(frozen=True)
class Ports:
    """One port a listener."""

    kafka: int
    kafka_controller: int
    postgres: int
    registry: int
    registry_management: int


def load_or_choose(path: Path) -> Ports:
    """The ports of this home; free ones on the first start."""
    known = read_json(path)
    if known is not None:
        try:
            return Ports(**known)
        except TypeError as error:
            raise StackError(
                said("the list of ports is damaged"),
                str(path),
                said("remove that file while the stack is down"),
            ) from error
    free = _free_ports()
    ports = Ports(*(next(free) for _ in range(5)))
    write_private(path, json.dumps(asdict(ports), indent=1))
    return ports


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as attempt:
        # As servers do: connections of an earlier server that linger in TIME_WAIT are no hindrance.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def require_free_port(
    name: str, port: int, ports_file: Path, pause: Callable[[float], None] = time.sleep
) -> None:
    """`StackError` naming the process that listens on the port, and goes on doing so: the system takes a
    moment to close the sockets of a killed server."""
    for _ in range(LOOKS):
        if is_free(port):
            return
        pause(LOOK_SECONDS)
    raise StackError(
        said("the port of {name} is taken by {port}", name=name, port=holder(port)),
        f"{LOOPBACK}:{port}",
        said(
            "stop that program, or run `qianbei down`, remove {ports_file} and start again on other ports",
            ports_file=ports_file,
        ),
    )


def holder(port: int) -> str:
    """The process that listens on the port, as far as this user may see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another program"
    for connection in connections:
        if (
            connection.laddr
            and connection.laddr[1] == port
            and connection.status == psutil.CONN_LISTEN
            and connection.pid
        ):
            return _describe(connection.pid)
    return "another program"


def _describe(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"pid {pid}"


def _free_ports() -> Iterator[int]:
    for port in random.SystemRandom().sample(CANDIDATES, len(CANDIDATES)):
        if is_free(port):
            yield port


def free_port() -> int:
    """A loopback port on which nothing listens now."""
    return next(_free_ports())
