"""A simulated city's records as they lie in the topics that admission writes: decided in memory, no server."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from broker.kafka import Outgoing, Record
from broker.released import OWN_MAX_BYTES
from producers.simulator.drive import outgoing
from producers.simulator.ledger import Ledger
from producers.simulator.stream import plan
from tests.support.in_memory import InMemory, _decoder, headers

SLOTS = 4
BEGIN = datetime(2021, 11, 1, tzinfo=UTC)
"""After the simulated year, whose events would else be of the future."""
APPENDED_MS = 70
"""A record lies in its topic so long after it was decided."""


@dataclass
class Published(InMemory):
    """The exchange in memory, which keeps what it published in the order of each partition."""

    records: list[Record] = field(default_factory=list)
    _ends: dict[tuple[str, int], int] = field(default_factory=dict)

    def _published(self, message: Outgoing) -> None:
        super()._published(message)
        if message.topic.startswith("intake."):
            return
        lane = (message.topic, message.partition)
        offset = self._ends.get(lane, 0)
        self._ends[lane] = offset + 1
        at = int(self.now.timestamp() * 1000) + APPENDED_MS
        self.records.append(Record(*lane, offset, at, message.key, message.value, message.headers))


def decoder() -> Any:
    """Of all that is published in memory."""
    return _decoder(OWN_MAX_BYTES)


def published_city(seeds: Iterable[int], events: int) -> list[Record]:
    """What comes of so many events of each seed, one city after the other: most seeds are another county.

    A batch is decided every 47 minutes, so days and months go by.
    """
    exchange, ledger = Published(Random(str(seeds)), SLOTS, BEGIN), Ledger()
    for seed in seeds:
        for planned in plan(seed, events, slots=SLOTS):
            exchange.append(outgoing(planned, headers(), SLOTS, ledger))
            while exchange.waiting > 15:
                exchange.step()
        exchange.settle()
    return exchange.records
