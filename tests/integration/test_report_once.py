"""The report's counts are the same however the log is cut, and a former owner adds nothing."""

from collections import defaultdict
from random import Random

import pytest

from broker.errors import OwnershipLost
from broker.kafka import Record, TopicPartition
from broker.report.opening import counted_topics
from broker.store.connect import Connection
from schemas.catalogue import load_catalogue
from tests.support.published import published_city
from tests.support.reporting import Counting, batches, counted, dump, empty


@pytest.fixture(scope="module")
def log() -> list[Record]:
    topics = counted_topics(load_catalogue())
    return [record for record in published_city((7,), 400) if record.topic in topics]


def test_the_counts_do_not_depend_on_batches_nor_on_how_topics_interleave(
    db: Connection, log: list[Record]
) -> None:
    counted(db, log)
    whole = dump(db)
    lanes: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in log:
        lanes[record.topic, record.partition].append(record)
    order = [lane for lane, records in lanes.items() for _ in records]
    Random(5).shuffle(order)
    waiting = {lane: iter(records) for lane, records in lanes.items()}
    counted(db, [next(waiting[lane]) for lane in order], 97)
    assert dump(db) == whole
    assert all(whole.values())


def test_a_former_owner_writes_nothing(db: Connection, log: list[Record]) -> None:
    empty(db)
    batch = next(batches(log, 300))
    partitions = {TopicPartition(r.topic, r.partition) for r in log}
    former = Counting(db, partitions)
    owner = Counting(db, partitions)
    with pytest.raises(OwnershipLost):
        former.count(batch)
    assert not any(dump(db).values())
    owner.count(batch)
    before = dump(db)
    with pytest.raises(OwnershipLost):
        former.count(batch)
    assert dump(db) == before


def test_what_is_no_record_is_set_aside_and_the_rest_is_counted(db: Connection, log: list[Record]) -> None:
    counted(db, log)
    wanted = dump(db)
    middle = len(log) // 2
    junk = log[middle]._replace(topic="exchange.sale", value=b"\x00junk", partition=9, offset=0)
    counted(db, [*log[:middle], junk, *log[middle:]])
    assert dump(db) == wanted
    assert db.execute("SELECT topic, partition, record_offset, reason FROM report.rejected").fetchall() == [
        ("exchange.sale", 9, 0, "UNKNOWN_SCHEMA")
    ]


def test_what_postgres_refuses_is_set_aside_alone(db: Connection, log: list[Record]) -> None:
    counted(db, log)
    wanted = dump(db)
    at, record = next((n, r) for n, r in enumerate(log) if r.topic == "exchange.project")
    assert record.key is not None
    assert record.value is not None
    spoiled = record.value.replace(
        record.key, b"\x00" + record.key[1:]
    )  # Avro takes a NUL, Postgres does not
    counted(db, [*log[:at], record._replace(value=spoiled, partition=9), *log[at:]])
    assert dump(db) == wanted
    assert db.execute("SELECT partition, reason FROM report.rejected").fetchall() == [(9, "22021")]
