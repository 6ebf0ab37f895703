"""A department's subscription: bytes out of ``poll``, decode, handler, commit.

    subscription = Subscription(load_settings(), group="tax-prefill", topics=tax.TOPICS)
    subscription.run(tax.PrefillLedger(), stop)

Guarantees. Only committed records are read, from the first one that is kept. In each partition records come in order,
and an entity is always in the same partition. Each record is handled at least once, its offset committed after that
(never by itself). A record that cannot be decoded or handled stops the subscription with an error that names its
place; nothing after it in its partition is handled or committed. When Kafka or the registry is away, it waits.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from fastavro import parse_schema

from broker.codec import HEADER_BYTES, Decoder, Released
from broker.errors import AccessDenied, ConfigError, DecodeError
from broker.kafka import Connection, GroupConsumer, Record
from broker.kafka.takeover import take_over
from broker.logging import get_logger
from broker.metrics import ServiceMetrics
from broker.registry import Registry
from broker.released import OWN_MAX_BYTES
from broker.runner import Stop, run
from broker.settings import Settings
from consumers.delivery import Progress, Retries, UndecodableRecord, deliver
from consumers.records import LEFT, DepartmentRecord, Handler
from schemas.derive import KEYS

POLL_S = 0.5
MAX_BATCH = 500
DEFAULT_RETRIES = Retries()


class SchemaDecoder:
    """Decodes records of any schema that the registry knows; each schema is fetched once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._decoders: dict[int, Decoder] = {}

    def decode(self, record: Record) -> DepartmentRecord:
        """Raises UndecodableRecord with the record's place, Unavailable if the registry does not answer."""
        try:
            _, value = self._decoder(record).decode(record.value)
        except DecodeError as error:
            raise UndecodableRecord(f"{_place(record)}: {error}") from None
        if not all(name in value for name in KEYS):
            raise UndecodableRecord(f"{_place(record)}: no department's record, it lacks {' or '.join(KEYS)}")
        event_type = value["event_type"]
        return DepartmentRecord(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            entity_id=value["entity_id"],
            revision=value["revision"],
            event_type=event_type,
            value=value,
            left=event_type == LEFT,
        )

    def _decoder(self, record: Record) -> Decoder:
        schema_id = int.from_bytes((record.value or b"")[1:HEADER_BYTES], "big")
        if schema_id not in self._decoders:
            schema = self._registry.schema(schema_id)
            known = (
                {}
                if schema is None
                else {schema_id: Released(record.topic, 1, schema_id, parse_schema(schema))}
            )
            self._decoders[schema_id] = Decoder(known, max_bytes=OWN_MAX_BYTES)
        return self._decoders[schema_id]


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition} at offset {record.offset}"


class SubscriptionSession:
    """One membership in the department's group."""

    def __init__(
        self,
        consumer: GroupConsumer,
        decoder: SchemaDecoder,
        handler: Handler,
        stop: Stop,
        retries: Retries,
        clock: Callable[[], float],
    ) -> None:
        self._consumer = consumer
        self._decoder = decoder
        self._handler = handler
        self._stop = stop
        self._retries = retries
        self._clock = clock

    def step(self) -> int:
        """Handle at most one batch and commit it."""
        records = self._consumer.poll(POLL_S, MAX_BATCH)
        if self._consumer.moved:
            take_over(self._consumer)
            return 0
        progress = Progress()
        try:
            deliver(
                map(self._decoder.decode, records),
                self._handler,
                progress,
                self._stop,
                self._retries,
                self._clock,
            )
        finally:
            # Also after an error: what was handled is done, and only what comes after it is to be met again.
            if progress.offsets:
                self._consumer.commit(progress.offsets)
        return progress.handled


class Subscription:
    """One department's reading of some of its topics, as a member of a consumer group.

    ``group`` must begin with the department's group prefix (``qianbei connection`` prints it). Several processes with
    the same group share the partitions.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        topics: Sequence[str],
        *,
        retries: Retries = DEFAULT_RETRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not topics:
            raise ConfigError("a subscription needs at least one topic")
        self._settings = settings
        self._group = group
        self._topics = tuple(topics)
        self._retries = retries
        self._clock = clock

    def run(self, handler: Handler, stop: Stop, metrics: ServiceMetrics | None = None) -> None:
        """Handle records until ``stop`` is set.

        Raises UndecodableRecord, HandlerFailed, AccessDenied or ConfigError; waits while a server is away.
        """
        counted = metrics or ServiceMetrics("subscription")
        log: structlog.typing.FilteringBoundLogger = get_logger("subscription").bind(group=self._group)
        run(lambda: self.session(handler, stop), stop, counted, log)

    @contextmanager
    def session(self, handler: Handler, stop: Stop) -> Iterator[SubscriptionSession]:
        """Join the group. Raises AccessDenied if a topic is not to be seen."""
        connection = Connection.of(self._settings)
        with (
            Registry(self._settings.registry_url) as registry,
            GroupConsumer(connection, self._group, self._topics) as consumer,
        ):
            self._check_visible(consumer)
            yield SubscriptionSession(
                consumer, SchemaDecoder(registry), handler, stop, self._retries, self._clock
            )

    def _check_visible(self, consumer: GroupConsumer) -> None:
        for topic in self._topics:
            # Kafka shows a topic that we may not read as one without partitions, which would poll empty for ever.
            if not consumer.partitions_of(topic):
                raise AccessDenied(
                    f"{topic} does not exist, or {self._settings.kafka_username} may not read it"
                )
