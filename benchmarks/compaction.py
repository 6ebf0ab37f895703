"""Compaction against the plain loop: the same log from a real Kafka into the same tables of a real Postgres.

Both begin with empty tables and read every record through kafka-python; the clock runs from joining the group to the
last commit. Afterwards the tables are compared row by row. ``python -m benchmarks.compaction`` starts an embedded
stack for itself unless the environment names servers.
"""

import argparse
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from confluent_kafka import Producer

from benchmarks.plain_loop import run_plain
from benchmarks.sales import SaleWriter
from broker.compaction.engine import Source
from broker.compaction.opening import create_tables, open_session
from broker.compaction.tables import table_spec
from broker.kafka import Admin, Connection
from broker.metrics import ServiceMetrics
from broker.settings import Settings, load_settings
from qianbei.site import settings_from
from qianbei.stack import embedded_stack
from schemas.files import load_schema

CONTRACTS, EVENTS = 60_000, 300_000
PARTITIONS = 4
SCHEMA_ID = 1
SEED = 2021
TABLES = ("sale", "sale_parties")


class Differs(Exception):
    """The two ways do not end in the same tables."""


@dataclass(frozen=True, slots=True)
class Load:
    """The log to be folded."""

    topic: str
    contracts: int
    events: int


def run(
    settings: Settings, *, contracts: int = CONTRACTS, events: int = EVENTS, rounds: int = 1
) -> dict[str, Any]:
    """Measure on these servers, as their administrator. Raises Differs if the tables do not end up the same.

    Gives the best rate of each way over the rounds, in events per second, and their ratio.
    """
    load = Load(f"bench.sale.{secrets.token_hex(4)}", contracts, events)
    began = time.monotonic()
    produce(settings, load)
    print(
        f"{events:,} events of {contracts:,} contracts written in {time.monotonic() - began:.1f} s",
        flush=True,
    )
    rates: dict[str, list[float]] = {"plain": [], "engine": []}
    for n in range(rounds):
        for way, fold in (("engine", fold_by_engine), ("plain", fold_plainly)):
            target = f"bench_{way}"
            fresh_tables(settings, target)
            began = time.monotonic()
            fold(settings, load, target, f"{load.topic}-{n}")
            seconds = time.monotonic() - began
            rates[way].append(events / seconds)
            print(f"{way}: {seconds:.1f} s, {events / seconds:,.0f} events/s", flush=True)
        compared = compare(settings)
        print(f"the same, row by row: {compared}", flush=True)
    engine, plain = max(rates["engine"]), max(rates["plain"])
    print(f"ratio {engine / plain:.2f}", flush=True)
    return {
        "compaction_events_per_s": round(engine),
        "plain_events_per_s": round(plain),
        "ratio": round(engine / plain, 2),
        "events": events,
        "contracts": contracts,
        "rows_compared": compared,
    }


def produce(settings: Settings, load: Load) -> None:
    """Write the log. Not measured, so by the quickest producer there is."""
    with Admin(Connection.of(settings)) as admin:
        admin.create_topics({load.topic: {"retention.ms": "-1"}}, PARTITIONS, 1)
    secret = settings.kafka_password
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "security.protocol": settings.kafka_security,
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": settings.kafka_username,
            "sasl.password": secret.get_secret_value() if secret else None,
            "enable.idempotence": True,
            "queue.buffering.max.messages": 500_000,
        }
    )
    partitions: dict[bytes, int] = {}
    for n, event in enumerate(
        SaleWriter(load_schema("sale", 1), SCHEMA_ID, SEED).events(load.contracts, load.events)
    ):
        partition = partitions.setdefault(event.key, len(partitions) % PARTITIONS)
        producer.produce(load.topic, event.value, event.key, partition, headers=list(event.headers))
        if n % 1000 == 0:
            producer.poll(0)
    left = producer.flush(60)
    assert not left, f"{left} events were not written"


def fresh_tables(settings: Settings, target: str) -> Source:
    """Empty tables for sales in the schema ``target``, as compaction makes them."""
    with psycopg.connect(settings.dsn(), autocommit=True) as db:
        db.execute(f"DROP SCHEMA IF EXISTS {target} CASCADE")
        db.execute("CHECKPOINT")
    return source_into(settings, target)


def source_into(settings: Settings, target: str) -> Source:
    """The log's source with its tables in the schema ``target``, made if they are missing."""
    schema = load_schema("sale", 1)
    spec = table_spec("sale", schema, sa.MetaData(), target=target)
    create_tables(settings.dsn(), [spec])
    return Source(spec, {SCHEMA_ID: schema}.get)


def fold_by_engine(settings: Settings, load: Load, target: str, group: str) -> None:
    """The service's own session, from joining the group to the end of the log."""
    sources = {load.topic: source_into(settings, target)}
    with open_session(settings, f"{group}-engine", sources, ServiceMetrics("compaction")) as session:
        read = 0
        while read < load.events:
            read += session.step()


def fold_plainly(settings: Settings, load: Load, target: str, group: str) -> None:
    """The plain loop on the same log."""
    config = Connection.of(settings).client_config() | {
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "group_id": f"{group}-plain",
    }
    run_plain(config, load.topic, settings.dsn(), target, load_schema("sale", 1), load.events)


def compare(settings: Settings) -> dict[str, int]:
    """How many rows of each table are the same in both. Raises Differs naming a table and the number of other rows."""
    compared = {}
    with psycopg.connect(settings.dsn()) as db:
        for table in TABLES:
            other = _one(
                db, f"SELECT count(*) FROM (TABLE bench_engine.{table} EXCEPT TABLE bench_plain.{table}) d"
            )
            other += _one(
                db, f"SELECT count(*) FROM (TABLE bench_plain.{table} EXCEPT TABLE bench_engine.{table}) d"
            )
            counts = {_one(db, f"SELECT count(*) FROM bench_{way}.{table}") for way in ("engine", "plain")}
            if other or len(counts) != 1:
                raise Differs(f"{table}: {other} rows are only on one side; counts {sorted(counts)}")
            compared[table] = counts.pop()
    return compared


def _one(db: psycopg.Connection[Any], query: str) -> int:
    row = db.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def servers() -> Iterator[Settings]:
    """The servers that the environment names, else an embedded stack for the time of the block."""
    if "QIANBEI_KAFKA_BOOTSTRAP" in os.environ:
        yield load_settings()
        return
    with tempfile.TemporaryDirectory(prefix="qianbei-bench-") as home, embedded_stack(Path(home)) as stack:
        yield settings_from(stack.settings_env())


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    with servers() as settings:
        result = run(settings, contracts=given.contracts, events=given.events, rounds=given.rounds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
