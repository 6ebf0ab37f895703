"""A topic of toys of its own on the shared exchange, with tables of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from broker.compaction.engine import Source
from broker.compaction.opening import open_session
from broker.kafka import Connection, IdempotentProducer, Outgoing, PartitionReader
from broker.metrics import ServiceMetrics
from broker.settings import Settings
from tests.support.folding import TOY, TOY_ID, Body, record, source, specs_in, table
from tests.support.topics import own_topic

PARTITIONS = 4
SCHEMA = "fold_session"


@dataclass
class Log:
    """A topic of toys of its own, and what was written to it."""

    settings: Settings
    topic: str
    written: dict[str, Body] = field(default_factory=dict)

    @property
    def dsn(self) -> str:
        return self.settings.dsn()

    def write(self, *bodies: Body) -> None:
        with IdempotentProducer(Connection.of(self.settings)) as producer:
            for body in bodies:
                partition = int(body["entity_id"].removeprefix("k")) % PARTITIONS
                made = record(self.topic, partition, 0, body)
                producer.send(Outgoing(self.topic, partition, made.key, made.value, made.headers))
                self.written[body["entity_id"]] = body
            producer.flush()

    def session(self, instance: str = "0") -> Any:
        """A session of the group of this topic."""
        settings = self.settings.model_copy(update={"instance": instance})
        return open_session(settings, f"t-{self.topic}", self.sources, ServiceMetrics("compaction"))

    @property
    def sources(self) -> dict[str, Source]:
        return {self.topic: source(self.spec, {TOY_ID: TOY})}

    def __post_init__(self) -> None:
        self.spec = specs_in(self.dsn, SCHEMA, {"toy": TOY})["toy"]

    def assert_folded(self) -> None:
        with psycopg.connect(self.dsn) as db:
            rows = table(db, f"{SCHEMA}.toy", "entity_id, revision, note")
            assert rows == [(k, b["revision"], b["note"]) for k, b in sorted(self.written.items())]
            assert table(db, f"{SCHEMA}.rejected") == []

    def positions(self) -> dict[int, int]:
        with psycopg.connect(self.dsn) as db:
            return dict(table(db, f"{SCHEMA}.position", "partition, next_offset"))

    def ends(self) -> dict[int, int]:
        with PartitionReader(Connection.of(self.settings)) as reader:
            partitions = reader.partitions_of(self.topic)
            return {p.partition: end for p, end in reader.end_offsets(partitions).items()}


@contextmanager
def toy_log(settings: Settings) -> Iterator[Log]:
    """An empty log and empty tables."""
    with own_topic(settings, "toy", PARTITIONS) as topic:
        yield Log(settings, topic)
