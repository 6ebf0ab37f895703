"""Cutting and joining bytes gives what decoding, projecting and encoding gives; and no more than that is trusted."""

import copy
import json
import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

import schemas
from broker.routing.project import compile_projection
from qianbei.verify.avro import Reader, Readers, Unreadable
from qianbei.verify.entitlement import Rule, clearing, left_of, projection, schema_paths
from qianbei.verify.granted import granted_at
from qianbei.verify.joins import joiner, left_joiner
from qianbei.verify.slices import NotSliceable, length, long_of, slicer, text_of, texts_of, top_fields
from qianbei.verify.source import Sources
from schemas.entitlements import grants, load_entitlements
from schemas.files import latest_version, load_schema
from schemas.jsonform import from_json
from tests.unit.verify_world import EXCHANGE, SALE, SCHEMAS, encode, readers, sale, sent

GRANTS = {(grant.department, grant.subject): grant for grant in grants(load_entitlements())}
RULES = [rule for rule in granted_at(None).rules if (rule.department, rule.subject) in GRANTS]


def examples(subject: str) -> Iterator[dict[str, Any]]:
    schema = load_schema(subject, latest_version(subject))
    folder = Path(schemas.__file__).parent / "examples" / subject / f"v{latest_version(subject)}"
    for path in sorted(folder.glob("*.json")):
        record = from_json(schema, json.loads(path.read_text(encoding="utf-8")))
        yield record | {
            "revision": 200,
            "recorded_at": record["occurred_at"],
            "decision_id": "3f0e8f2e-94b4-4d83-b4f6-1f7d4b7e5a10",
            "interested": ["bank.icbc", "fund"],
            "interested_before": ["bank.ccb"],
        }


def wire(schema: dict[str, Any], record: dict[str, Any]) -> bytes:
    out = BytesIO()
    out.write(b"\x00\x00\x00\x00\x07")
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema), _force=True), record)
    return out.getvalue()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.department}.{rule.subject}")
def test_three_ways_to_project_agree_on_every_example(rule: Rule) -> None:
    """The entitlement's meaning is written down twice, in routing and here, and here again for bytes."""
    newest = load_schema(rule.subject, latest_version(rule.subject))
    grant = GRANTS[rule.department, rule.subject]
    target = grant.schema(newest)
    assert schema_paths(target) == rule.shown
    cut, routed = slicer(newest), compile_projection(newest, grant)
    joins = {True: joiner(rule, newest, target), False: left_joiner(newest, target)}
    for record in examples(rule.subject):
        value = wire(newest, record)
        in_clear = Reader(7, newest).full(value)
        clearing(newest)(in_clear)
        whole = not rule.only_interested or rule.department in record["interested"]
        ours = projection(rule)(in_clear) if whole else left_of(rule, in_clear)
        theirs = routed(Reader(7, newest).full(value))
        if theirs is None:
            assert rule.department == "bank.ccb" or not whole
            continue
        assert ours == theirs
        assert joins[whole](cut(value)) == wire(target, ours)[5:]


def test_facts_of_a_record() -> None:
    cut, places = slicer(SALE), top_fields(SALE)
    for revision in (1, 63, 64, 8191, 8192, 2**40, 2**62):
        pieces = cut(
            encode(1, sale("é" * 80, revision, interested=["bank.a", "基金" * 40], interested_before=None))
        )
        assert text_of(pieces[places["entity_id"]]) == "é" * 80
        assert long_of(pieces[places["revision"]]) == revision
        assert texts_of(pieces[places["interested"]]) == ["bank.a", "基金" * 40]
        assert texts_of(pieces[places["interested_before"]]) == []
        assert text_of(pieces[places["loan_no"]]) == "LN-20200001"
    assert text_of(cut(encode(1, sale(loan_no=None)))[places["loan_no"]]) is None
    assert long_of(b"\x02\x01") == -1


@pytest.mark.parametrize("number", [0, 1, 63, 64, 127, 128, 8191, 8192, 1 << 20])
def test_lengths_are_as_avro_writes_them(number: int) -> None:
    out = BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    assert length(number) == out.getvalue()


def test_an_encrypted_value_and_other_forms_are_left_to_the_decoder() -> None:
    sealed = sale(
        parties=[
            {"role": "BUYER", "party_ref": None, "name": {"key_id": "k1", "nonce": b"x", "ciphertext": b"y"}}
        ]
    )
    with pytest.raises(NotSliceable):
        slicer(SALE)(encode(1, sealed))
    union = {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["string", "null"]}]}
    with pytest.raises(NotSliceable):
        slicer(union)
    with pytest.raises(NotSliceable):
        slicer(
            {
                "type": "record",
                "name": "R",
                "fields": [{"name": "a", "type": {"type": "map", "values": "string"}}],
            }
        )


def test_damaged_bytes_are_never_taken_for_a_record() -> None:
    """Whatever can still be cut is exactly what fastavro decodes: the first bytes decide nothing alone."""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    cut, good = slicer(SALE), encode(1, sale())
    for turn in range(3_000):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            bad[rng.randrange(5, len(bad))] = rng.randrange(256)
        value = bytes(bad[: rng.randint(5, len(bad))] if rng.random() < 0.3 else bad)
        try:
            pieces = cut(value)
        except NotSliceable:
            continue
        try:
            record = Reader(1, SALE).plain(value)
        except Unreadable:
            continue  # such as text that is no UTF-8; it would be decoded where it counts
        places = top_fields(SALE)
        assert len(pieces[places["parties"]]) == len(record["parties"]), (seed, turn)
        assert text_of(pieces[places["event_id"]]) == record["event_id"], (seed, turn)
        assert long_of(pieces[places["revision"]]) == record["revision"], (seed, turn)


def test_a_source_that_cannot_be_cut_is_decoded() -> None:
    schema = copy.deepcopy(SALE)
    schema["fields"].append({"name": "odd", "type": ["string", "null"]})
    sources = Sources(Readers((SCHEMAS | {9: schema}).get))
    record = sale() | {"odd": "x"}
    out = BytesIO()
    out.write(b"\x00\x00\x00\x00\x09")
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, _force=True), record)
    source = sources.of(EXCHANGE, sent(EXCHANGE, 0, record)._replace(value=out.getvalue()))
    assert source.pieces is None
    assert source.facts() == ("s1", 1, "d-s1-1")
    assert source.interests() == (["bank.a"], [])
    assert sources.of(EXCHANGE, sent(EXCHANGE, 0, sale())).facts() == source.facts()


def test_unreadable_values_say_why_without_a_value() -> None:
    known = readers()
    for value in (None, b"", b"\x00\x00", b"\x01\x00\x00\x00\x01", b"\x00\x00\x00\x00\x63rest"):
        with pytest.raises(Unreadable):
            known.of(value)
    good = encode(1, sale())
    with pytest.raises(Unreadable, match="left over"):
        known.of(good).plain(good + b"x")
    with pytest.raises(Unreadable, match="no record of schema 1"):
        known.of(good).plain(good[:20])


def test_an_older_record_is_projected_with_the_defaults_of_the_newest_schema() -> None:
    newest = copy.deepcopy(SALE)
    newest["fields"].append({"name": "flags", "type": {"type": "array", "items": "string"}, "default": []})
    source = Sources(readers(), {"sale": newest}).of(EXCHANGE, sent(EXCHANGE, 0, sale()))
    assert source.in_clear()["flags"] == []
    assert "flags" not in Sources(readers()).of(EXCHANGE, sent(EXCHANGE, 0, sale())).in_clear()
