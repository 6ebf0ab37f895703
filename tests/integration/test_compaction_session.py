"""Sessions on a real Kafka and Postgres: catching up, keeping up, changing owners, and logs that do not fit the tables."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient

from broker.compaction.service import CompactionSession
from broker.errors import StateAheadOfLog, StateBehindLog
from tests.support.exchange import Exchange
from tests.support.folding import record, table, toy, toyer
from tests.support.topics import confluent
from tests.support.toy_log import PARTITIONS, SCHEMA, Log, toy_log


@pytest.fixture
def log(deployed: Exchange) -> Iterator[Log]:
    with toy_log(deployed.site.admin) as one:
        yield one


def step_until(true: Callable[[], bool], *sessions: CompactionSession, steps: int = 300) -> int:
    """Step all sessions in turn until a condition holds; gives the records handled."""
    handled = 0
    for _ in range(steps):
        if true():
            return handled
        for session in sessions:
            handled += session.step()
    raise AssertionError(f"not within {steps} steps")


def test_catching_up_takes_few_batches_and_keeping_up_is_prompt(log: Log) -> None:
    bodies = [toy(f"k{n % 300}", n // 300 + 1, note=f"{n}", parties=[toyer(f"p{n}")]) for n in range(6000)]
    log.write(*bodies)
    with log.session() as session:
        batches: list[int] = []
        while sum(batches) < 6000:
            batches.append(session.step())
        assert len([n for n in batches if n]) <= 3
        log.assert_folded()
        log.write(toy("k7", 99, note="live"))
        step_until(lambda: session.step() == 1, session)
        log.assert_folded()
    assert log.positions() == log.ends()


def test_markers_of_transactions_are_passed(log: Log) -> None:
    producer = Producer(confluent(log.settings) | {"transactional.id": log.topic})
    producer.init_transactions(10)
    for commit in (True, False, True):
        producer.begin_transaction()
        made = record(
            log.topic, 0, 0, toy("k0", 2 if commit else 9, note="committed" if commit else "aborted")
        )
        producer.produce(log.topic, made.value, made.key, 0, headers=list(made.headers))
        producer.flush(10)
        (producer.commit_transaction if commit else producer.abort_transaction)(10)
    with log.session() as session:
        step_until(lambda: log.positions() == log.ends(), session)
    log.written["k0"] = toy("k0", 2, note="committed")
    log.assert_folded()
    assert log.ends()[0] == 6


def test_a_restart_reads_on_where_the_tables_stand(log: Log) -> None:
    for turn in range(3):
        log.write(*(toy(f"k{n}", turn + 1, note=f"{turn}") for n in range(50)))
        with log.session() as session:
            handled = step_until(lambda: log.positions() == log.ends(), session)
        assert handled == 50
        log.assert_folded()


def test_partitions_change_hands_without_loss(log: Log) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(log.session("a"))
        log.write(*(toy(f"k{n}", 1) for n in range(100)))
        step_until(lambda: log.positions() == log.ends(), first)
        second = stack.enter_context(log.session("b"))
        owners: set[int] = set()

        def both_have_read() -> bool:
            log.write(*(toy(f"k{n}", len(seen) + 2, note="moving") for n in range(8)))
            seen.append(1)
            for n, session in enumerate((first, second)):
                if session.step():
                    owners.add(n)
            return owners == {0, 1}

        seen: list[int] = []
        step_until(both_have_read)
        step_until(lambda: log.positions() == log.ends(), first, second)
        log.assert_folded()


def test_a_bad_record_that_hid_a_good_one_gives_way_to_it(log: Log) -> None:
    log.write(toy("k0", 1, note="good"), toy("k4", 1, note="other"))
    log.write(toy("k0", 2, note="bad\x00"))
    with log.session() as session:
        step_until(lambda: log.positions() == log.ends(), session)
    with psycopg.connect(log.dsn) as db:
        assert table(db, f"{SCHEMA}.toy", "entity_id, revision") == [("k0", 1), ("k4", 1)]
        assert table(db, f"{SCHEMA}.rejected", "record_offset, reason") == [(2, "22021")]


def trim(log: Log, offset: int) -> None:
    """Do what retention does: forget the records of partition 0 before an offset."""
    client = AdminClient(confluent(log.settings))  # held until the answer is there, or it never comes
    for future in client.delete_records([ConfluentPartition(log.topic, 0, offset)]).values():
        future.result(20)


def move_position(log: Log, offset: int) -> None:
    with log.session() as session:
        step_until(lambda: len(log.positions()) == PARTITIONS, session)
    with psycopg.connect(log.dsn) as db:
        db.execute(f"UPDATE {SCHEMA}.position SET next_offset = %s WHERE partition = 0", (offset,))


def test_tables_that_are_ahead_of_the_log_stop_the_service(log: Log) -> None:
    log.write(toy("k0", 1))
    move_position(log, 5)
    with log.session() as session, pytest.raises(StateAheadOfLog, match="was lost or made anew"):
        step_until(lambda: False, session)


def test_records_that_retention_took_before_they_were_folded_stop_the_service(log: Log) -> None:
    log.write(*(toy("k0", n + 1) for n in range(10)))
    move_position(log, 3)
    trim(log, 7)
    with log.session() as session, pytest.raises(StateBehindLog, match="retention"):
        step_until(lambda: False, session)


def test_what_retention_took_before_the_first_start_is_passed(log: Log) -> None:
    log.write(*(toy("k0", n + 1, note=f"{n}") for n in range(10)))
    trim(log, 7)
    with log.session() as session:
        step_until(lambda: log.positions() == log.ends(), session)
    log.assert_folded()
