"""Readiness probes: functions from a child's log file to "it is ready". Each is one quick look, never a
wait."""

import http.client
import socket
from collections.abc import Callable
from pathlib import Path

Probe = Callable[[Path], bool]

LOOPBACK = "127.0.0.1"


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def always(_log: Path) -> bool:
    """Ready as soon as it runs."""
    return True


def tcp(port: int, host: str = LOOPBACK) -> Probe:
    """Ready when the port accepts connections."""
    return lambda _log: answers(port, host)


def log_says(text: str) -> Probe:
    """Ready when the log of this start holds `text` (the supervisor begins a new log at each start)."""
    needle = text.encode()
    return lambda log: log.exists() and needle in log.read_bytes()


def http_ok(port: int, path: str) -> Probe:
    """Ready when GET answers 200."""

    def probe(_log: Path) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def all_of(*probes: Probe) -> Probe:
    """Ready when each of them is."""
    return lambda log: all(probe(log) for probe in probes)
