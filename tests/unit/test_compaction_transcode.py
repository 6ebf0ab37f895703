"""The generated transcoders: strict on any bytes, and refusing only with the errors that they name."""

import random
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.compaction import pgcopy, wire
from broker.compaction.fields import Kind, record_fields
from broker.compaction.rejects import bisect
from broker.compaction.tables import table_spec
from broker.compaction.transcode import REFUSALS, Transcode, compile_transcoder
from broker.errors import ConfigError
from schemas.files import latest_version, load_schema, subjects
from tests.support.arbitrary import arbitrary


def schema_of(subject: str) -> dict[str, Any]:
    return load_schema(subject, latest_version(subject))


def encoded(schema: dict[str, Any], seed: int) -> bytes:
    body = arbitrary(random.Random(seed), schema) | {"entity_id": "k", "revision": 5}
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), body)
    return out.getvalue()


SCHEMAS = {subject: schema_of(subject) for subject in subjects()}
CHILDREN = {s: table_spec(s, schema, sa.MetaData()).children for s, schema in SCHEMAS.items()}
TRANSCODERS: dict[str, Transcode] = {
    s: compile_transcoder(schema, table_spec(s, schema, sa.MetaData())) for s, schema in SCHEMAS.items()
}


def transcode(subject: str, body: bytes) -> tuple[tuple[bytes, int], list[bytes], list[list[bytes]]]:
    main: list[bytes] = []
    children: list[list[bytes]] = [[] for _ in CHILDREN[subject]]
    try:
        return TRANSCODERS[subject](body, 0, main, children), main, children
    except REFUSALS:
        assert not main
        assert not any(children)
        raise


@settings(deadline=None, max_examples=200)
@given(subject=st.sampled_from(sorted(SCHEMAS)), seed=st.integers(0, 2**32))
def test_a_record_gives_its_label_and_one_row(subject: str, seed: int) -> None:
    label, main, _ = transcode(subject, encoded(SCHEMAS[subject], seed))
    assert label == (b"k", 5)
    assert len(main) == 1


@settings(deadline=None, max_examples=400)
@given(subject=st.sampled_from(sorted(SCHEMAS)), seed=st.integers(0, 2**16), data=st.data())
def test_damaged_bytes_are_refused_or_read_but_never_crash(
    subject: str, seed: int, data: st.DataObject
) -> None:
    body = bytearray(encoded(SCHEMAS[subject], seed))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=12))
    try:
        _, main, _ = transcode(subject, bytes(body))
    except REFUSALS:
        return
    assert len(main) == 1


@settings(deadline=None, max_examples=400)
@given(subject=st.sampled_from(sorted(SCHEMAS)), body=st.binary(max_size=400))
def test_random_bytes_are_refused(subject: str, body: bytes) -> None:
    with pytest.raises(REFUSALS):
        transcode(subject, body)


@given(subject=st.sampled_from(sorted(SCHEMAS)), seed=st.integers(0, 2**16), data=st.data())
@settings(deadline=None, max_examples=200)
def test_a_shortened_or_lengthened_record_is_refused(subject: str, seed: int, data: st.DataObject) -> None:
    body = encoded(SCHEMAS[subject], seed)
    cut = data.draw(st.integers(0, len(body) - 1))
    for wrong in (body[:cut], body + b"\x00"):
        with pytest.raises(REFUSALS):
            transcode(subject, wrong)


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=3))
def test_longs_are_read_as_fastavro_writes_them(number: int, after: bytes) -> None:
    out = BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    assert wire.long(out.getvalue() + after, 0) == (number, len(out.getvalue()))


@pytest.mark.parametrize(
    "overlong", [b"\x80\x00", b"\xff\x80\x00", b"\xff" * 9 + b"\x7f", b"\xff" * 12 + b"\x01"]
)
def test_numbers_that_are_too_long_are_refused(overlong: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.long(overlong, 0)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_numerics_carry_their_value(number: Decimal) -> None:
    unscaled = int(number.scaleb(6))
    raw = unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True)
    piece = pgcopy.numeric(raw, 6)
    assert int.from_bytes(piece[:4], "big") == len(piece) - 4
    assert _numeric(piece[4:]) == number


def _numeric(body: bytes) -> Decimal:
    """Postgres' numeric, read as its documentation says."""
    count, weight, sign, _ = (int.from_bytes(body[n : n + 2], "big", signed=True) for n in (0, 2, 4, 6))
    groups = [int.from_bytes(body[8 + 2 * n : 10 + 2 * n], "big") for n in range(count)]
    total = sum((Decimal(g).scaleb(4 * (weight - n)) for n, g in enumerate(groups)), Decimal())
    return -total if sign else total


@given(st.lists(st.booleans(), max_size=60))
def test_bisecting_finds_exactly_the_bad_ones(bad: list[bool]) -> None:
    items = list(enumerate(bad))
    asked = 0

    def refusal(group: object) -> str | None:
        nonlocal asked
        asked += 1
        return "22021" if any(wrong for _, wrong in group) else None  # type: ignore[attr-defined]

    assert [item for item, _ in bisect(items, refusal)] == [item for item in items if item[1]]
    assert asked <= 1 + 2 * sum(bad) * max(1, len(bad).bit_length())


def field(avro: object) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "entity_id", "type": "string"},
            {"name": "revision", "type": "long"},
            {"name": "it", "type": avro},
        ],
    }


@pytest.mark.parametrize(
    ("avro", "kind"),
    [
        ("string", Kind.TEXT),
        (["string", "null"], Kind.TEXT),
        ("bytes", Kind.BYTES),
        ({"type": "array", "items": "string"}, Kind.TEXT_ARRAY),
        ({"type": "array", "items": "long"}, Kind.JSON),
        (["null", "string", "long"], Kind.JSON),
        ({"type": "array", "items": {"type": "array", "items": "string"}}, Kind.JSON),
    ],
)
def test_a_type_becomes_a_kind(avro: object, kind: Kind) -> None:
    assert record_fields(field(avro)).fields[2].kind is kind


@pytest.mark.parametrize(
    "avro",
    [
        "double",
        {"type": "map", "values": "string"},
        {"type": "enum", "name": "E", "symbols": ["A"]},
        {"type": "long", "logicalType": "timestamp-millis"},
        {"type": "array", "items": "float"},
    ],
)
def test_what_cannot_be_kept_is_refused(avro: object) -> None:
    with pytest.raises(ConfigError, match=r"R\.it"):
        record_fields(field(avro))


def test_a_record_without_key_or_revision_is_refused() -> None:
    without = {"type": "record", "name": "R", "fields": [{"name": "revision", "type": "long"}]}
    with pytest.raises(ConfigError, match="entity_id"):
        record_fields(without)
