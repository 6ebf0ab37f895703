"""``qianbei lag``: how far each service is behind, in records and in seconds, and how its processes fare.

*Behind* are the records that are in a service's topics and not yet handled; the *age* is how long ago the oldest of
them was appended. Where a service stands is what it has committed: admission and routing to their consumer groups,
compaction and report in Postgres. Transaction markers occupy offsets and are no records, so what is behind is counted by reading
it, as long as that is quick; beyond that the offsets left are added (``exact`` is then false).

A topic that is being filled from history is beside them: how many offsets its filler has left, and what routing has joined.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from broker.backfill.marks import Mark, marks_of
from broker.compaction.positions import reached
from broker.kafka import Admin, Connection, Groups, PartitionReader, Record, TopicPartition
from broker.report.opening import counted_topics
from broker.settings import Settings
from broker.store.connect import connected, translated
from broker.topics import FILL_GROUPS, OPERATOR, exchange_topic, intake_topics, routed_topics
from qianbei.inspect.metrics import Instance, instances
from qianbei.site import Site
from schemas.catalogue import load_catalogue

COUNTED = 20_000
COUNTING_S = 2.0
_POLL_S = 0.05

Offsets = dict[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class ServiceLag:
    """One service: records behind, age in seconds of the oldest (None if none is behind), and its processes."""

    service: str
    behind: int
    exact: bool
    oldest_s: float | None
    instances: tuple[Instance, ...] = ()

    @property
    def rate(self) -> float | None:
        """Records a second over all processes that could be asked; None if none could."""
        known = [one.rate for one in self.instances if one.rate is not None]
        return sum(known) if known else None

    @property
    def last_error(self) -> tuple[str, float] | None:
        """The kind of the last error of any process, and when it was (Unix seconds)."""
        known = [one.last_error for one in self.instances if one.last_error is not None]
        return max(known, key=lambda error: error[1], default=None)

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        error = self.last_error
        return {
            "service": self.service,
            "behind": self.behind,
            "exact": self.exact,
            "oldest_seconds": self.oldest_s,
            "rate_per_second": self.rate,
            "last_error": None if error is None else {"kind": error[0], "at": error[1]},
            "instances": [one.as_dict() for one in self.instances],
        }


@dataclass(frozen=True, slots=True)
class FillLag:
    """One topic that is being filled from history: offsets left, and how many of its partitions routing has joined."""

    topic: str
    left: int
    joined: int
    partitions: int


@dataclass(frozen=True, slots=True)
class Lag:
    """All services, and the topics that are being filled."""

    services: tuple[ServiceLag, ...]
    fills: tuple[FillLag, ...] = ()

    @property
    def behind(self) -> int:
        """Records behind, over all services; one that three services have yet to handle counts three times."""
        return sum(one.behind for one in self.services)

    def as_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "behind": self.behind,
            "services": [one.as_dict() for one in self.services],
            "fills": [asdict(one) for one in self.fills],
        }


def measure(site: Site, home: Path | None = None, *, sample_s: float = 1.0) -> Lag:
    """How far the services of a site are. ``home`` is where their processes are recorded; None asks none of them.

    Takes at least ``sample_s`` if there are processes, for their rate. Raises Unavailable, AccessDenied or ConfigError.
    """
    with instances(home, sample_s) as asked:
        settings = site.settings(OPERATOR, role="qb_reader")
        found, fills = _lags(settings), _fills(Connection.of(settings))
    by_service = asked()
    return Lag(tuple(_with(one, by_service.get(one.service, ())) for one in found), fills)


def _with(lag: ServiceLag, processes: tuple[Instance, ...]) -> ServiceLag:
    return ServiceLag(lag.service, lag.behind, lag.exact, lag.oldest_s, processes)


# --- where the services stand ---------------------------------------------------------------------------------------


def _lags(settings: Settings) -> list[ServiceLag]:
    connection, installation = Connection.of(settings), settings.installation()
    with Admin(connection) as admin, PartitionReader(connection) as reader:
        committed = {
            "admission": _committed(
                reader, intake_topics(installation.catalogue), admin.group_offsets("qb-admission")
            ),
            "routing": _committed(
                reader, routed_topics(installation.grants), admin.group_offsets("qb-routing")
            ),
            "compaction": _committed(reader, _folded_topics(), _folded(settings, "latest", "qb-compaction")),
            "report": _committed(
                reader, counted_topics(installation.catalogue), _folded(settings, "report", "qb-report")
            ),
        }
        ends = reader.end_offsets({p for offsets in committed.values() for p in offsets})
        counts = _count(
            reader, {name: _Count(_late(offsets, ends)) for name, offsets in committed.items()}, ends
        )
    return [count.lag(name, time.time()) for name, count in counts.items()]


def _fills(connection: Connection) -> tuple[FillLag, ...]:
    """The topics of which not every partition is joined."""
    with Groups(connection) as groups, PartitionReader(connection) as reader:
        committed = groups.committed(groups.groups(FILL_GROUPS))
        marks = {group: marks_of(group, offsets) for group, offsets in committed.items()}
        left = {group: its for group, its in marks.items() if any(mark.awaited for mark in its.values())}
        ends = reader.end_offsets({source for its in left.values() for source in its}) if left else {}
    return tuple(_fill(group.removeprefix(FILL_GROUPS), its, ends) for group, its in sorted(left.items()))


def _fill(topic: str, marks: Mapping[TopicPartition, Mark], ends: Offsets) -> FillLag:
    awaited = {source: mark for source, mark in marks.items() if mark.awaited}
    left = sum(max(0, ends[source] - mark.offset) for source, mark in awaited.items())
    return FillLag(topic, left, len(marks) - len(awaited), len(marks))


def _folded_topics() -> list[str]:
    return [exchange_topic(name) for name, subject in load_catalogue().subjects.items() if subject.latest]


def _committed(
    reader: PartitionReader, topics: Iterable[str], known: Mapping[TopicPartition, int]
) -> Offsets:
    """The next offset of each partition; the first retained one where nothing was committed yet."""
    partitions = [p for topic in topics for p in reader.partitions_of(topic)]
    missing = [p for p in partitions if p not in known]
    begins = reader.beginning_offsets(missing) if missing else {}
    return {p: known[p] if p in known else begins[p] for p in partitions}


def _folded(settings: Settings, schema: str, group: str) -> Offsets:
    with translated(settings.dsn()), connected(settings.dsn(), "qianbei lag") as db:
        return reached(db, schema, group)


def _late(positions: Offsets, ends: Offsets) -> Offsets:
    return {p: at for p, at in positions.items() if at < ends[p]}


# --- counting -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Count:
    """What one service has yet to handle. ``left`` are offsets that were not read."""

    late: Offsets
    records: int = 0
    left: int = 0
    oldest_ms: int | None = None

    def add(self, partition: TopicPartition, offset: int, timestamp_ms: int) -> None:
        if offset >= self.late.get(partition, 1 << 62):
            self.records += 1
            self.oldest_ms = timestamp_ms if self.oldest_ms is None else min(self.oldest_ms, timestamp_ms)

    def leave(self, partition: TopicPartition, position: int, end: int) -> None:
        if partition in self.late:
            self.left += end - max(position, self.late[partition])

    def lag(self, service: str, now: float) -> ServiceLag:
        oldest = None if self.oldest_ms is None else round(max(0.0, now - self.oldest_ms / 1000), 3)
        return ServiceLag(service, self.records + self.left, self.left == 0, oldest)


def _count(reader: PartitionReader, counts: Mapping[str, _Count], ends: Offsets) -> Mapping[str, _Count]:
    """Read from the earliest position of any service on, until the end or until it has been enough.

    Every late partition is read at least once, if it answers in time, since its first record tells the age.
    """
    starts: Offsets = {}
    for count in counts.values():
        for partition, at in count.late.items():
            starts[partition] = min(at, starts.get(partition, at))
    reader.assign(starts)
    for partition, at in starts.items():
        reader.seek(partition, at)
    positions, begun, unread, read = starts, time.monotonic(), set(starts), 0
    while left := {p for p, at in positions.items() if at < ends[p]}:
        took = time.monotonic() - begun
        if (read > COUNTED or took > COUNTING_S) and (not unread & left or took > 3 * COUNTING_S):
            break
        records = reader.poll(_POLL_S)
        read += len(records)
        unread -= _add(records, counts, ends)
        positions = {p: reader.position(p) for p in starts}
    for partition in left:
        for count in counts.values():
            count.leave(partition, positions[partition], ends[partition])
    return counts


def _add(records: Iterable[Record], counts: Mapping[str, _Count], ends: Offsets) -> set[TopicPartition]:
    """Count records, and say which partitions they are of."""
    seen: set[TopicPartition] = set()
    for record in records:
        place = TopicPartition(record.topic, record.partition)
        seen.add(place)
        if record.offset < ends[place]:
            for count in counts.values():
                count.add(place, record.offset, record.timestamp_ms)
    return seen
