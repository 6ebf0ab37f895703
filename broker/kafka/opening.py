"""Clients of kafka-python of which nothing is left: neither when they do not come about, nor when they are closed.

kafka-python 3.0.12 keeps the thread and the sockets of a client whose construction fails: where Kafka is away for an hour, a
service that tries again and again would gather them. And it leaves open the socket of a connection that is closed just when
a request is to be written to it. It takes the class of the network's side as a setting, which is the way in.
"""

from collections.abc import Callable
from typing import Any

from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector


def opened(make: Callable[..., Any], config: dict[str, Any]) -> Any:
    """The client that ``make`` makes of ``config``. Raises what kafka-python raises, after its thread and sockets have ended."""
    begun: list[Network] = []

    def network(**settings: Any) -> Network:
        begun.append(Network(**settings))
        return begun[-1]

    try:
        return make(**config, kafka_client=network)
    except BaseException:
        for one in begun:
            one.close()
        raise


class _Manager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no types
    """Remembers what it has connected."""

    def __init__(self, net: Any, **config: Any) -> None:
        super().__init__(net, **config)
        self.transports: list[Any] = []

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        self.transports = [one for one in (*self.transports, transport) if one._sock is not None]  # noqa: SLF001
        return transport


class Network(KafkaNetClient):  # type: ignore[misc]
    """The network's side of a client. When it is closed, so is every socket."""

    def __init__(self, **config: Any) -> None:
        net = NetworkSelector(**config)
        super().__init__(net=net, manager=_Manager(net, **config))

    def close(self, node_id: Any = None) -> None:
        """Close one connection, or all of them and the thread. What was not written yet is given up."""
        super().close(node_id)
        if node_id is None:
            # The thread has ended: nobody else has them now.
            for transport in self._manager.transports:
                if transport._sock is not None:  # noqa: SLF001 - its own close would wait for the thread
                    transport._sock.close()  # noqa: SLF001
