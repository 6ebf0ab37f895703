"""A subscriber that is killed again and again: every record once in its database, in order, also those that were held."""

import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from broker.kafka import Connection, IdempotentProducer, Outgoing
from consumers.dead_letters import Wanted, ask, held
from qianbei.site import environment_of
from tests.support.exchange import Exchange, until
from tests.support.folding import wire
from tests.support.subscriber import TABLE
from tests.support.subscribing import SCHEMA, OnKafka, on_kafka
from tests.support.sync import own_database

RECORDS = int(os.environ.get("QIANBEI_SUBSCRIBER_RECORDS", "1800"))
KILLS = int(os.environ.get("QIANBEI_SUBSCRIBER_KILLS", "2"))
ENTITIES = 60


@pytest.fixture
def dsn(deployed: Exchange) -> Iterator[str]:
    with own_database(deployed) as made:
        with psycopg.connect(made, autocommit=True) as db:
            db.execute(TABLE)
        yield made


@pytest.fixture
def world(deployed: Exchange) -> Iterator[OnKafka]:
    with on_kafka(deployed) as made:
        yield made


def test_exactly_once_in_order_with_kills_and_redrives(
    deployed: Exchange, world: OnKafka, dsn: str, tmp_path: Path
) -> None:
    group = f"{world.department}-rows"
    refused = tmp_path / "refused"
    refused.write_text("\n".join(f"e{n}" for n in range(0, ENTITIES, 6)))
    chance = random.Random(11)
    write_all(world)

    @contextmanager
    def subscriber() -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.subscriber", dsn, group, world.topic, str(refused)],
            env=os.environ | environment_of(deployed.site.admin),
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()

    for _ in range(KILLS):
        before = count(dsn)
        with subscriber():
            until("rows come", lambda before=before: count(dsn) > before + chance.randrange(200), 60)
    with subscriber():
        until("all is handled or held", lambda: count(dsn) + held_records(world) == RECORDS, 90)
    assert held_records(world) > 0

    refused.write_text("")
    found = held(world.servers(), world.department, Wanted())
    assert ask(world.servers(), world.department, found) == len(found) == ENTITIES // 6
    for _ in range(2):
        before = count(dsn)
        with subscriber():
            until("rows come again", lambda before=before: count(dsn) > before, 60)
    with subscriber():
        until("nothing is held", lambda: held_records(world) == 0, 90)
    got = defaultdict(list)
    with psycopg.connect(dsn) as db:
        for entity, revision in db.execute("SELECT entity, revision FROM got ORDER BY n"):
            got[entity].append(revision)
    expected = {f"e{n}": list(range(1, RECORDS // ENTITIES + 1)) for n in range(ENTITIES)}
    assert got == expected


def write_all(world: OnKafka) -> None:
    schema_id = world.schema_id()
    with IdempotentProducer(Connection.of(world.settings)) as producer:
        for revision in range(1, RECORDS // ENTITIES + 1):
            for n in range(ENTITIES):
                body = {"entity_id": f"e{n}", "revision": revision, "event_type": "FILED", "note": None}
                value = wire(body, SCHEMA, schema_id)
                headers = (("qb_revision", str(revision).encode()),)
                producer.send(Outgoing(world.topic, n % 4, f"e{n}".encode(), value, headers))
        producer.flush()


def count(dsn: str) -> int:
    with psycopg.connect(dsn) as db:
        row = db.execute("SELECT count(*) FROM got").fetchone()
    assert row is not None
    return int(row[0])


def held_records(world: OnKafka) -> int:
    return sum(len(one.letters) for _, one in held(world.servers(), world.department, Wanted()))
