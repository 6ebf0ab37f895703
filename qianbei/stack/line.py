"""The dedicated line: one more listener of Kafka, with TLS, for those who show a certificate.

It is off unless an address is given (``qianbei up --line``, ``QIANBEI_LINE``). Its files lie in ``<secrets>/line/``:
``ca.pem``, whom it trusts, and ``server-keystore.pem``, its own key and certificate (``qianbei.line`` makes both).
"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from qianbei.stack.errors import StackError
from schemas.said import said

FOLDER = "line"
TRUSTED, SERVER = "ca.pem", "server"


def keystore_name(name: str) -> str:
    """The file that holds a key and its certificate: what Kafka and its Java clients take."""
    return f"{name}-keystore.pem"


@dataclass(frozen=True, slots=True)
class Line:
    """Where the line listens, as its clients know it, and its files."""

    host: str
    port: int
    keystore: Path
    truststore: Path

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def line_at(address: str, secrets: Path) -> Line:
    """The line at ``host:port``. Raises StackError for an address that clients could not use, or missing files."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise StackError(said("a line is given as HOST:PORT"), address, said("write it as 127.0.0.1:9098"))
    if _is_any(host):
        raise StackError(
            said("a line has one address, which its clients are told"),
            host,
            said("give the address of this machine"),
        )
    folder = secrets / FOLDER
    found = Line(host, int(port), folder / keystore_name(SERVER), folder / TRUSTED)
    for path in (found.truststore, found.keystore):
        if not path.is_file():
            raise StackError(
                said("the line has no certificate"),
                str(path),
                said(
                    "run `qianbei line ca` and `qianbei line issue server --host {host}`, or put your "
                    "own files there",
                    host=host,
                ),
            )
    return found


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
