"""The words of the Kafka clients: places, records in, records out, rights."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

Header = tuple[str, bytes]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Record(NamedTuple):
    """One record as it lies in the log; ``timestamp_ms`` is the broker's append time."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]

    @property
    def appended_at(self) -> datetime:
        """``timestamp_ms`` as a time in UTC."""
        return _EPOCH + timedelta(milliseconds=self.timestamp_ms)

    def header(self, name: str) -> bytes | None:
        """The first header of that name, or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


def next_offsets(records: Iterable[Record]) -> dict[TopicPartition, int]:
    """For each partition of these records the offset after its last one."""
    offsets: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        offsets[partition] = max(offsets.get(partition, 0), record.offset + 1)
    return offsets


class Committed(NamedTuple):
    """What a group has committed for a partition: where it stands, and the word that was written beside it."""

    offset: int
    metadata: str = ""


class Outgoing(NamedTuple):
    """One record to be written. The partition is always explicit: it is the slot."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One allowed operation of one user on a resource; everything else is denied."""

    user: str
    resource: Literal["TOPIC", "GROUP", "TRANSACTIONAL_ID", "CLUSTER"]
    name: str
    operation: Literal["READ", "WRITE", "DESCRIBE", "IDEMPOTENT_WRITE"]
    prefixed: bool = False
