"""Offsets of transaction markers: found when nothing else is read, and not looked for all the time."""

from broker.kafka import Markers, TopicPartition
from broker.kafka.markers import LOOK_EVERY_S

SALE, LEASE = TopicPartition("exchange.sale", 0), TopicPartition("exchange.lease", 0)


class Consumer:
    def __init__(self, **positions: int) -> None:
        self.positions = {SALE: positions["sale"], LEASE: positions["lease"]}
        self.asked = 0

    def position(self, partition: TopicPartition) -> int:
        self.asked += 1
        return self.positions[partition]


def test_only_what_moved_on_is_told() -> None:
    assert Markers(Consumer(sale=8, lease=4)).passed({SALE: 7, LEASE: 4}) == {SALE: 8}


def test_it_looks_once_in_a_while() -> None:
    now, consumer = [100.0], Consumer(sale=8, lease=4)
    markers = Markers(consumer, lambda: now[0])
    assert markers.passed({SALE: 7}) == {SALE: 8}
    now[0] += LOOK_EVERY_S / 2
    assert markers.passed({SALE: 7}) == {}
    assert consumer.asked == 1
    now[0] += LOOK_EVERY_S / 2
    assert markers.passed({SALE: 7}) == {SALE: 8}
