"""Clients of kafka-python of which nothing is left when they do not come about.

kafka-python 3.0.12 keeps the thread and the sockets of a client whose construction fails: where Kafka is away for an hour, a
service that tries again and again would gather them. It takes the class of the network's side as a setting, which is the way in.
"""

from collections.abc import Callable
from typing import Any

from kafka.net.compat import KafkaNetClient


def opened(make: Callable[..., Any], config: dict[str, Any]) -> Any:
    """The client that ``make`` makes of ``config``. Raises what kafka-python raises, after its thread and sockets have ended."""
    begun: list[Any] = []

    def network(**settings: Any) -> Any:
        begun.append(KafkaNetClient(**settings))
        return begun[-1]

    try:
        return make(**config, kafka_client=network)
    except BaseException:
        for one in begun:
            one.close()
        raise
