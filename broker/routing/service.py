"""The routing service: ``exchange.*`` to ``dept.*``, each record exactly once. A batch goes:

1. poll records of the owned partitions;
2. cut each into its departments' records, by pure functions;
3. write those and commit the offsets in one Kafka transaction, fenced by the group's generation.

There is no state but the committed offset. A crash before 3 is complete leaves nothing visible; whoever owns the
partitions next waits for the open transaction to end, reads the committed offset and begins there. After any error
from 3 the whole session is thrown away, producer included: its outcome is unknown and the broker tells the truth.
"""

import time
from collections.abc import Sequence

from broker.errors import OwnershipLost
from broker.kafka import Generation, GroupConsumer, Record, TransactionalProducer, next_offsets
from broker.kafka.takeover import take_over
from broker.metrics import ServiceMetrics
from broker.routing.plan import Plan
from schemas.said import said

GROUP = "qb-routing"
POLL_S = 0.2
MAX_BATCH = 500


class RoutingSession:
    """One membership in the routing group, from joining until anything goes wrong."""

    def __init__(
        self, plan: Plan, consumer: GroupConsumer, producer: TransactionalProducer, metrics: ServiceMetrics
    ) -> None:
        self._plan = plan
        self._consumer = consumer
        self._producer = producer
        self._metrics = metrics
        self._generation: Generation | None = None

    def step(self) -> int:
        """Route at most one batch; on a moved assignment take the partitions over instead."""
        records = self._consumer.poll(POLL_S, MAX_BATCH)
        if self._consumer.moved:
            self._generation = take_over(self._consumer)
            return 0
        if not records:
            return 0
        self._route(records)
        return len(records)

    def _route(self, records: Sequence[Record]) -> None:
        if self._generation is None:
            raise OwnershipLost(said("no generation is held"))
        begun = time.monotonic()
        messages = self._plan.messages(records)
        # A batch that no department may see still commits its offsets, or it would be read again for ever.
        self._producer.publish(messages, next_offsets(records), self._generation, GROUP)
        self._metrics.handled("read", len(records))
        self._metrics.handled("sent", len(messages))
        self._metrics.batch(time.monotonic() - begun)
