"""Which records routing keeps from a topic, because its filler has written them or will. No clients, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from broker.backfill.marks import Mark, State, sent_from
from broker.kafka import Outgoing, Record, TopicPartition
from broker.routing.plan import Plan

Positions = Mapping[TopicPartition, int]


@dataclass(slots=True)
class Kept:
    """By the marks that were noted, for the partitions that a routing session owns."""

    plan: Plan
    #: What is not joined yet: topic and exchange partition.
    awaited: set[tuple[str, TopicPartition]] = field(default_factory=set)
    #: From which offset on a topic's partition is sent to, where that is not everything that is read.
    _sent_from: dict[TopicPartition, int] = field(default_factory=dict)

    def note(self, topic: str, source: TopicPartition, mark: Mark) -> None:
        """Go by this mark from now on."""
        self._sent_from[TopicPartition(topic, source.partition)] = sent_from(mark)
        if mark.state is State.JOINED:
            self.awaited.discard((topic, source))
        else:
            self.awaited.add((topic, source))

    def messages(self, records: Iterable[Record]) -> list[Outgoing]:
        """What a batch gives, in its order, without what is kept."""
        if not self._sent_from:
            return self.plan.messages(records)
        return [
            message
            for record in records
            for message in self.plan.messages((record,))
            if record.offset >= self._sent_from.get(TopicPartition(message.topic, record.partition), 0)
        ]

    def passed(self, positions: Positions) -> None:
        """Forget the offsets that have been passed, so that nothing is looked at any more when all are."""
        for source, position in positions.items() if self._sent_from else ():
            for topic in self.plan.routes[source.topic].outputs:
                target = TopicPartition(topic, source.partition)
                if self._sent_from.get(target, position + 1) <= position:
                    del self._sent_from[target]
