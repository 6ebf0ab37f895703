"""The common fields of an event are found in its bytes, whatever its subject, and never in bytes that are no event."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from benchmarks.sales import SaleWriter
from broker.compaction.engine import Source
from broker.compaction.opening import latest_spec
from broker.errors import ConfigError
from broker.kafka import Record
from broker.replay.comparing import kept_subjects
from broker.replay.heads import Heads, micros
from broker.replay.rebuilding import recorded_by
from broker.replay.targets import LIVE, refuse_live
from schemas.files import latest_version, load_schema

SALE = load_schema("sale", 1)
EVENTS = list(SaleWriter(SALE, 1, 7).events(5, 20))


def test_a_head_is_what_the_record_says() -> None:
    heads = Heads({1: SALE}.get)
    for event in EVENTS:
        head = heads.of(event.value)
        assert head is not None
        assert head.entity_id.encode() == event.key
        assert dict(event.headers)["ce_id"].decode() == head.event_id
        assert dict(event.headers)["ce_type"].decode() == head.event_type
        assert heads.recorded_us(event.value) == head.recorded_us
        sent = datetime.fromisoformat(dict(event.headers)["ce_time"].decode())
        assert head.recorded_at == sent + timedelta(milliseconds=40)


@pytest.mark.parametrize(
    "value", [None, b"", b"\x00\x00", b"\x01" + EVENTS[0].value[1:], EVENTS[0].value[:40]]
)
def test_what_is_no_event_has_no_head(value: bytes | None) -> None:
    heads = Heads({1: SALE}.get)
    assert heads.of(value) is None
    assert heads.recorded_us(value) is None


def test_every_subject_that_is_kept_has_heads() -> None:
    for subject in kept_subjects():
        assert (
            Heads(lambda _id, s=subject: load_schema(s, latest_version(s))).of(b"\x00\x00\x00\x00\x01")
            is None
        )


def test_a_schema_that_is_no_event_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no event"):
        Heads({1: {"type": "record", "name": "Odd", "fields": []}}.get).of(b"\x00\x00\x00\x00\x01")


def test_as_of_includes_its_moment_and_nothing_later() -> None:
    source = Source(latest_spec("sale", sa.MetaData()), {1: SALE}.get)
    record = Record("exchange.sale", 0, 0, 0, EVENTS[0].key, EVENTS[0].value, ())
    head = Heads({1: SALE}.get).of(EVENTS[0].value)
    assert head is not None
    assert head.recorded_at is not None
    for moment, kept in ((head.recorded_at, True), (head.recorded_at - timedelta(microseconds=1), False)):
        assert recorded_by(moment, {"exchange.sale": source})(record) is kept
    assert recorded_by(datetime(2000, 1, 1, tzinfo=UTC), {"exchange.sale": source})(
        record._replace(value=b"junk")
    )
    assert micros(head.recorded_at) == head.recorded_us


@pytest.mark.parametrize("schema", sorted({*LIVE, "pg_toast"}))
def test_no_live_schema_is_rebuilt_into(schema: str) -> None:
    with pytest.raises(ConfigError, match="is live"):
        refuse_live(schema)
