"""The whole verification: checkpoints first, then every chain, one after another."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from broker.deploy import installation_topics
from broker.kafka import Connection, PartitionReader, TopicPartition
from broker.settings import Settings
from broker.store.connect import connected, translated
from qianbei.audit import tables
from qianbei.audit.chains import ChainCheck, Start
from qianbei.audit.checkpoints import SignedHeads, judge, public_keys, spooled
from qianbei.audit.findings import Report
from qianbei.audit.hashing import Sums, start
from qianbei.audit.links import Columns, check_links, own_sums
from qianbei.audit.log import Log, TableLog, TopicLog

Progress = Callable[[int, int], None]
"""Told how many chains are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class _Verification:
    db: tables.Database
    reader: PartitionReader
    days: Mapping[str, int | None]
    heads: SignedHeads
    report: Report
    since: int

    def chain(self, topic: str, partition: int) -> None:
        """Check one chain, by one view of the tables; the log's end is asked for after that, so it is no nearer."""
        with self.db.transaction():
            self.db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._chain(topic, partition, tables.reached(self.db, topic, partition))

    def _chain(self, topic: str, partition: int, reached: tables.Reached) -> None:
        begin = self._start(topic, partition)
        log, days = self._log(topic, partition, begin.last)
        places = partial(tables.places_sum, self.db, topic, partition)
        counted = partial(tables.places_count, self.db, topic, partition, begin.last)
        check = ChainCheck(topic, partition, log, days, places, counted, self.report)
        rows = tables.rows(self.db, topic, partition, begin.last)
        check.run(begin, rows, self.heads.of(topic, partition, begin.last), reached)
        if topic.startswith(tables.ACCESS):
            self._links(topic, max(begin.last, 0))
        self.report.partitions += 1

    def _links(self, topic: str, beyond: int) -> None:
        """The digests that rows of the access log bear themselves, those that are in no chain yet too."""
        instance = topic.removeprefix(tables.ACCESS)

        def between(first: int, last: int) -> list[Columns]:
            return list(tables.access_rows(self.db, instance, first - 1, last))

        before = next(map(own_sums, between(beyond, beyond)), None)
        check_links(
            topic, before, beyond, tables.access_rows(self.db, instance, beyond), between, self.report
        )

    def _start(self, topic: str, partition: int) -> Start:
        signed = self.heads.newest(topic, partition, self.since)
        if signed is None:
            return Start(0, -1, 0, start(topic, partition), bytes(32))
        sums = Sums(bytes.fromhex(signed.sha256), bytes.fromhex(signed.sm3))
        return Start(None, signed.last, signed.records, sums, bytes.fromhex(signed.places_sha256))

    def _log(self, topic: str, partition: int, beyond: int) -> tuple[Log, int | None]:
        if topic.startswith(tables.ACCESS):
            return TableLog(tables.accesses(self.db, topic.removeprefix(tables.ACCESS), beyond)), None
        place = TopicPartition(topic, partition)
        if place not in self.reader.partitions_of(topic):
            return TableLog(iter(())), self.days.get(topic, 0)
        begin = self.reader.beginning_offsets([place])[place]
        log = TopicLog(self.reader, place, begin, self.reader.end_offsets([place])[place])
        log.start_at(beyond + 1)
        return log, self.days.get(topic)


def verify_chains(
    settings: Settings,
    keys: Path,
    progress: Progress = lambda _done, _all: None,
    *,
    topics: Collection[str] = (),
    since: int = 0,
    held: Mapping[int, str] | None = None,
) -> Report:
    """Read log and tables and compare them with each other and with what was signed.

    ``settings`` are those of the audit reader, ``keys`` the folder of the site's public keys. ``topics`` limits it to these; ``since`` begins where that checkpoint stands instead of at the beginning; ``held`` are
    bodies of checkpoints that a third party has kept. Raises AccessDenied, ConfigError or Unavailable.
    """
    trusted = public_keys(keys)
    days = {topic.name: topic.days for topic in installation_topics(settings.installation())}
    report, begun = Report(), time.monotonic()
    dsn = settings.dsn()
    with (
        translated(dsn),
        connected(dsn, "qianbei audit verify") as db,
        PartitionReader(Connection.of(settings)) as reader,
        spooled() as heads,
    ):
        judge(tables.checkpoints(db), trusted, held or {}, heads, report)
        verification = _Verification(db, reader, days, heads, report, since)
        chains = _chains(db, heads, topics)
        for done, place in enumerate(chains):
            progress(done, len(chains))
            verification.chain(*place)
        progress(len(chains), len(chains))
    report.seconds = time.monotonic() - begun
    return report


def _chains(db: tables.Database, heads: SignedHeads, topics: Collection[str]) -> list[tuple[str, int]]:
    """Every chain that a table or a checkpoint knows of; of the access log those too that nobody has chained yet."""
    found = tables.chains(db) | heads.chains() | {(tables.ACCESS + name, 0) for name in tables.instances(db)}
    return [p for p in sorted(found) if not topics or p[0] in topics or _is_access(p[0], topics)]


def _is_access(topic: str, topics: Collection[str]) -> bool:
    return topic.startswith(tables.ACCESS) and tables.ACCESS.rstrip("/") in topics
