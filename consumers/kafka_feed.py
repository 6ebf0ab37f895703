"""The port of ``feed`` on Kafka and the schema registry."""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from broker.errors import AccessDenied, Indefinite, OwnershipLost, Unavailable
from broker.kafka import (
    Commit,
    Connection,
    Generation,
    GroupConsumer,
    IdempotentProducer,
    Outgoing,
    PartitionReader,
    Record,
    TopicPartition,
    TransactionalProducer,
)
from broker.kafka.takeover import take_positions
from broker.registry import Registry
from broker.settings import Settings
from consumers.feed import Feed, Positions
from schemas.said import said

PATIENCE_S = 60.0
"""How long another's open transaction is waited for: far longer than the broker lets one stay open."""


class Letters:
    """Reads the dead-letter topic, beside the group: ``follow`` some of its partitions, then ``new``."""

    def __init__(self, connection: Connection, topic: str, reader: PartitionReader) -> None:
        self._connection = connection
        self._topic = topic
        self._reader = reader
        self._followed: list[TopicPartition] = []

    def follow(self, slots: Iterable[int]) -> Iterator[Record]:
        """All that is there, to the end of the log, not of what is committed.

        A transaction of the former owner can be decided, its offsets visible, and its letters not yet: they are there
        as soon as the log is readable to where it ends now. Without this wait a key would be taken for free.
        """
        self._followed = [TopicPartition(self._topic, slot) for slot in sorted(slots)]
        if not self._followed:
            return
        self._reader.assign(self._followed)
        with PartitionReader(self._connection, uncommitted=True) as whole:
            ends = whole.end_offsets(self._followed)
        for partition, offset in self._reader.beginning_offsets(self._followed).items():
            self._reader.seek(partition, offset)
        yield from self.until(ends)

    def until(self, ends: Mapping[TopicPartition, int]) -> Iterator[Record]:
        """Read on until these positions are reached."""
        deadline = time.monotonic() + PATIENCE_S
        while any(self._reader.position(p) < end for p, end in ends.items()):
            if time.monotonic() > deadline:
                raise Unavailable(
                    said(
                        "{topic} could not be read to its end within {patience_s:.0f} s",
                        topic=self._topic,
                        patience_s=PATIENCE_S,
                    )
                )
            yield from self._reader.poll(0.1)

    def new(self) -> list[Record]:
        """What has come since."""
        return self._reader.poll(0.0) if self._followed else []


class KafkaFeed:
    """A ``Feed``. Kept by ``KafkaServers.feed``, which closes what it opened."""

    def __init__(
        self,
        connection: Connection,
        group: str,
        consumer: GroupConsumer,
        registry: Registry,
        letters: Letters | None,
        opened: ExitStack,
    ) -> None:
        self._connection = connection
        self._group = group
        self._consumer = consumer
        self._registry = registry
        self._letters = letters
        self._opened = opened
        self._generation: Generation | None = None
        self._producer: TransactionalProducer | None = None
        self._own: dict[TopicPartition, int] = {}

    @property
    def moved(self) -> bool:
        return self._consumer.moved

    def schema(self, schema_id: int, /) -> dict[str, Any] | None:
        return self._registry.schema(schema_id)

    def poll(self, timeout_s: float, max_records: int) -> list[Record]:
        return self._consumer.poll(timeout_s, max_records)

    def take_over(self) -> Positions | None:
        taken = take_positions(self._consumer)
        self._generation = None if taken is None else taken.generation
        return None if taken is None else taken.positions

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._consumer.seek(partition, offset)

    def commit(self, offsets: Positions) -> None:
        self._consumer.commit(offsets)

    def publish(self, letters: Sequence[Outgoing], offsets: Positions) -> None:
        if self._generation is None:
            raise OwnershipLost(said("no generation is held"))
        places = self._transactions().publish(letters, Commit(self._group, offsets, self._generation))
        for partition, offset in places:
            if offset < 0:
                raise Indefinite(
                    said(
                        "Kafka did not say where in {topic} a letter lies: read them anew",
                        topic=partition.topic,
                    )
                )
            self._own[partition] = offset + 1

    def _transactions(self) -> TransactionalProducer:
        if self._producer is None:
            # Opened when it is first needed, under a name that nobody had: programs of an agency have no stable names.
            name = f"{self._group}-{uuid.uuid4().hex}"
            self._producer = self._opened.enter_context(TransactionalProducer(self._connection, name))
        return self._producer

    def all_letters(self, slots: Iterable[int]) -> Iterator[Record]:
        assert self._letters is not None
        self._own = {}
        return self._letters.follow(slots)

    def new_letters(self) -> list[Record]:
        assert self._letters is not None
        own, self._own = self._own, {}
        return [*self._letters.until(own), *self._letters.new()]

    def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        wanted = list(partitions)
        if not wanted:
            return {}
        first, end = self._consumer.beginning_offsets(wanted), self._consumer.end_offsets(wanted)
        return {p: (first[p], end[p]) for p in wanted}


class KafkaServers:
    """``Servers``: Kafka and the registry that the settings name, as the settings' user."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection = Connection.of(settings)

    @contextmanager
    def feed(self, group: str, topics: Sequence[str], dead_letters: str | None) -> Iterator[Feed]:
        with ExitStack() as opened:
            registry = opened.enter_context(Registry(self._settings.registry_url))
            consumer = opened.enter_context(GroupConsumer(self._connection, group, topics))
            for topic in [*topics, *([dead_letters] if dead_letters else [])]:
                self._check_visible(consumer, topic)
            letters = None
            if dead_letters:
                reader = opened.enter_context(PartitionReader(self._connection))
                letters = Letters(self._connection, dead_letters, reader)
            yield KafkaFeed(self._connection, group, consumer, registry, letters, opened)

    def _check_visible(self, consumer: GroupConsumer, topic: str) -> None:
        # Kafka shows a topic that we may not read as one without partitions, which would poll empty for ever.
        if not consumer.partitions_of(topic):
            raise AccessDenied(
                said(
                    "{topic} does not exist, or {kafka_username} may not read it: check its name, and "
                    "with the operator that `qianbei deploy` has made it",
                    topic=topic,
                    kafka_username=self._settings.kafka_username,
                )
            )

    def read(self, topic: str) -> Iterator[Record]:
        with PartitionReader(self._connection) as reader:
            partitions = reader.partitions_of(topic)
            if not partitions:
                raise AccessDenied(
                    said(
                        "{topic} does not exist, or {kafka_username} may not read it",
                        topic=topic,
                        kafka_username=self._settings.kafka_username,
                    )
                )
            yield from Letters(self._connection, topic, reader).follow(p.partition for p in partitions)

    def write(self, messages: Sequence[Outgoing]) -> None:
        with IdempotentProducer(self._connection) as producer:
            for receipt in [producer.send(message) for message in messages]:
                receipt()
