"""A client that does not come about leaves nothing behind."""

import gc
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, errors

from broker.kafka.connection import Connection
from broker.kafka.opening import Network, opened
from broker.kafka.sockets import DIRECT

NOBODY = Connection("127.0.0.1:1", "PLAINTEXT")


@pytest.mark.parametrize("make", [KafkaAdminClient, KafkaConsumer, KafkaProducer])
def test_no_thread_and_no_socket_is_left_where_kafka_is_away(make: Callable[..., Any]) -> None:
    before = set(threading.enumerate())
    with pytest.raises(errors.KafkaTimeoutError):
        opened(make, NOBODY.client_config() | {"bootstrap_timeout_ms": 300})
    assert set(threading.enumerate()) <= before
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
    assert told == []


def test_a_connection_with_something_unwritten_is_closed_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        network = Network(bootstrap_servers=address, proxy_url=DIRECT)
        [broker] = network.cluster.bootstrap_brokers()
        connection = network._manager.get_connection(broker.node_id)
        while connection.transport is None:
            network._net.poll(timeout_ms=10)
        held = connection.transport._sock
        connection._init_future.success(None)
        connection.transport.write(b"x" * 100_000_000)
        network._net.poll(timeout_ms=10)
        network.close()
    assert held.fileno() == -1
