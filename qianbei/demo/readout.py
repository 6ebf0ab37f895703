"""Reading an exchange's topics as the operator, for counting and showing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg

from broker.codec import Decoder
from broker.kafka import Admin, Connection, PartitionReader, Record, TopicPartition
from broker.registry import Registry
from broker.released import decoder, topic_subject
from broker.topics import ADMISSION as ADMISSION_GROUP
from broker.topics import OPERATOR, ROUTING, decision_topic, intake_topics, quarantine_topics
from producers.simulator.model_compare import Observed, observed_decision, observed_quarantine
from qianbei.site import Site

READER_ROLE = "qb_reader"
MARKERS = 20
"""So close to its end a partition is looked at, whether records are left or only markers."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What was decided of every retained intake record, and when each accepted event came in (ms)."""

    observed: tuple[Observed, ...]
    accepted_events: Mapping[str, tuple[str, int, int]]


class Conflicts(NamedTuple):
    """How often conflicts of one kind were raised and resolved."""

    raised: int
    resolved: int


class Readout:
    """One operator's look at an exchange. Use it in a ``with`` block."""

    def __init__(self, site: Site) -> None:
        self._settings = site.settings(OPERATOR, role=READER_ROLE)
        self._installation = site.admin.installation()
        self._catalogue = self._installation.catalogue
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        connection = Connection.of(self._settings)
        self._reader = self._stack.enter_context(PartitionReader(connection))
        self._admin = self._stack.enter_context(Admin(connection))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.close()

    def records(self, topics: Iterable[str]) -> Iterator[Record]:
        """Every committed record of these topics up to their present ends, partition by partition in order."""
        partitions = [p for topic in topics for p in self._reader.partitions_of(topic)]
        self._reader.assign(partitions)
        begin, ends = self._reader.beginning_offsets(partitions), self._reader.end_offsets(partitions)
        for partition, offset in begin.items():
            self._reader.seek(partition, offset)
        open_ones = {p for p in partitions if begin[p] < ends[p]}
        while open_ones:
            yield from self._reader.poll(0.2)
            open_ones = {p for p in open_ones if self._reader.position(p) < ends[p]}

    def outcomes(self) -> Outcomes:
        """All decisions and quarantine records."""
        principals = list(self._catalogue.principals)
        decided = self._decoder("decision", [decision_topic(p) for p in principals])
        apart = self._decoder("quarantine", quarantine_topics(self._catalogue))
        observed: list[Observed] = []
        accepted: dict[str, tuple[str, int, int]] = {}
        for record in self.records(decision_topic(p) for p in principals):
            body = decided.decode(record.value)[1]
            observed.append(observed_decision(body))
            if body["outcome"] == "ACCEPTED":
                accepted[body["event_id"]] = (
                    body["intake_topic"],
                    body["intake_partition"],
                    body["intake_offset"],
                )
        set_apart = self.records(quarantine_topics(self._catalogue))
        observed.extend(observed_quarantine(apart.decode(record.value)[1]) for record in set_apart)
        return Outcomes(tuple(observed), accepted)

    def _decoder(self, record: str, topics: Iterable[str]) -> Decoder:
        with Registry(self._settings.registry_url) as registry:
            return decoder(registry, [topic_subject(topic, record) for topic in topics])

    def deliveries(
        self, outcomes: Outcomes, *, warm_up_s: float = 0.0
    ) -> tuple[dict[str, dict[str, int]], list[int]]:
        """Records a department and subject, and for each delivered event the ms from its append to intake.

        Events of the first ``warm_up_s`` seconds give no delay: freshly started services and servers are slower.
        """
        topics = {grant.topic: grant for grant in self._installation.grants}
        entered = {
            (r.topic, r.partition, r.offset): r.timestamp_ms
            for r in self.records(intake_topics(self._catalogue))
        }
        counted_from = min(entered.values(), default=0) + warm_up_s * 1000
        counts: dict[str, dict[str, int]] = {}
        latencies: list[int] = []
        for record in self.records(topics):
            grant = topics[record.topic]
            of_department = counts.setdefault(grant.department, {})
            of_department[grant.subject] = of_department.get(grant.subject, 0) + 1
            place = outcomes.accepted_events.get((record.header("ce_id") or b"").decode())
            if place is not None and entered.get(place, -1) >= counted_from:
                latencies.append(record.timestamp_ms - entered[place])
        return counts, latencies

    def latest_counts(self) -> dict[str, int]:
        """Rows of each subject's table in ``latest``."""
        with psycopg.connect(self._settings.dsn()) as db:
            return {subject: _count(db, subject) for subject in self._catalogue.subjects}

    def conflicts(self) -> dict[str, Conflicts]:
        """How many conflicts of each kind were raised and resolved: each counts as often as it was raised."""
        with psycopg.connect(self._settings.dsn()) as db:
            # Raised and resolved take turns, so an odd revision is a raised one.
            rows = db.execute(
                "SELECT kind, sum((revision + 1) / 2)::int, sum(revision / 2)::int FROM latest.conflict GROUP BY kind"
                " ORDER BY kind"
            ).fetchall()
        return {kind: Conflicts(raised, resolved) for kind, raised, resolved in rows}

    def telling_house(self) -> str | None:
        """A house whose story has a conflict and is short enough to be read. None if there is none."""
        with psycopg.connect(self._settings.dsn()) as db:
            row = db.execute(
                "SELECT c.house_code FROM latest.conflict c JOIN latest.unit u USING (house_code)"
                " GROUP BY c.house_code, u.revision ORDER BY bool_or(c.kind = 'SEIZED_UNIT_SOLD') DESC, abs(u.revision - 9),"
                " c.house_code LIMIT 1"
            ).fetchone()
        return str(row[0]) if row else None

    def progress(self) -> dict[str, tuple[int, int]]:
        """How far each service is: (done, of how many), in offsets."""
        intake = [p for topic in intake_topics(self._catalogue) for p in self._reader.partitions_of(topic)]
        exchange = [p for s in self._catalogue.subjects for p in self._reader.partitions_of(f"exchange.{s}")]
        entered, accepted = self._reader.end_offsets(intake), self._reader.end_offsets(exchange)
        routable = self._routable(accepted)
        decided = self._past_markers(self._admin.group_offsets(ADMISSION_GROUP), entered)
        routed = self._past_markers(self._admin.group_offsets(ROUTING), routable)
        return {
            "admission": (_sum(decided, entered), sum(entered.values())),
            "routing": (_sum(routed, routable), sum(routable.values())),
            "compaction": (self._compacted(accepted), sum(accepted.values())),
        }

    def _routable(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        subjects = {f"exchange.{grant.subject}" for grant in self._installation.grants}
        return {p: end for p, end in ends.items() if p.topic in subjects}

    def _past_markers(
        self, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Positions moved to the end where only transaction markers follow, which are offsets but no records."""
        moved = {p: positions.get(p, 0) for p in ends}
        near = [p for p, end in ends.items() if 0 < end - moved[p] <= MARKERS]
        self._reader.assign(near)
        for partition in near:
            self._reader.seek(partition, moved[partition])
        waiting = set(near)
        while waiting:
            with_records = {TopicPartition(r.topic, r.partition) for r in self._reader.poll(0.1)}
            passed = {p for p in waiting if self._reader.position(p) >= ends[p]}
            moved |= {p: ends[p] for p in passed - with_records}
            waiting -= passed | with_records
        return moved

    def _compacted(self, ends: Mapping[TopicPartition, int]) -> int:
        with psycopg.connect(self._settings.dsn()) as db:
            rows = db.execute("SELECT topic, partition, next_offset FROM latest.position").fetchall()
        return _sum({TopicPartition(topic, partition): offset for topic, partition, offset in rows}, ends)


def _sum(values: Mapping[TopicPartition, int], wanted: Mapping[TopicPartition, int]) -> int:
    return sum(values.get(p, 0) for p in wanted)


def _count(db: psycopg.Connection[tuple[Any, ...]], subject: str) -> int:
    row = db.execute(
        psycopg.sql.SQL("SELECT count(*) FROM latest.{}").format(psycopg.sql.Identifier(subject))
    ).fetchone()
    return int(row[0]) if row else 0


def percentile(values: list[int], share: float) -> int:
    """The value below which this share of the values lies (nearest rank). 0 if there are none."""
    if not values:
        return 0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def wait_until_done(
    look: Callable[[], Mapping[str, tuple[int, int]]],
    show: Callable[[Mapping[str, tuple[int, int]]], None],
    *,
    patience_s: float = 120.0,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Until every service has done all there is. False if one made no progress for ``patience_s``."""
    last, since = None, clock()
    while True:
        now = look()
        show(now)
        if all(done >= of for done, of in now.values()):
            return True
        if now != last:
            last, since = now, clock()
        elif clock() - since > patience_s:
            return False
        pause(0.3)
