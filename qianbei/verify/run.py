"""One verification: read every topic once, feed the checks, wait a bounded time for what is on its way, ask them."""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from broker.kafka import Connection, Groups, PartitionReader, TopicPartition
from broker.kafka import Record as KafkaRecord
from broker.registry import Registry
from broker.settings import Settings
from broker.topics import OPERATOR
from qianbei.site import Site
from qianbei.verify.avro import Readers
from qianbei.verify.checks import KINDS, Checks
from qianbei.verify.fills import filled_to
from qianbei.verify.granted import granted_at
from qianbei.verify.keys import KeyTable
from qianbei.verify.latest import Comparison, Goal, await_compaction, database, read_positions, snapshot
from qianbei.verify.report import Report
from qianbei.verify.rulings import rulings_of
from qianbei.verify.stream import Stream
from qianbei.verify.window import Partition
from schemas.said import said

READER_ROLE = "qb_reader"
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
        _without_gc(),
        Registry(settings.registry_url) as registry,
        Groups(connection) as admin,
        PartitionReader(connection) as reader,
    ):
        topics = sorted(topic for topic in admin.topics() if topic.partition(".")[0] in KINDS)
        stream = Stream(reader, topics)
        checks = Checks(
            stream,
            Readers(registry.schema),
            rulings_of(settings.policy_file),
            granted_at(settings.entitlements),
            _keys(settings),
            filled_to(admin),
        )
        run = _Run(settings, admin, stream, checks, say or _quiet, begun + patience_s)
        return run.report(begun)


def _keys(settings: Settings) -> KeyTable:
    dsn = settings.keys_dsn
    return KeyTable(None if dsn is None else dsn.get_secret_value(), settings.master_key_file)


@contextmanager
def _without_gc() -> Iterator[None]:
    """Nothing here makes cycles, and looking for them among a million live objects took a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _quiet(_message: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class _Run:
    """The steps of a verification. ``known`` is how far admission and routing had come before the last reading."""

    settings: Settings
    admin: Groups
    stream: Stream
    checks: Checks
    say: Say
    deadline: float
    known: tuple[Mapping[Partition, int], Mapping[Partition, int]] = ({}, {})

    def report(self, begun: float) -> Report:
        # 1. Everything that is there.
        self._read()
        # 2. What is still on its way: first the decisions on what had come in, then what they bring about.
        self._settle(self.checks.conservation.waits)
        self.stream.require("exchange.")
        self._settle(self.checks.waits)
        # 3. The tables, and the records that compaction has seen and we have not.
        self._check_tables()
        # 4. The answers. What is missing may be late instead of lost, which the services' own positions tell.
        decided, routed = self.known
        self.checks.redrives.finish()
        if self.checks.keys.gone:
            self.checks.projection.findings.counts["erased_values"] = self.checks.keys.gone
        results = {
            "conservation": self.checks.conservation.finish(decided),
            "fold": self.checks.fold_findings.result("rows"),
            "projection": self.checks.projection.finish(routed),
            "law": self.checks.law.finish(),
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
                    detail = said(
                        "compaction is at offset {at} and the last record is at {last}",
                        at=at,
                        last=goal.last[topic, number],
                    )
                    checks.fold_findings.add("BEHIND", f"{topic}/{number}", detail)
                Comparison(
                    db, checks.fold, checks.schemas, checks.readers, positions, checks.fold_findings
                ).run(topics)

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
                self.say(
                    said(
                        "read {count:,} records, {remaining:,} to go",
                        count=count,
                        remaining=self.stream.remaining(),
                    )
                )
        return count

    def _settle(self, waits: Callable[[], bool]) -> None:
        """Read on until nothing required is missing, or nothing comes any more and no service is behind."""
        quiet_until = time.monotonic() + SETTLE_S
        while waits():
            # Before reading, so that what the services say they have done is there to be read afterwards.
            self.known = self._positions()
            self.say(said("waiting for what is on its way"))
            time.sleep(0.2)
            if self._read():
                quiet_until = time.monotonic() + SETTLE_S
            now = time.monotonic()
            if now > self.deadline or (now > quiet_until and not any(map(self._behind, self.known))):
                return

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
