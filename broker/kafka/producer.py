"""Writing: idempotent for sources, transactional for the exchange's own loops."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer, OffsetAndMetadata
from kafka import TopicPartition as KafkaPartition
from kafka.structs import ConsumerGroupMetadata

from broker.errors import QianbeiError, Unavailable
from broker.kafka.connection import Connection, translated
from broker.kafka.consumer import Generation
from broker.kafka.opening import opened
from broker.kafka.tls import require_accepted
from broker.kafka.types import Outgoing, TopicPartition
from schemas.said import said

CLOSE_S = 5.0


class _Client:
    """Opens and closes one KafkaProducer."""

    def __init__(self, connection: Connection, config: dict[str, Any]) -> None:
        self._connection = connection
        self._config = config
        self._client: Any = None

    def __enter__(self) -> Self:
        require_accepted(self._connection)
        with translated(self._connection, "connect a producer"):
            self._client = opened(KafkaProducer, self._connection.stream_config() | self._config)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._close(unsent=kind is None)

    def _close(self, *, unsent: bool) -> None:
        """End the client; with ``unsent``, first send what is queued."""
        try:
            with translated(self._connection, "send what is left", indefinite=True):
                if unsent:
                    self._client.flush(timeout=CLOSE_S)
        finally:
            # kafka-python ends its thread and sockets only if nothing is left unsent: else it raises and keeps them.
            self._client._sender.force_close()  # noqa: SLF001 - there is no other way to give records up
            with translated(self._connection, "close a producer"):
                self._client.close(timeout=CLOSE_S)

    def _send(self, message: Outgoing) -> Any:
        return self._client.send(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            partition=message.partition,
        )

    def learn(self, topics: Iterable[str]) -> None:
        """Learn where these topics are, all at once.

        The client learns of a topic when it is first written to and waits some 70 ms for it; the first batch to fifty
        topics would take seconds. Asked at the same time, all waits share one answer.
        """
        wanted = list(topics)
        with (
            translated(self._connection, "read where topics are"),
            ThreadPoolExecutor(max_workers=len(wanted) or 1) as pool,
        ):
            list(pool.map(self._client.partitions_for, wanted))


class IdempotentProducer(_Client):
    """Writes each record once, in order; ``send`` gives back a receipt that waits for the acknowledgement."""

    def __init__(self, connection: Connection, *, linger_ms: int = 5, timeout_s: float = 20.0) -> None:
        super().__init__(
            connection,
            {
                "enable_idempotence": True,
                "acks": "all",
                "linger_ms": linger_ms,
                "batch_size": 64 * 1024,
                "max_request_size": 4 * 1024 * 1024,
                "delivery_timeout_ms": int(timeout_s * 1000),
                "request_timeout_ms": int(timeout_s * 500),
                "max_block_ms": int(timeout_s * 1000),
            },
        )
        self._timeout_s = timeout_s

    def send(self, message: Outgoing) -> Callable[[], int]:
        """Queue a record. The receipt waits for the broker and gives the offset, or raises what went wrong."""
        with translated(self._connection, f"write to {message.topic}"):
            future = self._send(message)

        def receipt() -> int:
            with translated(self._connection, f"write to {message.topic}", indefinite=True):
                return int(future.get(timeout=self._timeout_s).offset)

        return receipt

    def post(self, message: Outgoing, done: Callable[[int | QianbeiError], None]) -> None:
        """Queue a record. ``done`` is told the offset, or what went wrong, on the client's own thread: it may not block."""
        doing = f"write to {message.topic}"
        with translated(self._connection, doing):
            future = self._send(message)

        def failed(error: BaseException) -> None:
            try:
                with translated(self._connection, doing, indefinite=True):
                    raise error
            except QianbeiError as explained:
                done(explained)

        future.add_callback(lambda written: done(int(written.offset)))
        future.add_errback(failed)

    def flush(self) -> None:
        """Wait until all that was queued is acknowledged or has failed."""
        with translated(self._connection, "flush", indefinite=True):
            self._client.flush(timeout=self._timeout_s)


@dataclass(frozen=True, slots=True)
class Commit:
    """Offsets of one group that become committed with a transaction's records; ``metadata`` stands beside each.

    ``generation`` fences: the broker refuses what its group has left behind. A group without members has none.
    """

    group: str
    offsets: Mapping[TopicPartition, int]
    generation: Generation | None = None
    metadata: str = ""

    @property
    def handle(self) -> Any:
        """What the broker fences by."""
        if self.generation is None:
            return ConsumerGroupMetadata(group_id=self.group)
        return self.generation.handle._replace(group_id=self.group)


class TransactionalProducer(_Client):
    """One Kafka transaction a batch: the records and the consumed offsets become visible together or not at all.

    After any error from ``publish`` the producer must be closed and a new one made, which fences the old
    transaction. ``transactional_id`` is stable and unique for each instance of a service, so that the successor of a
    killed process ends its open transaction at once.
    """

    def __init__(self, connection: Connection, transactional_id: str, *, timeout_s: float = 10.0) -> None:
        super().__init__(
            connection,
            {
                "transactional_id": transactional_id,
                "transaction_timeout_ms": int(timeout_s * 1000),
                "request_timeout_ms": int(timeout_s * 1000),
                "delivery_timeout_ms": int(timeout_s * 1000) + 1_000,
                "max_block_ms": int(timeout_s * 1000),
                "retry_backoff_ms": 10,
                # Longer than any batch takes to be queued: ``flush`` is what sends. Without it the IO thread wakes for
                # each record and fights the loop for the interpreter's lock.
                "linger_ms": 1_000,
                "batch_size": 256 * 1024,
                "max_request_size": 4 * 1024 * 1024,
            },
        )
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            with translated(self._connection, "begin transactions"):
                self._client.init_transactions()
        except BaseException:
            self._close(unsent=False)
            raise
        return self

    def publish(self, messages: Iterable[Outgoing], *commits: Commit) -> Iterator[tuple[TopicPartition, int]]:
        """Write all messages and commit the offsets of these groups, atomically.

        Gives the messages' places, an offset of -1 where the broker had one already and did not say where.

        Raises OwnershipLost if the generation is no longer the group's, Indefinite if the outcome is unknown.
        """
        with translated(self._connection, "publish a batch", indefinite=True):
            # 1. One transaction for all partitions of the batch.
            self._client.begin_transaction()
            # 2. Send everything, then wait for every acknowledgement: a transaction that the broker has aborted on
            #    its time-out fails here, and only here.
            futures = [self._send(message) for message in messages]
            self._client.flush(timeout=self._timeout_s)
            for future in futures:
                if not future.is_done:
                    raise Unavailable(
                        said(
                            "Kafka at {bootstrap} did not acknowledge a batch in time",
                            bootstrap=self._connection.bootstrap,
                        )
                    )
                if future.exception is not None:
                    raise future.exception
            # 3. The offsets, fenced by the generation in which the records were read. One group after the other: the
            #    client keeps what is under way by partition alone, and would give one group what is the other's.
            for commit in commits:
                self._client.send_offsets_to_transaction(
                    {
                        KafkaPartition(*p): OffsetAndMetadata(offset, commit.metadata, -1)
                        for p, offset in commit.offsets.items()
                    },
                    commit.handle,
                )
            # 4. Commit. From here read_committed readers see the batch.
            self._client.commit_transaction()
        return (
            (TopicPartition(*future.value.topic_partition), int(future.value.offset)) for future in futures
        )
