"""The exchange's end: a department's topics, read as that department, into an outbox.

How far the topics are packed stands in the newest manifest alone (its ``offsets``), so a batch and the position that it
moves are one step of the outbox: after ``kill -9`` at any moment the next start goes on with exactly the next record.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from broker.batches import BatchWriter, Channel, Direction, Manifest, Offsets, Outbox
from broker.codec import HEADER_BYTES
from broker.errors import ConfigError
from broker.kafka import Connection, PartitionReader, Record, TopicPartition
from broker.kafka.takeover import resume
from broker.registry import Registry
from broker.runner import Stop
from broker.settings import Settings
from consumers.files.carried import Schema, file_name
from consumers.files.lines import line_of
from consumers.sync.standing import visible_topics
from consumers.sync.topics import versions_of
from schemas.said import said

POLL_S = 0.5
MOST_A_POLL = 2_000
IDLE_S = 2.0
"""So long the first record of a batch is waited for before the caller looks at receipts again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch ends with so many records or bytes, or ``seconds`` after its first record."""

    records: int = 20_000
    size: int = 64 * 1024 * 1024
    seconds: float = 30.0


def channel_to(department: str) -> Channel:
    """The way of a department's batches."""
    return Channel(department, Direction.OUT)


class Sender:
    """Packs topics from where the outbox stands. ``topics`` are all of one department."""

    def __init__(
        self,
        outbox: Outbox,
        reader: PartitionReader,
        registry: Registry,
        topics: Sequence[str],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._reader = reader
        self._registry = registry
        self._topics = tuple(topics)
        self._limits = limits
        self._clock = clock
        self._schemas: dict[int, Schema | None] = {}
        self._at: dict[TopicPartition, int] = {}

    def begin(self) -> dict[TopicPartition, int]:
        """Go to where the newest batch ended; gives the present ends of the partitions.

        Raises StateBehindLog or StateAheadOfLog if topics and batches do not tell the same story.
        """
        partitions = [p for topic in self._topics for p in self._reader.partitions_of(topic)]
        self._reader.assign(partitions)
        first, ends = self._reader.beginning_offsets(partitions), self._reader.end_offsets(partitions)
        head = self._outbox.head
        sent = {TopicPartition(o.topic, o.partition): o.next for o in head.offsets} if head else {}
        self._at = resume(
            {p: sent.get(p, 0) for p in partitions},
            {p: (first[p], ends[p]) for p in partitions},
            "begin a new chain: move the folders of both ends away, and send everything that is kept",
        )
        for partition, offset in self._at.items():
            self._reader.seek(partition, offset)
        return ends

    def pack(self, stop: Stop, ends: dict[TopicPartition, int] | None = None) -> Manifest | None:
        """One batch, or None if nothing has come for a while. With ``ends`` it reads on until these are reached."""
        writer: BatchWriter | None = None
        used: dict[str, set[int]] = {}
        begun = self._clock()
        try:
            # Asked before each poll: what comes after the ends is never begun, or `ends` would move on with the traffic.
            while not stop.is_set() and not self._is_enough(writer, begun, ends):
                left = self._limits.records - (writer.records if writer else 0)
                records = self._reader.poll(POLL_S, min(MOST_A_POLL, left))
                if records and writer is None:
                    writer, begun = self._outbox.begin(), self._clock()
                if writer is not None:
                    _add(writer, records, used)
            if writer is None:
                return None
            manifest = self._publish(writer, used)
            writer = None
        finally:
            if writer is not None:
                writer.discard()
        return manifest

    def _is_enough(
        self, writer: BatchWriter | None, begun: float, ends: dict[TopicPartition, int] | None
    ) -> bool:
        limits = self._limits
        if writer is not None and (writer.records >= limits.records or writer.size >= limits.size):
            return True
        if ends is not None:
            return all(self._reader.position(p) >= end for p, end in ends.items())
        return self._clock() - begun >= (IDLE_S if writer is None else limits.seconds)

    def _publish(self, writer: BatchWriter, used: dict[str, set[int]]) -> Manifest:
        for topic in self._topics:
            self._add_schemas(writer, topic, used.get(topic, set()))
        reached = {p: self._reader.position(p) for p in self._at}
        offsets = tuple(
            Offsets(topic=p.topic, partition=p.partition, first=self._at[p], next=end)
            for p, end in sorted(reached.items())
        )
        manifest = self._outbox.publish(writer, offsets)
        self._at = reached
        return manifest

    def _add_schemas(self, writer: BatchWriter, topic: str, used: set[int]) -> None:
        newest = self._registry.newest(f"{topic}-value")
        if newest is None:
            raise ConfigError(
                said(
                    "the registry has no schema of {topic}: the exchange's operator runs `qianbei deploy`",
                    topic=topic,
                )
            )
        self._schemas[newest[0]] = newest[1]
        for schema_id in (*sorted(used - {newest[0]}), newest[0]):
            schema = self._schema(schema_id)
            # Bytes of no registered schema go as they are: the department's end sets them aside as the line would.
            if schema is not None:
                content = json.dumps(schema, ensure_ascii=False).encode() + b"\n"
                writer.schema(file_name(topic, schema_id), content, topic)

    def _schema(self, schema_id: int) -> Schema | None:
        if schema_id not in self._schemas:
            self._schemas[schema_id] = self._registry.schema(schema_id)
        return self._schemas[schema_id]


def _add(writer: BatchWriter, records: Sequence[Record], used: dict[str, set[int]]) -> None:
    for record in records:
        value = record.value or b""
        if len(value) >= HEADER_BYTES and value[0] == 0:
            used.setdefault(record.topic, set()).add(int.from_bytes(value[1:HEADER_BYTES], "big"))
        writer.add(f"{record.topic}.jsonl", line_of(record), record.topic)


@contextmanager
def sender(settings: Settings, department: str, outbox: Outbox, limits: Limits) -> Iterator[Sender]:
    """A sender of all the department's topics. ``settings`` hold the department's login.

    Raises ConfigError if no topic is to be seen, AccessDenied or Unavailable.
    """
    versions = versions_of(department, visible_topics(settings))
    topics = sorted(topic for by_version in versions.values() for topic in by_version.values())
    if not topics:
        raise ConfigError(
            said(
                "no topic of {department} is to be seen: check the name, the user, and that the "
                "exchange is deployed",
                department=department,
            )
        )
    with PartitionReader(Connection.of(settings)) as reader, Registry(settings.registry_url) as registry:
        yield Sender(outbox, reader, registry, topics, limits)
