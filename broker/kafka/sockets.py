"""Sockets that are closed when a connection does not come about.

kafka-python 3.0.12 leaves the socket of a refused or abandoned connection to the garbage collector. It chooses the class that
connects by the scheme of ``proxy_url``, so a scheme of our own is the way in.
"""

import socket
from typing import Any

from kafka.net.inet import KafkaNetSocket

DIRECT = "direct://"


class DirectSocket(KafkaNetSocket):  # type: ignore[misc]  # kafka-python has no types
    """Connects without a proxy, and closes what did not connect."""

    SCHEMES = ("direct",)

    async def sock_connect(
        self, net: Any, sock: socket.socket, sockaddr: Any, timeout_at: float | None = None
    ) -> socket.socket:
        """The connected socket; closed on any error and when the wait is given up. Raises what kafka-python raises."""
        try:
            connected: socket.socket = await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise
        return connected
