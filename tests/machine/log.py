"""An in-process log that stands in for Kafka, and nothing else: topics, one consumer group, transactions.

What it keeps of Kafka is what exactly-once rests on: offsets a partition, ``read_committed`` visibility, a group whose
generation fences offset commits, a producer epoch that fences writes, and a last stable offset that an open transaction
holds back. Every call of a client is a *point* at which the scheduler may crash the instance or let another one run.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from broker.errors import Indefinite, OwnershipLost
from broker.kafka import Assignment, Commit, Generation, Outgoing, Record, TopicPartition

Point = Callable[[str], None]
"""Called with the name of the point; may raise, or do what another instance does in the meantime."""


class Fate(Enum):
    """What became of a transaction."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(slots=True)
class Transaction:
    """One transaction of a producer; its records are seen once it is committed."""

    fate: Fate = Fate.OPEN
    offsets: dict[TopicPartition, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    record: Record
    transaction: Transaction


_PLAIN = Transaction(Fate.COMMITTED)


class Log:
    """The broker's side. ``now_ms`` is its clock, for append times."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._entries: dict[TopicPartition, list[_Entry]] = {}
        self._open: dict[str, Transaction] = {}
        self._epochs: dict[str, int] = {}
        self.offsets: dict[TopicPartition, int] = {}
        self.generation = 0
        self.assigned: dict[str, frozenset[TopicPartition]] = {}

    # -- records ---------------------------------------------------------------------------------------------------

    def append(self, message: Outgoing, transaction: Transaction = _PLAIN) -> int:
        """The offset of the new record."""
        partition = TopicPartition(message.topic, message.partition)
        entries = self._entries.setdefault(partition, [])
        record = Record(
            *partition, len(entries), self._now_ms(), message.key, message.value, tuple(message.headers)
        )
        entries.append(_Entry(record, transaction))
        return record.offset

    def end(self, partition: TopicPartition) -> int:
        """The last stable offset: where a ``read_committed`` reader stops."""
        entries = self._entries.get(partition, [])
        for at, entry in enumerate(entries):
            if entry.transaction.fate is Fate.OPEN:
                return at
        return len(entries)

    def read(self, partition: TopicPartition, offset: int = 0) -> list[Record]:
        """What a ``read_committed`` reader finds from an offset on."""
        entries = self._entries.get(partition, [])[offset : self.end(partition)]
        return [entry.record for entry in entries if entry.transaction.fate is Fate.COMMITTED]

    def topics(self, prefix: str) -> list[TopicPartition]:
        """The partitions, with records, of all topics of that prefix."""
        return sorted(partition for partition in self._entries if partition.topic.startswith(prefix))

    def everything(self) -> dict[TopicPartition, list[Record]]:
        """All committed records of all topics."""
        return {partition: self.read(partition) for partition in self._entries}

    # -- transactions ------------------------------------------------------------------------------------------------

    def begin_epoch(self, transactional_id: str) -> int:
        """A producer begins: whoever wrote under this id before can no longer, and what it left open is aborted."""
        self._epochs[transactional_id] = self._epochs.get(transactional_id, 0) + 1
        self._abort(transactional_id)
        return self._epochs[transactional_id]

    def begin(self, transactional_id: str, epoch: int) -> Transaction:
        self.fence(transactional_id, epoch)
        self._open[transactional_id] = transaction = Transaction()
        return transaction

    def fence(self, transactional_id: str, epoch: int) -> None:
        """Raises OwnershipLost if a newer producer has begun."""
        if self._epochs[transactional_id] != epoch:
            raise OwnershipLost(f"a newer producer writes as {transactional_id}")

    def commit(self, transactional_id: str, transaction: Transaction) -> None:
        """Raises Indefinite if the broker has aborted it meanwhile."""
        if transaction.fate is not Fate.OPEN:
            raise Indefinite("the transaction was aborted on its time-out")
        transaction.fate = Fate.COMMITTED
        self.offsets.update(transaction.offsets)
        self._open.pop(transactional_id, None)

    def _abort(self, transactional_id: str) -> None:
        transaction = self._open.pop(transactional_id, None)
        if transaction is not None:
            transaction.fate = Fate.ABORTED

    def committed(self, partition: TopicPartition) -> int | None:
        """The group's offset. Who asks waits for open transactions on it, until the broker ends them by time-out."""
        for transactional_id, transaction in list(self._open.items()):
            if partition in transaction.offsets:
                self._abort(transactional_id)
        return self.offsets.get(partition)

    # -- the group -----------------------------------------------------------------------------------------------------

    def assign(self, slots: Mapping[str, Collection[int]], topics: Iterable[str]) -> None:
        """A new generation, in which each member owns its slots in all topics."""
        every = list(topics)
        self.generation += 1
        self.assigned = {
            member: frozenset(TopicPartition(topic, slot) for topic in every for slot in owned)
            for member, owned in slots.items()
        }


class LogConsumer:
    """What admission uses of a ``GroupConsumer``. ``limit`` and ``first`` are the scheduler's: how much, from where."""

    def __init__(self, log: Log, member: str, point: Point) -> None:
        self._log = log
        self._member = member
        self._point = point
        self._seen_generation = -1
        self._unsettled = 0
        self._positions: dict[TopicPartition, int] = {}
        self.limit = 1
        self.first = 0

    def unsettle(self, times: int) -> None:
        """The group is still moving for so many calls of ``take_assignment``."""
        self._unsettled = times

    @property
    def moved(self) -> bool:
        return self._seen_generation != self._log.generation

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
        self._point("poll")
        if self.moved:
            return []
        found = self._fetch(min(self.limit, max_records))
        for record in found:
            self._positions[TopicPartition(record.topic, record.partition)] = record.offset + 1
        return found

    def _fetch(self, limit: int) -> list[Record]:
        partitions = sorted(self._positions)
        turned = partitions[self.first % len(partitions) :] if partitions else []
        found: list[Record] = []
        for partition in [*turned, *partitions[: len(partitions) - len(turned)]]:
            found += self._log.read(partition, self._positions[partition])[: limit - len(found)]
        return found

    def take_assignment(self) -> Assignment | None:
        if self._unsettled > 0:
            self._unsettled -= 1
            return None
        self._seen_generation = self._log.generation
        owned = self._log.assigned.get(self._member, frozenset())
        self._positions = dict.fromkeys(owned, 0)
        return Assignment(Generation(self._log.generation, self._member, self._log.generation), owned)

    def committed(self, partition: TopicPartition) -> int | None:
        self._point("committed")
        return self._log.committed(partition)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: self._log.end(partition) for partition in partitions}


class LogProducer:
    """What admission uses of a ``TransactionalProducer``."""

    def __init__(self, log: Log, member: str, point: Point) -> None:
        self._log = log
        self._member = member
        self._point = point
        self._epoch = log.begin_epoch(member)

    def learn(self, topics: Iterable[str]) -> None:
        """Every topic is known."""

    def publish(self, messages: Iterable[Outgoing], *commits: Commit) -> None:
        self._point("publish")
        transaction = self._log.begin(self._member, self._epoch)
        for message in messages:
            self._log.fence(self._member, self._epoch)
            self._log.append(message, transaction)
        self._point("sent")
        self._log.fence(self._member, self._epoch)
        for commit in commits:
            if commit.generation is None or commit.generation.number != self._log.generation:
                raise OwnershipLost("the generation is no longer the group's")
            transaction.offsets.update(commit.offsets)
        self._point("offsets")
        self._log.fence(self._member, self._epoch)
        self._log.commit(self._member, transaction)
        self._point("published")


class LogReader:
    """What replaying uses of a ``PartitionReader``."""

    def __init__(self, log: Log, slots: int) -> None:
        self._log = log
        self._slots = slots
        self._at: dict[TopicPartition, int] = {}

    def partitions_of(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, slot) for slot in range(self._slots)]

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {p: self._log.end(p) for p in partitions}

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._at = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._at[partition] = offset

    def position(self, partition: TopicPartition) -> int:
        return self._at[partition]

    def poll(self, _timeout_s: float, max_records: int = 3) -> list[Record]:
        found: list[Record] = []
        for p, at in self._at.items():
            some = self._log.read(p, at)[: min(max_records, 3)]
            self._at[p] = at + len(some)
            found += some
        return found

    def offsets_since(
        self, partitions: Iterable[TopicPartition], timestamp_ms: int
    ) -> dict[TopicPartition, int | None]:
        return {
            p: next((one.offset for one in self._log.read(p) if one.timestamp_ms >= timestamp_ms), None)
            for p in partitions
        }
