"""The tables equal a fold that anybody can check by reading it, whatever the order, repetition and splitting."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.kafka import Record, TopicPartition
from tests.support.exchange import Exchange
from tests.support.folding import (
    TOY,
    TOY_ID,
    Body,
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
PARTITIONS = [TopicPartition(TOPIC, n) for n in range(2)]
KEYS = [f"key-{n}" for n in range(5)]
SCHEMA = "fold_property"


class Event(NamedTuple):
    body: Body
    value: bytes
    bad: bool


@pytest.fixture(scope="module")
def on_postgres(deployed: Exchange) -> Iterator[Folder]:
    dsn = deployed.site.admin.dsn()
    spec = specs_in(dsn, SCHEMA, {"toy": TOY})["toy"]
    narrow(spec, dsn, 6)
    with folder(dsn, {TOPIC: source(spec, {TOY_ID: TOY})}, PARTITIONS) as on:
        yield on


def event(key: str, revision: int, content: tuple[int, int, str]) -> Event:
    """The one record of a key's revision. Most are sound; of the others Postgres or the decoder refuses each."""
    amount, people, fate = content
    body = toy(key, revision, amount=Decimal(amount) / 100, parties=[toyer(f"p{n}") for n in range(people)])
    if fate == "nul":
        body["note"] = "before\x00after"
    if fate == "overflow":
        body["amount"] = Decimal("123456.00")
    value = wire(body)
    if fate == "truncated":
        value = value[:-1]
    if fate == "mislabelled":
        value = wire(body | {"revision": revision + 1})
    if fate == "no utf-8":
        value = wire(body | {"note": "~~~"}).replace(b"~~~", b"\xff\xfe\xfd")
    return Event(body, value, fate != "sound")


FATES = st.sampled_from(
    ["sound"] * 12 + ["nul", "overflow", "truncated", "mislabelled", "no utf-8"],
)
REVISIONS = st.fixed_dictionaries(
    {
        key: st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 3), FATES), min_size=1, max_size=5)
        for key in KEYS
    }
)


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Any mixture of the revisions of a few keys: out of order, left out, repeated."""
    revisions = draw(REVISIONS)
    made = [event(key, n + 1, content) for key in KEYS for n, content in enumerate(revisions[key])]
    return [made[n] for n in draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=40))]


def the_fold(log: list[Event]) -> dict[str, Body]:
    latest: dict[str, Body] = {}
    for body, _, bad in log:
        if not bad and body["revision"] > latest.get(body["entity_id"], {"revision": 0})["revision"]:
            latest[body["entity_id"]] = body
    return latest


def laid_out(log: list[Event], first: list[int]) -> list[Record]:
    """The log in two partitions, by key."""
    ends = list(first)
    laid = []
    for body, value, _ in log:
        partition = KEYS.index(body["entity_id"]) % 2
        laid.append(record(TOPIC, partition, ends[partition], body, value))
        ends[partition] += 1
    return laid


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(log=logs(), cuts=st.lists(st.integers(1, 15), min_size=1, max_size=5), restart=st.integers(0, 3))
def test_tables_equal_the_fold(on_postgres: Folder, log: list[Event], cuts: list[int], restart: int) -> None:
    on = on_postgres
    on.db.execute(f"TRUNCATE {SCHEMA}.toy, {SCHEMA}.toy_parties, {SCHEMA}.rejected, {SCHEMA}.position")
    on.owned, on.known_bad = on.engine.positions.claim(on.db, PARTITIONS), {}
    laid = laid_out(log, [0, 0])
    at = turn = 0
    while at < len(laid):
        size = cuts[turn % len(cuts)]
        on.fold(laid[at : at + size])
        at, turn = at + size, turn + 1
        if turn == restart:
            on.owned, on.known_bad = on.engine.positions.claim(on.db, PARTITIONS), {}
    _assert_equal(on, log, laid)


def _assert_equal(on: Folder, log: list[Event], laid: list[Record]) -> None:
    expected = the_fold(log)
    rows = table(on.db, f"{SCHEMA}.toy", "entity_id, revision, note, amount")
    assert rows == [(k, b["revision"], b["note"], b["amount"]) for k, b in sorted(expected.items())]
    items = table(on.db, f"{SCHEMA}.toy_parties", "entity_id, position, party_ref", "1, 2")
    assert items == [
        (key, n, item["party_ref"])
        for key, body in sorted(expected.items())
        for n, item in enumerate(body["parties"])
    ]
    set_aside = table(on.db, f"{SCHEMA}.rejected", "partition, record_offset")
    bad = {(r.partition, r.offset) for r, e in zip(laid, log, strict=True) if e.bad}
    assert set(set_aside) <= bad
    ends: dict[int, Any] = {}
    for one in laid:
        ends[one.partition] = one.offset + 1
    assert dict(table(on.db, f"{SCHEMA}.position", "partition, next_offset")) == {0: 0, 1: 0} | ends
