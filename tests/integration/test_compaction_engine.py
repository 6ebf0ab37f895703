"""The engine on a real Postgres: who may write, what is set aside, what is waited for, and how people are found."""

from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg

from broker.compaction.gather import Batch
from broker.errors import ConfigError, OwnershipLost
from broker.kafka import Record, TopicPartition
from tests.support.exchange import Exchange
from tests.support.folding import (
    TOY,
    TOY_ID,
    Folder,
    folder,
    narrow,
    record,
    source,
    specs_in,
    table,
    toy,
    toyer,
    wire,
)

TOPIC = "exchange.toy"
PARTITION = TopicPartition(TOPIC, 0)
SCHEMA = "fold_engine"
SECRET = "张三丰-411499199003070015"


@pytest.fixture
def dsn(deployed: Exchange) -> str:
    return deployed.site.admin.dsn()


@pytest.fixture
def on(dsn: str) -> Iterator[Folder]:
    spec = specs_in(dsn, SCHEMA, {"toy": TOY})["toy"]
    narrow(spec, dsn, 6)
    with folder(dsn, {TOPIC: source(spec, {TOY_ID: TOY})}, [PARTITION]) as ready:
        yield ready


def log_of(*bodies: dict[str, Any], first: int = 0) -> list[Record]:
    return [record(TOPIC, 0, first + n, body) for n, body in enumerate(bodies)]


def test_an_older_revision_never_overwrites(on: Folder) -> None:
    on.fold(log_of(toy("a", 3, note="new", parties=[toyer("p"), toyer("q")])))
    on.fold(log_of(toy("a", 2, note="old", parties=[toyer("r")]), first=1))
    assert table(on.db, f"{SCHEMA}.toy", "revision, note") == [(3, "new")]
    assert table(on.db, f"{SCHEMA}.toy_parties", "position, party_ref") == [(0, "p"), (1, "q")]


def test_superseded_records_are_not_decoded(on: Folder) -> None:
    broken = record(TOPIC, 0, 0, toy("a", 1), b"not even Avro")
    on.fold([broken, *log_of(toy("a", 2, note="good"), first=1)])
    assert table(on.db, f"{SCHEMA}.toy", "revision, note") == [(2, "good")]
    assert table(on.db, f"{SCHEMA}.rejected") == []


def test_the_former_owner_writes_nothing(on: Folder, dsn: str) -> None:
    on.fold(log_of(toy("a", 1)))
    with psycopg.connect(dsn, autocommit=True) as other:
        taken = on.engine.positions.claim(other, [PARTITION])
    assert taken[PARTITION].next_offset == 1
    with pytest.raises(OwnershipLost):
        on.fold(log_of(toy("a", 2), toy("b", 1), first=1))
    assert table(on.db, f"{SCHEMA}.toy", "entity_id, revision") == [("a", 1)]
    assert table(on.db, f"{SCHEMA}.position", "next_offset") == [(1,)]


def test_a_position_that_moved_without_us_is_lost_ownership(on: Folder) -> None:
    on.db.execute(f"UPDATE {SCHEMA}.position SET next_offset = 5")
    with pytest.raises(OwnershipLost):
        on.fold(log_of(toy("a", 1)))
    assert table(on.db, f"{SCHEMA}.toy") == []


def test_a_partition_that_was_never_claimed_is_not_ours(on: Folder) -> None:
    with pytest.raises(OwnershipLost):
        on.fold([record(TOPIC, 3, 0, toy("a", 1))])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"note": SECRET + "\x00"}, "22021"),
        ({"amount": Decimal("123456.00")}, "22003"),
        ({"tags": [SECRET, "\x00"]}, "22021"),
        ({"parties": [toyer("ok"), toyer(SECRET + "\x00")]}, "22021"),
    ],
)
def test_one_bad_record_among_many_is_set_aside(on: Folder, fields: dict[str, Any], reason: str) -> None:
    bodies = [toy(f"k{n:03}", 1, parties=[toyer(f"p{n}")]) for n in range(200)]
    bodies[137] |= fields
    log = log_of(*bodies)
    on.fold(log)
    kept = [key for (key,) in table(on.db, f"{SCHEMA}.toy", "entity_id")]
    assert kept == [f"k{n:03}" for n in range(200) if n != 137]
    digest = sha256(log[137].value or b"").digest()
    assert table(on.db, f"{SCHEMA}.rejected", "topic, partition, record_offset, sha256, reason") == [
        (TOPIC, 0, 137, digest, reason)
    ]
    assert SECRET.encode() not in repr(table(on.db, f"{SCHEMA}.rejected")).encode()


def test_a_bad_newest_revision_gives_way_to_the_one_before(on: Folder) -> None:
    on.fold(log_of(toy("a", 1, note="one"), toy("a", 2, note="two"), toy("a", 3, note="\x00"), toy("b", 1)))
    assert table(on.db, f"{SCHEMA}.toy", "entity_id, revision, note") == [("a", 2, "two"), ("b", 1, "")]
    assert table(on.db, f"{SCHEMA}.rejected", "record_offset") == [(2,)]
    assert table(on.db, f"{SCHEMA}.position", "next_offset") == [(4,)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": None}, "NO_VALUE"),
        ({"key": None}, "NO_KEY"),
        ({"headers": ()}, "NO_REVISION"),
        ({"headers": (("qb_revision", b"-1"),)}, "NO_REVISION"),
        ({"headers": (("qb_revision", b"9" * 40),)}, "NO_REVISION"),
        ({"headers": (("qb_revision", b"2"),)}, "MISLABELLED"),
        ({"key": b"other"}, "MISLABELLED"),
        ({"value": b""}, "UNKNOWN_SCHEMA"),
        ({"value": b"\x00\x00\x00\x00\x09" + wire(toy("a", 1))[5:]}, "UNKNOWN_SCHEMA"),
        ({"value": b"\x01" + wire(toy("a", 1))[1:]}, "UNKNOWN_SCHEMA"),
        ({"value": wire(toy("a", 1)) + b"\x00"}, "UNDECODABLE"),
    ],
)
def test_what_is_no_record_is_set_aside(on: Folder, changes: dict[str, Any], reason: str) -> None:
    on.fold([record(TOPIC, 0, 0, toy("a", 1))._replace(**changes), record(TOPIC, 0, 1, toy("b", 1))])
    assert table(on.db, f"{SCHEMA}.toy", "entity_id") == [("b",)]
    assert table(on.db, f"{SCHEMA}.rejected", "record_offset, reason") == [(0, reason)]


def test_sound_bytes_in_another_form_are_taken(on: Folder) -> None:
    value = wire(toy("a", 1, parties=[toyer("p"), toyer("q")]))
    item = value[value.index(b"\x02\x02p") : value.index(b"\x02\x02q")]
    two_blocks = value.replace(b"\x04" + item, b"\x02" + item + b"\x01" + bytes([2 * len(item)]))
    assert two_blocks != value
    on.fold([record(TOPIC, 0, 0, toy("a", 1), two_blocks)])
    assert table(on.db, f"{SCHEMA}.toy_parties", "position, party_ref") == [(0, "p"), (1, "q")]


def test_what_is_not_the_data_is_not_set_aside(on: Folder) -> None:
    on.db.execute(f"ALTER TABLE {SCHEMA}.toy RENAME TO elsewhere")
    with pytest.raises(pg.UndefinedTable):
        on.fold(log_of(toy("a", 1)))
    on.db.execute(f"ALTER TABLE {SCHEMA}.elsewhere RENAME TO toy")
    on.db.execute("SET statement_timeout = 1")
    with pytest.raises(pg.QueryCanceled):
        on.fold(log_of(*(toy(f"k{n}", 1) for n in range(5000))))
    on.db.execute("SET statement_timeout = 0")
    assert table(on.db, f"{SCHEMA}.rejected") == []
    assert table(on.db, f"{SCHEMA}.position", "next_offset") == [(0,)]
    on.fold(log_of(toy("a", 1)))
    assert table(on.db, f"{SCHEMA}.toy", "entity_id") == [("a",)]


def test_a_newer_schema_stops_the_fold_instead_of_losing_its_field(dsn: str) -> None:
    newer = TOY | {"fields": [*TOY["fields"], {"name": "more", "type": ["null", "string"], "default": None}]}
    spec = specs_in(dsn, SCHEMA, {"toy": TOY})["toy"]
    body = toy("a", 1, more="x")
    with (
        folder(dsn, {TOPIC: source(spec, {TOY_ID: TOY, 8: newer})}, [PARTITION]) as on,
        pytest.raises(ConfigError, match="more"),
    ):
        on.fold([record(TOPIC, 0, 0, body, wire(body, newer, 8))])


def test_an_older_schema_leaves_the_new_columns_at_their_defaults(dsn: str) -> None:
    extra = [
        {"name": "flag", "type": "boolean", "default": True},
        {"name": "word", "type": "string", "default": "none"},
        {"name": "count", "type": ["null", "long"], "default": None},
    ]
    newer = TOY | {"fields": [*TOY["fields"], *extra]}
    spec = specs_in(dsn, SCHEMA, {"toy": newer})["toy"]
    with folder(dsn, {TOPIC: source(spec, {TOY_ID: TOY, 8: newer})}, [PARTITION]) as on:
        new = toy("b", 1, flag=False, word="w", count=5)
        on.fold([record(TOPIC, 0, 0, toy("a", 1)), record(TOPIC, 0, 1, new, wire(new, newer, 8))])
        assert table(on.db, f"{SCHEMA}.toy", "entity_id, flag, word, count") == [
            ("a", True, "none", None),
            ("b", False, "w", 5),
        ]


def test_leaving_removes_the_row_and_no_older_record_brings_it_back(dsn: str) -> None:
    spec = specs_in(dsn, SCHEMA, {"toy": TOY}, leaving="LEFT")["toy"]
    with folder(dsn, {TOPIC: source(spec, {TOY_ID: TOY})}, [PARTITION]) as on:
        on.fold(log_of(toy("a", 1, parties=[toyer("p")]), toy("b", 1)))
        on.fold(log_of(toy("a", 3, event_type="LEFT"), toy("c", 1, event_type="LEFT"), first=2))
        assert table(on.db, f"{SCHEMA}.toy", "entity_id") == [("b",)]
        assert table(on.db, f"{SCHEMA}.toy_parties") == []
        assert table(on.db, f"{SCHEMA}.toy_left") == [("a", 3), ("c", 1)]
        on.fold(log_of(toy("a", 2, parties=[toyer("p")]), first=4))
        assert table(on.db, f"{SCHEMA}.toy", "entity_id") == [("b",)]
        on.fold(log_of(toy("a", 4, parties=[toyer("p")]), first=5))
        assert table(on.db, f"{SCHEMA}.toy", "entity_id, revision") == [("a", 4), ("b", 1)]
        assert table(on.db, f"{SCHEMA}.toy_left", "entity_id") == [("c",)]


def test_all_live_contracts_of_a_person_are_found_by_index(on: Folder) -> None:
    bodies = [
        toy(f"k{n}", 1, event_type="FILED", parties=[toyer(f"p{n}"), toyer("rare")][: 2 - (n % 4000 > 0)])
        for n in range(8000)
    ]
    on.fold(log_of(*bodies))
    on.db.execute(f"ANALYZE {SCHEMA}.toy")
    on.db.execute(f"ANALYZE {SCHEMA}.toy_parties")
    query = (
        f"SELECT s.entity_id FROM {SCHEMA}.toy_parties p JOIN {SCHEMA}.toy s USING (entity_id) "
        "WHERE p.party_ref = 'rare' AND s.event_type IN ('SIGNED', 'FILED', 'AMENDED') ORDER BY 1"
    )
    assert on.db.execute(query).fetchall() == [("k0",), ("k4000",)]
    plan = "\n".join(line for (line,) in on.db.execute("EXPLAIN " + query))
    assert "toy_parties_party_ref" in plan
    assert "Seq Scan" not in plan


def test_a_batch_holds_the_newest_bytes_only() -> None:
    batch = Batch()
    batch.add(log_of(*(toy("a", n + 1, note="x" * 1000) for n in range(50))))
    assert batch.records == 50
    assert batch.size < 1100
