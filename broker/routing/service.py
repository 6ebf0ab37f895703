"""The routing service: ``exchange.*`` to ``dept.*``, each record exactly once. A batch goes:

1. poll records of the owned partitions;
2. cut each into its departments' records, by pure functions;
3. write those and commit the offsets in one Kafka transaction, fenced by the group's generation.

A topic that is being filled from history is left to its filler, and taken over between two batches (``broker.backfill``).

There is no state but the committed offset. A crash before 3 is complete leaves nothing visible; whoever owns the
partitions next waits for the open transaction to end, reads the committed offset and begins there. After any error
from 3 the whole session is thrown away, producer included: its outcome is unknown and the broker tells the truth.
"""

import time
from collections.abc import Sequence

from broker.backfill.joining import Joins
from broker.errors import OwnershipLost
from broker.kafka import (
    Commit,
    Generation,
    GroupConsumer,
    Record,
    TopicPartition,
    TransactionalProducer,
    next_offsets,
)
from broker.kafka.takeover import take_positions
from broker.metrics import ServiceMetrics
from schemas.said import said

GROUP = "qb-routing"
POLL_S = 0.2
MAX_BATCH = 500


class RoutingSession:
    """One membership in the routing group, from joining until anything goes wrong."""

    def __init__(
        self, joins: Joins, consumer: GroupConsumer, producer: TransactionalProducer, metrics: ServiceMetrics
    ) -> None:
        self._joins = joins
        self._consumer = consumer
        self._producer = producer
        self._metrics = metrics
        self._generation: Generation | None = None
        #: Up to where each owned partition is routed and committed.
        self._positions: dict[TopicPartition, int] = {}

    def step(self) -> int:
        """Route at most one batch; on a moved assignment take the partitions over instead."""
        records = self._consumer.poll(POLL_S, MAX_BATCH)
        if self._consumer.moved:
            self._take_over()
            return 0
        if records:
            self._route(records)
        if self._generation is not None:
            self._joins.look(self._positions, self._generation)
        return len(records)

    def _take_over(self) -> None:
        taken = take_positions(self._consumer)
        self._generation = None if taken is None else taken.generation
        if taken is not None:
            self._positions = dict(taken.positions)
            self._joins.taken(self._positions, taken.generation)

    def _route(self, records: Sequence[Record]) -> None:
        if self._generation is None:
            raise OwnershipLost(said("no generation is held"))
        begun = time.monotonic()
        messages, offsets = self._joins.messages(records), next_offsets(records)
        # A batch that no department may see still commits its offsets, or it would be read again for ever.
        self._producer.publish(messages, Commit(GROUP, offsets, self._generation))
        self._positions |= offsets
        self._joins.passed(offsets)
        self._metrics.handled("read", len(records))
        self._metrics.handled("sent", len(messages))
        self._metrics.batch(time.monotonic() - begun)
