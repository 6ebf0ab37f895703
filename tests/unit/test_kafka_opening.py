"""A client that does not come about leaves nothing behind."""

import gc
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, errors

from broker.kafka.connection import Connection
from broker.kafka.opening import opened

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
