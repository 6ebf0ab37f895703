"""Tampering with the broker's disk and the audit tables is found and located; honest logs raise no alarm.

At full size (tests/long.py): 20,000 events in 200 partitions, written with aborted transactions and chained by instances
that are killed and rebalanced; then 200 tamperings, one a partition.
"""

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
import pytest
from confluent_kafka import Producer
from pydantic import SecretStr

from broker.audit.keys import SigningKey, key_of
from broker.audit.service import GROUP, AuditSession, Knowledge
from broker.codec import Decoder
from broker.errors import OwnershipLost, Unavailable
from broker.kafka import Admin, Connection, GroupConsumer, PartitionReader, TopicPartition
from broker.metrics import ServiceMetrics
from broker.query.access_chain import Link, begun
from broker.query.access_log import COLUMNS, INSERT, linked
from broker.settings import Settings
from broker.store.connect import connected
from qianbei.audit import Report, verify_chains
from qianbei.audit.export import range_lines
from tests.support.accesses import an_access
from tests.support.exchange import read_out, until
from tests.support.kafka_alone import KafkaAlone, kafka_alone
from tests.support.tampering import EDITS, Disk, Planted
from tests.support.topics import confluent
from tests.unit.test_audit_chain import script

EVENTS = int(os.environ.get("QIANBEI_AUDIT_EVENTS", "1200"))
TAMPERINGS = int(os.environ.get("QIANBEI_AUDIT_TAMPERINGS", "24"))
PARTITIONS = 8
TOPICS = tuple(f"dept.tax.sale.v{n}" for n in range(1, -(-TAMPERINGS // PARTITIONS) + 1))
ACCESSES = 20
CHAIN = "0:x"
Place = tuple[str, int]


@dataclass(frozen=True)
class World:
    """A Kafka, a database, the audit reader's key, and a seed."""

    kafka: KafkaAlone
    settings: Settings
    key: SigningKey
    keys: Path
    random: Random

    @contextmanager
    def session(self, instance: str) -> Iterator[AuditSession]:
        knowledge = Knowledge(TOPICS, Decoder({}), self.key, checkpoint_s=0.5)
        dsn = self.settings.dsn()
        with (
            connected(dsn, f"chain {instance}") as db,
            GroupConsumer(Connection.of(self.settings), GROUP, TOPICS, instance=instance) as consumer,
        ):
            yield AuditSession(knowledge, consumer, db, dsn, ServiceMetrics("audit"))

    def verify(self, *, since: int = 0, held: dict[int, str] | None = None) -> Report:
        return verify_chains(self.settings, self.keys, since=since, held=held)

    def db(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.settings.dsn(), autocommit=True)


@pytest.fixture(scope="module")
def world(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    seed = int(os.environ.get("QIANBEI_AUDIT_SEED", secrets.randbelow(10**6)))
    print(f"QIANBEI_AUDIT_SEED={seed}")
    folder = tmp_path_factory.mktemp("audit")
    key = key_of(secrets.token_hex(32))
    (folder / "it.pub").write_text(key.public.hex())
    with kafka_alone(folder / "kafka") as node:
        settings = Settings(
            kafka_bootstrap=f"127.0.0.1:{node.port}",
            kafka_username="admin",
            kafka_password=SecretStr(node.password),
            postgres_dsn=SecretStr(dsn),
            SCHEMA_REGISTRY_URL="http://127.0.0.1:9",
        )
        world = World(node, settings, key, folder, Random(seed))
        with Admin(Connection.of(settings)) as admin:
            config = {"message.timestamp.type": "LogAppendTime", "compression.type": "uncompressed"}
            admin.create_topics(dict.fromkeys(TOPICS, config), PARTITIONS, 1)
        _write_and_chain(world)
        yield world


def _write_and_chain(world: World) -> None:
    """Write while two instances chain, are killed, and come again; then let one finish."""
    stop = threading.Event()
    chaining = [threading.Thread(target=_chain, args=(world, str(n), stop)) for n in range(2)]
    for one in chaining:
        one.start()
    try:
        _write(world)
    finally:
        stop.set()
        for one in chaining:
            one.join()
    with world.session("last") as session:
        until("all is chained", lambda: session.step() == 0 and _chained(world) == _written(world), 120)
        until("all is signed", lambda: (session.step(), _unsigned(world))[1] == 0)


def _chain(world: World, instance: str, stop: threading.Event) -> None:
    """Session after session; now and then the connection is cut in the midst of whatever it does."""
    random = Random(world.random.random())
    while not stop.is_set():
        try:
            with world.session(instance) as session:
                until_cut = time.monotonic() + random.uniform(0.5, 4)
                while time.monotonic() < until_cut and not stop.is_set():
                    session.step()
                killer = threading.Timer(random.uniform(0, 0.05), _cut, (world, instance))
                killer.start()
                for _ in range(5):
                    session.step()
                killer.join()
        except (Unavailable, OwnershipLost):
            pass


def _cut(world: World, instance: str) -> None:
    with world.db() as db:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        db.execute(query, (f"chain {instance}",))


def _write(world: World) -> None:
    """Transactions of one or two records a partition; every fifth is aborted."""
    producer = Producer(
        confluent(world.settings) | {"transactional.id": "writer", "partitioner": "murmur2", "linger.ms": 0}
    )
    producer.init_transactions()
    each = EVENTS // (len(TOPICS) * PARTITIONS)
    written = rounds = 0
    while written < each:
        producer.begin_transaction()
        count = world.random.choice((1, 1, 2))
        aborted = rounds % 5 == 4
        for topic in TOPICS:
            for partition in range(PARTITIONS):
                for n in range(count):
                    value = f"value {topic} {partition} {written + n} {secrets.token_hex(20)}"
                    revision = str(written + n).encode()
                    producer.produce(
                        topic, value, f"e{partition}", partition, headers=[("qb_revision", revision)]
                    )
        rounds += 1
        if aborted:
            producer.flush()
            producer.abort_transaction()
        else:
            producer.commit_transaction()
            written += count
            _ask(world, rounds)


def _ask(world: World, n: int) -> None:
    if n > ACCESSES:
        return
    with world.db() as db:
        row = db.execute("SELECT seq, sha256, sm3 FROM audit.access ORDER BY seq DESC LIMIT 1").fetchone()
        seq, *digests = row or (0,)
        before = Link(*digests) if digests else begun(CHAIN)  # type: ignore[arg-type]
        (values,), _ = linked(CHAIN, int(str(seq)), before, [an_access()])
        db.execute(INSERT, values)


def _count(world: World, query: str) -> int:
    with world.db() as db:
        row = db.execute(query).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(str(row[0]))


def _chained(world: World) -> int:
    return _count(world, "SELECT coalesce(sum(records), 0) FROM audit.head WHERE topic LIKE 'dept.%'")


def _unsigned(world: World) -> int:
    access = _count(world, "SELECT count(*) FROM audit.access") - _count(
        world, "SELECT coalesce(sum(records), 0) FROM audit.head WHERE topic LIKE 'audit.%'"
    )
    return access + _count(world, "SELECT count(*) FROM audit.head WHERE number > signed")


def _written(world: World) -> int:
    return sum(map(len, _offsets(world).values()))


def _offsets(world: World) -> dict[Place, list[int]]:
    found: dict[Place, list[int]] = {(t, p): [] for t in TOPICS for p in range(PARTITIONS)}
    with PartitionReader(Connection.of(world.settings)) as reader:
        for record in read_out(reader, [TopicPartition(*place) for place in found]):
            found[record.topic, record.partition].append(record.offset)
    return found


@pytest.mark.timeout(3600)
def test_honest_logs_raise_no_alarm_and_every_tampering_is_located(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    offsets = _offsets(world)
    honest = world.verify()
    assert honest.findings == []
    assert honest.ok
    assert honest.records == sum(map(len, offsets.values())) + _count(
        world, "SELECT count(*) FROM audit.access"
    )
    assert honest.unsigned == 0
    assert honest.index_rows == sum(map(len, offsets.values()))
    assert world.verify(since=max(1, honest.checkpoints // 2)).findings == []
    assert honest.linked == _count(world, "SELECT count(*) FROM audit.access")
    _hand_over_rows_of_the_access_log(world)

    planted = _tamper(world, offsets)
    found = world.verify()
    missed = [one for one in planted if not _located(one, found)]
    assert not missed, f"{missed}\n{found.findings}"
    rows = {
        (str(f.kind), at)
        for f in found.findings
        if f.topic.startswith("audit.access")
        for at in range(f.first, f.last + 1)
    }
    last = max(at for _, at in rows)
    assert rows == {("changed", 3), ("dropped", 5), ("re-ordered", 8), ("re-ordered", 9), ("inserted", last)}
    touched = {(one.topic, one.partition) for one in planted}
    false = [one for one in found.findings if (one.topic, one.partition) not in touched]
    assert not false
    record_property(
        "timed",
        f"audit: {honest.records:,} records in {len(offsets)} honest logs verified in {honest.seconds:.1f} s, "
        f"{len(planted)} tamperings all located in {found.seconds:.1f} s",
    )


def _hand_over_rows_of_the_access_log(world: World) -> None:
    module = script()
    public = module.Ed25519PublicKey.from_public_bytes(world.key.public)
    lines = [json.dumps(line) for line in range_lines(world.settings, f"audit.access/{CHAIN}", 0, 3, 9)]
    assert "are as they were signed" in module.verify(iter(lines), public)
    row = next(n for n, line in enumerate(lines) if '"offset": 5' in line)
    with pytest.raises(module.Wrong):
        module.verify(iter([*lines[:row], *lines[row + 1 :]]), public)


def _tamper(world: World, offsets: dict[Place, list[int]]) -> list[Planted]:
    places = list(offsets)
    world.random.shuffle(places)
    places = places[:TAMPERINGS]
    half = len(places) // 2
    disk = Disk(world.kafka.files, offsets, world.random)
    ways = (disk.flip, disk.flip_value, disk.drop, disk.swap, disk.insert)
    world.kafka.stop()
    planted = [ways[n % len(ways)](*place) for n, place in enumerate(places[:half])]
    world.kafka.start()
    with world.db() as db:
        for n, place in enumerate(places[half:]):
            planted.append(EDITS[n % len(EDITS)](db, *place, world.random))
        db.execute("UPDATE audit.access SET principal = 'bank.icbc' WHERE seq = 3")
        db.execute("DELETE FROM audit.access WHERE seq = 5")
        for seq, to in ((8, -8), (9, 8), (-8, 9)):
            db.execute("UPDATE audit.access SET seq = %s WHERE seq = %s", (to, seq))
        last = _count(world, "SELECT max(seq) FROM audit.access")
        values = dict(zip(COLUMNS, linked(CHAIN, last, begun(CHAIN), [an_access()])[0][0], strict=True))
        db.execute(INSERT, tuple((values | {"sha256": None, "sm3": None}).values()))
        db.execute("UPDATE audit.checkpoint SET body = replace(body, '\"at\"', '\"At\"') WHERE sequence = 2")
    places_of_rows = {"changed": 3, "dropped": 5, "re-ordered": 8, "inserted": last + 1}
    planted += [Planted(kind, f"audit.access/{CHAIN}", 0, at, at) for kind, at in places_of_rows.items()]
    return [*planted, Planted("checkpoint edited", "audit.checkpoint", 0, 2, 2)]


def _located(one: Planted, report: Report) -> bool:
    return any(
        (f.topic, f.partition) == (one.topic, one.partition) and f.first <= one.last and f.last >= one.first
        for f in report.findings
    )
