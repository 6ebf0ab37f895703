"""The decisions that stand behind duplicates: looked up in the principal's own decision topic, newest part first."""

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from broker.codec import Decoder
from broker.errors import Unavailable
from broker.kafka import Connection, PartitionReader, TopicPartition
from broker.registry import Registry
from broker.released import decoder, topic_subject
from broker.settings import Settings
from broker.topics import decision_topic
from producers.publisher import Decision, read_decision
from schemas.said import said

_SPANS = (5_000, 500_000, 1 << 62)
"""How far back each look goes: most repetitions follow the first sending closely."""
_IDLE_POLLS = 150


class FirstDecisions:
    """Looks back into ``decision.<principal>``. Use it in a ``with`` block."""

    def __init__(self, settings: Settings, principal: str) -> None:
        self._settings = settings
        self._topic = decision_topic(principal)
        self._stack = ExitStack()
        self._decoder: Decoder
        self._reader: PartitionReader

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            with Registry(self._settings.registry_url) as registry:
                self._decoder = decoder(registry, [topic_subject(self._topic, "decision")])
            self._reader = stack.enter_context(PartitionReader(Connection.of(self._settings)))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    def of(self, decisions: Iterable[Decision]) -> dict[str, Decision]:
        """For each decision, by its id, the one that stands: itself, or the first one if it is a duplicate.

        A first decision that is found nowhere leaves the duplicate to stand for itself.
        """
        standing = {decision.decision_id: decision for decision in decisions}
        wanted: dict[str, list[str]] = {}
        places: set[TopicPartition] = set()
        for decision in standing.values():
            if decision.outcome == "DUPLICATE" and decision.first_decision_id is not None:
                wanted.setdefault(decision.first_decision_id, []).append(decision.decision_id)
                # Equal events have equal keys, so both decisions lie in the partition of their slot.
                places.add(TopicPartition(self._topic, decision.place.partition))
        for first in self._found(set(wanted), sorted(places)):
            standing |= dict.fromkeys(wanted[first.decision_id], first)
        return standing

    def _found(self, wanted: set[str], places: list[TopicPartition]) -> list[Decision]:
        if not wanted:
            return []
        found: list[Decision] = []
        self._reader.assign(places)
        begin, ends = self._reader.beginning_offsets(places), self._reader.end_offsets(places)
        upto = ends
        for span in _SPANS:
            since = {place: max(begin[place], ends[place] - span) for place in places}
            found += self._read(wanted, since, upto)
            if not wanted or since == begin:
                break
            upto = since
        return found

    def _read(
        self, wanted: set[str], since: dict[TopicPartition, int], upto: dict[TopicPartition, int]
    ) -> list[Decision]:
        for place, offset in since.items():
            self._reader.seek(place, offset)
        found: list[Decision] = []
        idle = 0
        while wanted and any(self._reader.position(place) < end for place, end in upto.items()):
            records = self._reader.poll(0.2)
            idle = 0 if records else idle + 1
            if idle > _IDLE_POLLS:
                raise Unavailable(
                    said(
                        "{topic} could not be read back to its end: check that Kafka is well",
                        topic=self._topic,
                    )
                )
            for decision in (read_decision(self._decoder, record) for record in records):
                if decision.decision_id in wanted:
                    wanted.discard(decision.decision_id)
                    found.append(decision)
        return found
