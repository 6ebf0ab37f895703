"""One verification: read every topic once, feed the checks, wait a bounded time for what is on its way, ask them."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.kafka import Admin, Connection, PartitionReader, TopicPartition
from broker.kafka import Record as KafkaRecord
from broker.registry import Registry
from broker.settings import Settings
from broker.topics import OPERATOR
from qianbei.site import Site
from qianbei.verify.avro import Reader, Readers, Record, Unreadable
from qianbei.verify.conservation import Conservation, decision, quarantine
from qianbei.verify.entitlement import shipped_rules
from qianbei.verify.fold import Fold, Newest
from qianbei.verify.latest import Goal, await_compaction, compare_all, database, read_positions, snapshot
from qianbei.verify.projection import Projection
from qianbei.verify.report import Findings, Report, place_of
from qianbei.verify.source import Sent, Sources
from qianbei.verify.stream import Stream
from qianbei.verify.window import Partition

READER_ROLE = "qb_reader"
KINDS = ("intake", "decision", "quarantine", "exchange", "dept")
SETTLE_S = 2.0
"""When nothing has come for so long and no service is behind, what is missing is missing."""

Say = Callable[[str], None]


def verify(site: Site, say: Say | None = None, *, patience_s: float = 30.0) -> Report:
    """Check the exchange of a site. ``say`` is told how far it is; ``patience_s`` bounds the wait for a late service.

    Raises Unavailable or AccessDenied if a server does not answer or refuses the operator.
    """
    settings = site.settings(OPERATOR, role=READER_ROLE)
    connection = Connection.of(settings)
    begun = time.monotonic()
    with (
        Registry(settings.registry_url) as registry,
        Admin(connection) as admin,
        PartitionReader(connection) as reader,
    ):
        topics = sorted(topic for topic in admin.topics() if topic.partition(".")[0] in KINDS)
        stream = Stream(reader, topics)
        checks = Checks(stream, Readers(registry.schema))
        run = _Run(settings, admin, stream, checks, say or _quiet, begun + patience_s)
        return run.report(begun)


def _quiet(_message: str) -> None:
    """Say nothing."""


class Checks:
    """The checks of one run, and which record goes to which of them."""

    def __init__(self, stream: Stream, readers: Readers) -> None:
        self.readers = readers
        self._sources = Sources(readers)
        self.conservation = Conservation(stream.window)
        self.fold = Fold()
        self.projection = Projection(shipped_rules(), stream.partitions, stream.window, readers)
        self.fold_findings = Findings()
        self._feeds: Mapping[str, Callable[[KafkaRecord], None]] = {
            "intake": self._intake,
            "decision": self._decision,
            "quarantine": self._quarantine,
            "exchange": self._exchange,
            "dept": self._dept,
        }

    def feed(self, batch: Sequence[KafkaRecord]) -> None:
        """Give each record to the checks that want it."""
        feeds = self._feeds
        for record in batch:
            feeds[record.topic.partition(".")[0]](record)
        self.projection.advance()

    def waits(self) -> bool:
        """Whether more reading may bring what is missing."""
        return self.conservation.waits() or self.projection.waits()

    def _intake(self, record: KafkaRecord) -> None:
        self.conservation.add_intake(record.topic, record.partition, record.offset, _sha256(record.value))

    def _decision(self, record: KafkaRecord) -> None:
        body = self._read(record)
        if body is not None:
            self.conservation.add_outcome(decision(record.topic, record.partition, record.offset, body))

    def _quarantine(self, record: KafkaRecord) -> None:
        body = self._read(record)
        if body is None:
            return
        outcome = quarantine(record.topic, record.partition, record.offset, body)
        self.conservation.add_outcome(outcome)
        if _sha256(body["value"]) != outcome.sha256:
            self.conservation.findings.add(
                "WRONG_BYTES", outcome.place, "holds other bytes than its digest states"
            )

    def _exchange(self, record: KafkaRecord) -> None:
        topic, partition, offset = record.topic, record.partition, record.offset
        try:
            source = self._sources.of(_sent(record))
            facts = source.facts()
        except Unreadable as error:
            self.conservation.findings.add("UNREADABLE", place_of(topic, partition, offset), str(error))
            return
        self._check_headers(record, facts.entity_id, facts.revision)
        self.conservation.add_exchange(topic, partition, offset, *facts)
        newest = Newest(facts.revision or 0, partition, offset, source.value)
        self.fold.add(topic, facts.entity_id, newest, source.kind.reader)
        self.projection.add_exchange(topic, partition, source)

    def _check_headers(self, record: KafkaRecord, entity_id: str, revision: int | None) -> None:
        if record.key != entity_id.encode() or record.header("qb_revision") != str(revision).encode():
            place = place_of(record.topic, record.partition, record.offset)
            self.conservation.findings.add(
                "WRONG_KEY", place, "its key or qb_revision is not what the record says"
            )

    def _dept(self, record: KafkaRecord) -> None:
        self.projection.add_dept(record.topic, record.partition, _sent(record))

    def _read(self, record: KafkaRecord) -> Record | None:
        try:
            reader: Reader = self.readers.of(record.value)
            return reader.plain(record.value or b"")
        except Unreadable as error:
            self.conservation.findings.add(
                "UNREADABLE", place_of(record.topic, record.partition, record.offset), str(error)
            )
            return None


def _sha256(value: bytes | None) -> str:
    return hashlib.sha256(value or b"").hexdigest()


def _sent(record: KafkaRecord) -> Sent:
    return Sent(record.offset, record.key, record.header("qb_revision"), record.value)


@dataclass(frozen=True, slots=True)
class _Run:
    """The steps of a verification."""

    settings: Settings
    admin: Admin
    stream: Stream
    checks: Checks
    say: Say
    deadline: float

    def report(self, begun: float) -> Report:
        # 1. Everything that is there.
        self._read()
        # 2. What is still on its way.
        decided, routed = self._settle()
        # 3. The tables, and the records that compaction has seen and we have not.
        self._check_tables()
        # 4. The answers.
        results = {
            "conservation": self.checks.conservation.finish(decided),
            "fold": self.checks.fold_findings.result("rows"),
            "projection": self.checks.projection.finish(routed),
        }
        return Report(results, time.monotonic() - begun)

    def _check_tables(self) -> None:
        stream, checks = self.stream, self.checks
        topics = sorted({topic for topic, _ in stream.partitions if topic.startswith("exchange.")})
        goal = Goal({p: offset for p, offset in stream.last.items() if p[0] in topics})
        with database(self.settings.dsn()) as db:
            await_compaction(db, goal, self.deadline, self.say)
            with snapshot(db):
                positions = read_positions(db)
                self._feed(
                    stream.read_to({TopicPartition(*p): at for p, at in positions.items() if p[0] in topics})
                )
                for (topic, number), at in sorted(goal.behind(positions).items()):
                    detail = (
                        f"compaction is at offset {at} and the last record is at {goal.last[topic, number]}"
                    )
                    checks.fold_findings.add("BEHIND", f"{topic}/{number}", detail)
                compare_all(db, checks.fold, topics, checks.readers, positions, checks.fold_findings)

    def _read(self) -> int:
        return self._feed(self.stream.read())

    def _feed(self, batches: Iterator[list[KafkaRecord]]) -> int:
        count = 0
        told = time.monotonic()
        for batch in batches:
            self.checks.feed(batch)
            count += len(batch)
            if time.monotonic() > told + 1.0:
                told = time.monotonic()
                self.say(f"read {count:,} records, {self.stream.remaining():,} to go")
        return count

    def _settle(self) -> tuple[Mapping[Partition, int], Mapping[Partition, int]]:
        """Read on until nothing required is missing, or nothing comes any more. Gives how far the services are."""
        quiet_until = time.monotonic() + SETTLE_S
        while self.checks.waits():
            decided, routed = self._positions()
            now = time.monotonic()
            nobody_works = now > quiet_until and not self._behind(decided) and not self._behind(routed)
            if now > self.deadline or nobody_works:
                return decided, routed
            self.say("waiting for what is on its way")
            time.sleep(0.2)
            if self._read():
                quiet_until = time.monotonic() + SETTLE_S
        return {}, {}

    def _positions(self) -> tuple[Mapping[Partition, int], Mapping[Partition, int]]:
        intake = [p for p in self.stream.partitions if p.topic.startswith("intake.")]
        return self._group("qb-admission", intake), self._group("qb-routing", self.checks.projection.sources)

    def _group(self, group: str, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """The offsets of a service's group; a partition without one has been read by nobody."""
        found = self.admin.group_offsets(group)
        begins = self.stream.window.begins
        return {p: found.get(TopicPartition(*p), begins[p]) for p in partitions}

    def _behind(self, positions: Mapping[Partition, int]) -> bool:
        return any(at <= self.stream.last.get(p, -1) for p, at in positions.items())
