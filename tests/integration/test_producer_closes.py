"""A producer that is left with records it has not sent: it ends whole, and the error that is told is the block's own."""

import threading
from collections.abc import Callable, Iterator

import pytest

from broker.errors import Indefinite
from broker.kafka import Connection, IdempotentProducer, Outgoing, PartitionReader, TopicPartition
from broker.settings import Settings
from tests.support.exchange import Exchange
from tests.support.topics import own_topic

LATER_MS = 9_000


class Broken(Exception):
    pass


@pytest.fixture
def settings(deployed: Exchange) -> Settings:
    return deployed.site.admin


@pytest.fixture
def topic(settings: Settings) -> Iterator[str]:
    with own_topic(settings, "closes", 1) as name:
        yield name


def written(settings: Settings, topic: str) -> int:
    with PartitionReader(Connection.of(settings)) as reader:
        return reader.end_offsets(reader.partitions_of(topic))[TopicPartition(topic, 0)]


def breaks(settings: Settings, topic: str, receipts: list[Callable[[], int]]) -> None:
    with IdempotentProducer(Connection.of(settings), linger_ms=LATER_MS) as producer:
        receipts.append(producer.send(Outgoing(topic, 0, b"k", b"v", ())))
        raise Broken


def test_what_is_not_sent_when_the_block_breaks_is_given_up(settings: Settings, topic: str) -> None:
    before = set(threading.enumerate())
    receipts: list[Callable[[], int]] = []
    with pytest.raises(Broken):
        breaks(settings, topic, receipts)
    with pytest.raises(Indefinite):
        receipts[0]()
    assert set(threading.enumerate()) <= before
    assert written(settings, topic) == 0


def test_what_is_not_sent_when_the_block_ends_is_sent(settings: Settings, topic: str) -> None:
    before = set(threading.enumerate())
    with IdempotentProducer(Connection.of(settings), linger_ms=LATER_MS) as producer:
        receipt = producer.send(Outgoing(topic, 0, b"k", b"v", ()))
    assert receipt() == 0
    assert set(threading.enumerate()) <= before
    assert written(settings, topic) == 1
