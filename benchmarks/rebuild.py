"""Rebuilding from a log of its own: speed and memory of one process, and the tables against a reference of a few lines.

``python -m benchmarks.rebuild`` rebuilds everything; ``--moments 20 --events 100000 --contracts 20000`` rebuilds as of so
many random moments instead. It starts an embedded stack for itself unless the environment names servers.
"""

import argparse
import json
import multiprocessing
import random
import resource
import secrets
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import psycopg
from psycopg import sql

from benchmarks.compaction import SEED, Differs, Load, fresh_tables, produce, servers, source_into
from broker.kafka import Connection, PartitionReader
from broker.replay.rebuilding import folding
from broker.settings import Settings
from qianbei.inspect.reading import retained
from qianbei.verify.fold import row_makers
from schemas.files import load_schema

CONTRACTS, EVENTS = 200_000, 1_000_000
TARGET = "bench_rebuild"
_HEADER_BYTES = 5
_PARTIES = "parties"
Bodies = dict[str, bytes]
Json = dict[str, Any]


def run(settings: Settings, *, contracts: int, events: int, moments: int = 0) -> Json:
    """Write a log, rebuild from it and compare. Raises Differs where table and reference are not the same.

    Gives events per second of the clock and of the processor time of the process, and its memory in MiB.
    """
    load = Load(f"bench.sale.{secrets.token_hex(4)}", contracts, events)
    produce(settings, load)
    print(f"{events:,} events of {contracts:,} contracts written", flush=True)
    wanted = [None, *random_moments(settings, load, moments)] if moments else [None]
    found: Json = {"events": events, "contracts": contracts, "rebuilds": len(wanted), "rows_compared": 0}
    for as_of in wanted:
        measured = rebuild_apart(settings, load, as_of)
        rows = compare(settings, reference(settings, load, as_of), TARGET)
        found["rows_compared"] += rows
        if as_of is None:
            found |= measured
        print(f"as of {as_of or 'now'}: {measured}; {rows:,} rows are the reference's", flush=True)
    return found


def random_moments(settings: Settings, load: Load, count: int) -> list[datetime]:
    """Moments at which something was recorded, or just before."""
    chance = random.Random(SEED)
    with PartitionReader(Connection.of(settings)) as reader:
        recorded = [
            _decode(r.value)["recorded_at"] for r in retained(reader, reader.partitions_of(load.topic))
        ]
    return [chance.choice(recorded) for _ in range(count)]


# --- the reference: what must be in the tables -------------------------------------------------------------------------


def reference(settings: Settings, load: Load, as_of: datetime | None) -> Bodies:
    """Of each entity the newest revision that was recorded by then."""
    newest: dict[str, tuple[int, bytes]] = {}
    with PartitionReader(Connection.of(settings)) as reader:
        for record in retained(reader, reader.partitions_of(load.topic)):
            body = _decode(record.value)
            if as_of is None or body["recorded_at"] <= as_of:
                newest[body["entity_id"]] = max(
                    newest.get(body["entity_id"], (0, b"")), (body["revision"], record.value or b"")
                )
    return {key: value for key, (_, value) in newest.items()}


def compare(settings: Settings, expected: Bodies, target: str) -> int:
    """How many rows are what they must be, those of parties included. Raises Differs naming the first that is not."""
    count = 0
    with psycopg.connect(settings.dsn(), options="-c TimeZone=UTC") as db:
        columns = {table: _columns(db, target, table) for table in ("sale", "sale_parties")}
        makers = row_makers(load_schema("sale", 1), columns["sale"], {_PARTIES: columns["sale_parties"][2:]})
        rows = {table: _rows(db, target, table, names) for table, names in columns.items()}
        for key in sorted(expected):
            body = _decode(expected[key])
            for table, wanted in (
                ("sale", [makers.main(body)]),
                ("sale_parties", makers.children[_PARTIES](body)),
            ):
                for row in wanted:
                    if next(rows[table], None) != row:
                        raise Differs(f"{table}: the row of {key} is not the reference's")
                    count += 1
        for table, left in rows.items():
            if next(left, None) is not None:
                raise Differs(f"{table} has rows that the reference lacks")
    return count


def _decode(value: bytes | None) -> Json:
    body: Any = fastavro.schemaless_reader(BytesIO((value or b"")[_HEADER_BYTES:]), _SALE, None)
    return dict(body)


_SALE: Any = fastavro.parse_schema(load_schema("sale", 1), _force=True)


def _columns(db: psycopg.Connection[Any], target: str, table: str) -> list[str]:
    query = sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(target, table))
    return [column.name for column in db.execute(query).description or ()]


def _rows(db: psycopg.Connection[Any], target: str, table: str, names: list[str]) -> Iterator[Any]:
    order = sql.SQL("1, 2") if names[1] == "position" else sql.SQL("entity_id")
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(target, table), order
    )
    with db.cursor(f"rows_{table}", binary=True) as cursor:
        cursor.itersize = 2_000
        cursor.execute(query, binary=True)
        yield from cursor


# --- the rebuild, in a process of its own ------------------------------------------------------------------------------


def rebuild_apart(settings: Settings, load: Load, as_of: datetime | None) -> Json:
    """Rebuild into fresh tables in a process that does nothing else."""
    fresh_tables(settings, TARGET)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(rebuild, (settings, load, as_of))


def rebuild(settings: Settings, load: Load, as_of: datetime | None) -> Json:
    """Rebuild here and now."""
    memory: list[int] = []
    begun = time.monotonic()
    with folding(settings, TARGET, {load.topic: source_into(settings, TARGET)}, as_of) as tables:
        tables.reach(tables.ends(), threading.Event(), lambda _done, _of: memory.append(_mib("VmRSS")))
    seconds, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "events_per_s": round(load.events / seconds),
        "events_per_cpu_s": round(load.events / (used.ru_utime + used.ru_stime)),
        "peak_mib": _mib("VmHWM"),
        "mib_by_batch": memory[1:],
    }


def _mib(what: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) // 1024


def main() -> None:
    """Measure and print; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    parser.add_argument("--moments", type=int, default=0)
    given = parser.parse_args()
    with servers() as settings:
        result = run(settings, contracts=given.contracts, events=given.events, moments=given.moments)
    print(json.dumps(result | {"at": datetime.now(UTC).isoformat(timespec="seconds")}))


if __name__ == "__main__":
    main()
