"""Reading: as a member of a consumer group, or of named partitions by oneself."""

import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata
from kafka import TopicPartition as KafkaPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import TopicAuthorizationFailedError
from kafka.structs import MemberState

from broker.errors import Corrupt, Unavailable
from broker.kafka.connection import Connection, translated
from broker.kafka.opening import opened
from broker.kafka.tls import require_accepted
from broker.kafka.types import Committed, Record, TopicPartition
from schemas.said import said

_READ_COMMITTED: dict[str, Any] = {
    "isolation_level": "read_committed",
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "fetch_max_wait_ms": 20,
    "retry_backoff_ms": 10,
}


METADATA_TRIES = 5
_NO_OFFSET = -1

#: What kafka-python lets through of a batch whose checksum is right and whose bytes are not.
_UNPARSED = (struct.error, ValueError, IndexError, TypeError, EOFError, RuntimeError, AssertionError)


@dataclass(frozen=True, slots=True)
class Generation:
    """A snapshot of our membership; ``handle`` is what the broker fences by."""

    number: int
    member_id: str
    handle: Any


@dataclass(frozen=True, slots=True)
class Assignment:
    """What this member owns in one generation of the group."""

    generation: Generation
    partitions: frozenset[TopicPartition]


class _Flag(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes on the IO thread that the assignment has moved."""

    def __init__(self) -> None:
        self.moved = threading.Event()

    def on_partitions_revoked(self, _revoked: object) -> None:
        self.moved.set()

    def on_partitions_assigned(self, _assigned: object) -> None:
        self.moved.set()


class _Client:
    """Opens and closes one KafkaConsumer; the client's IO thread lives exactly as long as the ``with`` block."""

    def __init__(self, connection: Connection, config: dict[str, Any]) -> None:
        self._connection = connection
        self._config = _READ_COMMITTED | config
        self._client: Any = None

    def __enter__(self) -> Self:
        require_accepted(self._connection)
        with translated(self._connection, "connect a consumer"):
            self._client = opened(KafkaConsumer, self._connection.stream_config() | self._config)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._client.close(autocommit=False, timeout_ms=3_000)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from ``offset``. The partition must be assigned."""
        with translated(self._connection, f"seek in {partition.topic}"):
            self._client.seek(KafkaPartition(*partition), offset)

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The end of each partition as a ``read_committed`` reader sees it (the last stable offset)."""
        return self._offsets("end", self._client.end_offsets, list(partitions))

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The first retained offset of each partition."""
        return self._offsets("beginning", self._client.beginning_offsets, list(partitions))

    def _offsets(
        self,
        which: str,
        ask: Callable[[list[KafkaPartition]], Mapping[Any, int]],
        partitions: list[TopicPartition],
    ) -> dict[TopicPartition, int]:
        # kafka-python keeps the metadata of assigned topics alone and fails by a bare KeyError on the others; to ask
        # for a topic's partitions brings them back, until its next refresh.
        for _ in range(METADATA_TRIES):
            for topic in sorted({p.topic for p in partitions}):
                self.partitions_of(topic)
            try:
                with translated(self._connection, f"read the {which} of a topic"):
                    found = ask([KafkaPartition(*p) for p in partitions])
            except KeyError:
                continue
            return {TopicPartition(p.topic, p.partition): offset for p, offset in found.items()}
        raise Unavailable(
            said(
                "Kafka at {bootstrap} did not tell the {which} of all topics: check that every "
                "partition has a leader",
                bootstrap=self._connection.bootstrap,
                which=which,
            )
        )

    def partitions_of(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic that this user may see; empty if it may see none."""
        with translated(self._connection, f"read the partitions of {topic}"):
            return [TopicPartition(topic, p) for p in sorted(self._client.partitions_for_topic(topic) or ())]

    def position(self, partition: TopicPartition) -> int:
        """The offset that is read next. It passes over transaction markers, which are no records."""
        with translated(self._connection, f"read the position in {partition.topic}"):
            return int(self._client.position(KafkaPartition(*partition)))

    def _poll(self, timeout_s: float, max_records: int) -> list[Record]:
        with translated(self._connection, "poll"):
            batches = self._client.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            if not batches:
                self._require_rights()
        return [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
            for records in batches.values()
            for r in records
        ]

    def _require_rights(self) -> None:
        # A right that is withdrawn may be noticed with the metadata, before a fetch is refused. Then kafka-python fetches the
        # topic no more and tells nobody.
        refused = self._client._client.cluster.unauthorized_topics  # noqa: SLF001 - it is told nowhere else
        if refused and (lost := refused & {p.topic for p in self._client.assignment()}):
            raise TopicAuthorizationFailedError(lost)


class GroupConsumer(_Client):
    """A member of a consumer group that reads committed records and never commits by itself.

    The caller polls; when ``moved`` is true it must call ``take_assignment`` before it uses any record. With
    ``instance`` (a stable name) a restarted process takes its old place at once instead of after a session time-out.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Iterable[str],
        *,
        instance: str | None = None,
        session_timeout_s: float = 6.0,
        max_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        super().__init__(
            connection,
            {
                "group_id": group,
                "group_instance_id": instance,
                "session_timeout_ms": int(session_timeout_s * 1000),
                "heartbeat_interval_ms": int(session_timeout_s * 250),
                "partition_assignment_strategy": (RangePartitionAssignor,),
                # The broker answers as soon as there is a record; a shorter wait only makes an idle service busier.
                "fetch_max_wait_ms": 250,
                "fetch_max_bytes": max_bytes,
            },
        )
        self._topics = tuple(topics)
        self._flag = _Flag()

    def __enter__(self) -> Self:
        super().__enter__()
        self._client.subscribe(topics=list(self._topics), listener=self._flag)
        return self

    @property
    def moved(self) -> bool:
        """Whether the assignment has changed since it was last taken."""
        return self._flag.moved.is_set()

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
        """Records in offset order within each partition; none while the assignment is unsettled.

        What was fetched under an older assignment is dropped here: the next ``take_assignment`` seeks anew.
        """
        records = self._poll(timeout_s, max_records)
        return [] if self.moved else records

    def take_assignment(self) -> Assignment | None:
        """Accept the present assignment, or give None while the group is still moving: poll on and ask again.

        Only a stable membership is taken. After UNKNOWN_MEMBER_ID the client turns to generation -1 and joins anew;
        the broker does not fence that generation, so nothing may ever be written under it.
        """
        self._flag.moved.clear()
        handle = self._client.group_metadata()
        if handle.state != MemberState.STABLE or handle.generation_id < 0 or not handle.member_id:
            self._flag.moved.set()
            return None
        owned = frozenset(TopicPartition(p.topic, p.partition) for p in self._client.assignment())
        return Assignment(Generation(handle.generation_id, handle.member_id, handle), owned)

    def committed(self, partition: TopicPartition) -> int | None:
        """The group's committed offset, waiting for open transactions on it to end (KIP-447).

        Without a time-out on purpose: after a timed-out call kafka-python returns the old offset.
        """
        with translated(self._connection, f"read the committed offset of {partition.topic}"):
            offset = self._client.committed(KafkaPartition(*partition))
        return None if offset is None else int(offset)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit outside of any transaction, for readers whose effects are elsewhere. May raise OwnershipLost."""
        wanted = {KafkaPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()}
        with translated(self._connection, "commit offsets"):
            self._client.commit(wanted)


class GroupOffsets(_Client):
    """What a group without members has committed, read as its next owner would: open transactions are waited for."""

    def __init__(self, connection: Connection, group: str) -> None:
        super().__init__(connection, {"group_id": group})

    def committed(self, partition: TopicPartition) -> Committed | None:
        """Without a time-out on purpose, as ``GroupConsumer.committed``. None if nothing was ever committed."""
        with translated(self._connection, f"read the committed offset of {partition.topic}"):
            found = self._client.committed(KafkaPartition(*partition), metadata=True)
        return None if found is None else Committed(int(found.offset), found.metadata)


class PartitionReader(_Client):
    """Reads named partitions without a group: for look-ups, checks and audits. Never commits anything.

    ``max_bytes`` is what one answer of the broker may hold, shared by ``at_once`` partitions. With ``uncommitted`` the ends
    that it tells are those of the log, open transactions included.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        max_bytes: int = 16 * 1024 * 1024,
        at_once: int = 4,
        uncommitted: bool = False,
    ) -> None:
        super().__init__(
            connection,
            {
                "group_id": None,
                "fetch_max_bytes": max_bytes,
                "max_partition_fetch_bytes": max_bytes // at_once,
                "isolation_level": "read_uncommitted" if uncommitted else "read_committed",
            },
        )

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these partitions from now on; positions must be set with ``seek``."""
        with translated(self._connection, "assign partitions"):
            self._client.assign([KafkaPartition(*p) for p in partitions])

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch nothing of these for now. They must be assigned."""
        self._client.pause(*(KafkaPartition(*p) for p in partitions))

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch these again, from where they were."""
        self._client.resume(*(KafkaPartition(*p) for p in partitions))

    def offsets_since(
        self, partitions: Iterable[TopicPartition], timestamp_ms: int
    ) -> dict[TopicPartition, int | None]:
        """The first offset of each partition whose record was appended then or later, None if there is none."""

        def ask(wanted: list[KafkaPartition]) -> dict[Any, int]:
            found = self._client.offsets_for_times(dict.fromkeys(wanted, max(timestamp_ms, 0)))
            return {p: _NO_OFFSET if at is None else at.offset for p, at in found.items()}

        found = self._offsets("times", ask, list(partitions))
        return {p: None if at == _NO_OFFSET else at for p, at in found.items()}

    def poll(self, timeout_s: float, max_records: int = 5000) -> list[Record]:
        """The next records in offset order within each partition. Raises Corrupt for what is no batch of records."""
        try:
            return self._poll(timeout_s, max_records)
        except _UNPARSED as error:
            raise Corrupt(
                said("a batch of records cannot be taken apart ({kind})", kind=type(error).__name__)
            ) from error
