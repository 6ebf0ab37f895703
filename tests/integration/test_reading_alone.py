"""Reading whole topics alone: one partition after the other, all of them in the end, and what is written meanwhile too; and
reading on while what was read is being folded."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from broker.compaction import service
from broker.compaction.engine import Engine
from broker.kafka import Connection, IdempotentProducer, Outgoing, Record
from broker.metrics import ServiceMetrics
from broker.replay import ahead
from broker.replay.alone import Alone
from broker.settings import Settings
from broker.store.connect import connected
from tests.support.exchange import Exchange, until
from tests.support.folding import Body, table, toy
from tests.support.topics import own_topic
from tests.support.toy_log import SCHEMA, Log, toy_log

PARTITIONS = 6
RECORDS = 300
"""In each partition but the one that is empty."""
EMPTY = 2
KEYS = 40
"""Of the toys that are folded."""


@pytest.fixture
def settings(deployed: Exchange) -> Settings:
    return deployed.site.admin


@pytest.fixture
def topic(settings: Settings) -> Iterator[str]:
    """A topic of several partitions, one of them empty."""
    with own_topic(settings, "alone", PARTITIONS) as name:
        for partition in set(range(PARTITIONS)) - {EMPTY}:
            write(settings, name, partition, RECORDS)
        yield name


def write(settings: Settings, topic: str, partition: int, count: int) -> None:
    with IdempotentProducer(Connection.of(settings)) as producer:
        for n in range(count):
            producer.send(Outgoing(topic, partition, b"k", b"%d" % n, ()))
        producer.flush()


def begin(reader: Alone) -> None:
    reader.take_assignment()
    for partition, offset in reader.beginning_offsets(reader.partitions).items():
        reader.seek(partition, offset)


def test_a_partition_is_begun_when_those_before_it_are_at_their_ends(settings: Settings, topic: str) -> None:
    seen: Counter[int] = Counter()
    with Alone(Connection.of(settings), [topic]) as reader:
        begin(reader)

        def read() -> bool:
            seen.update(record.partition for record in reader.poll(0.2, 50))
            assert sum(0 < count < RECORDS for count in seen.values()) <= 1
            return seen.total() == RECORDS * (PARTITIONS - 1)

        until("all is read", read)
    assert set(seen) == set(range(PARTITIONS)) - {EMPTY}


def test_what_is_written_meanwhile_is_read_wherever_it_is(settings: Settings, topic: str) -> None:
    records: list[Record] = []
    with Alone(Connection.of(settings), [topic]) as reader:
        begin(reader)
        records += reader.poll(5, 50)
        for partition in (0, EMPTY, PARTITIONS - 1):
            write(settings, topic, partition, 7)

        def read() -> bool:
            records.extend(reader.poll(0.2, 50))
            return len(records) >= RECORDS * (PARTITIONS - 1) + 21

        until("all is read", read)
    counts = Counter(record.partition for record in records)
    assert (counts[0], counts[EMPTY], counts[PARTITIONS - 1]) == (RECORDS + 7, 7, RECORDS + 7)
    assert len({(record.partition, record.offset) for record in records}) == len(records)


@pytest.fixture
def log(deployed: Exchange) -> Iterator[Log]:
    with toy_log(deployed.site.admin) as one:
        yield one


def test_what_is_read_ahead_is_read_again_when_a_record_before_it_is_refused(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FEW", 1)
    monkeypatch.setattr(service, "MOST_RECORDS", 150)
    for module in (service, ahead):
        monkeypatch.setattr(module, "MOST_A_POLL", 50)
    good = [toy(f"k{n % KEYS}", n // KEYS + 1, note=f"{n}") for n in range(2_000)]
    # Some are alone under their key, so that nothing hides them; the others hide what is to be folded in their place.
    alone = [bad(toy(f"k{KEYS + n}", 1)) for n in range(20)]
    hiding = [bad(toy(f"k{n}", 100)) for n in range(KEYS)]
    log.write(*interleaved(good, alone), *hiding)
    log.written = {body["entity_id"]: body for body in good}
    steps_with_more_read = 0
    with reading_ahead(log) as session:

        def folded() -> bool:
            nonlocal steps_with_more_read
            session.step()
            steps_with_more_read += session.ahead
            return log.positions() == log.ends()

        until("all is folded", folded)
        assert not session.ahead
    assert steps_with_more_read
    with psycopg.connect(log.dsn) as db:
        rows = table(db, f"{SCHEMA}.toy", "entity_id, revision, note")
        assert rows == [(key, body["revision"], body["note"]) for key, body in sorted(log.written.items())]
        assert table(db, f"{SCHEMA}.rejected", "reason") == [("22021",)] * len(alone + hiding)


def interleaved(many: list[Body], few: list[Body]) -> list[Body]:
    """The few, evenly spread among the many."""
    every = len(many) // len(few)
    return [body for n, one in enumerate(few) for body in (*many[n * every : (n + 1) * every], one)]


def bad(body: Body) -> Body:
    """What Avro takes and Postgres does not."""
    return body | {"note": "\x00"}


@contextmanager
def reading_ahead(log: Log) -> Iterator[ahead.ReadingAhead]:
    engine = Engine("alone", log.sources)
    with (
        connected(log.dsn, "reading ahead") as db,
        Alone(Connection.of(log.settings), [log.topic]) as reader,
    ):
        engine.prepare(db)
        yield ahead.ReadingAhead(engine, reader, db, log.dsn, ServiceMetrics("compaction"))
