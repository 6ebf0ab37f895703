"""Chains without servers: the service's hashes, and what a verification that was written apart from them makes of a log."""

import importlib.util
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from broker.audit.chain import MOST_RECORDS, Segment, beginning, chained, content
from broker.audit.keys import key_of
from broker.audit.store import checkpoint_body
from broker.kafka import Record, TopicPartition
from qianbei.audit import Report, hashing
from qianbei.audit.chains import ChainCheck, Start
from qianbei.audit.checkpoints import Signed, judge, public_keys, spooled
from qianbei.audit.findings import Kind
from qianbei.audit.log import Unread
from qianbei.audit.tables import Checkpoint, Reached, Row

PLACE = TopicPartition("exchange.sale", 2)
SCRIPT = Path(__file__).parents[2] / "docs" / "audit" / "verify_range.py"
Records = list[Record]


def record(offset: int, value: bytes | None = None, at: int | None = None) -> Record:
    value = b"value %d" % offset if value is None else value
    return Record(
        *PLACE, offset, 1_000 + offset if at is None else at, b"k", value, (("h", b"1"), ("n", None))
    )  # type: ignore[arg-type]


@dataclass
class InMemory:
    """A log of records; what lies at ``unread`` cannot be read."""

    records: Sequence[Record]
    begin: int = 0
    end: int = 10_000
    unread: int | None = None
    at: int = 0

    def until(self, offset: int) -> Iterator[Record | Unread]:
        while self.at < len(self.records) and self.records[self.at].offset <= offset:
            one = self.records[self.at]
            self.at += 1
            if one.offset == self.unread:
                while self.at < len(self.records) and self.records[self.at].offset <= offset:
                    self.at += 1
                yield Unread(one.offset)
                return
            if one.offset >= self.begin:
                yield one


def honest(every: int = 10) -> tuple[Records, list[Segment]]:
    """Thirty records with gaps of markers, in three segments."""
    records = [record(n + n // 3) for n in range(30)]
    head, segments = beginning(PLACE), []
    for at in range(0, 30, every):
        made = list(chained(head, records[at : at + every], lambda before, _records: before))
        segments += made
        head = made[-1].head
    return records, segments


def row_of(one: Segment) -> Row:
    head = one.head
    return Row(
        head.number, one.first, head.last, one.records, head.sha256, head.sm3, one.marks, head.places_sha256
    )


def check(
    log: InMemory, rows: Sequence[Row], segments: Sequence[Segment], *, days: int | None = None
) -> Report:
    """Verify a log whose last head was signed, by honest hands."""
    report, head = Report(), segments[-1].head
    signed = Signed(1, head.last, head.records, head.sha256.hex(), head.sm3.hex(), head.places_sha256.hex())
    reached = Reached(head.number, head.last, head.records, head.sha256, head.sm3, head.last + 2)
    start = Start(0, -1, 0, hashing.start(*PLACE), bytes(32))
    chain = ChainCheck(*PLACE, log, days, lambda _first, _last, before: (before, 0), lambda: 0, report)
    chain.run(start, iter(rows), iter([signed]), reached)
    return report


def test_both_hash_the_same_and_an_honest_log_raises_no_alarm() -> None:
    records, segments = honest()
    report = check(InMemory(records), [row_of(s) for s in segments], segments)
    assert report.findings == []
    assert (report.records, report.segments, report.signed_heads, report.unsigned) == (30, 3, 1, 0)


def test_a_long_run_is_cut_into_segments() -> None:
    records = [record(n) for n in range(MOST_RECORDS + 1)]
    segments = list(chained(beginning(PLACE), records, lambda before, _records: before))
    assert [one.records for one in segments] == [MOST_RECORDS, 1]


def test_lengths_keep_fields_apart() -> None:
    plain = Record("t", 0, 0, 0, b"ab", b"c", ())
    contents = {
        content(one)
        for one in (
            plain,
            plain._replace(key=b"a", value=b"bc"),
            plain._replace(key=None, value=b"c"),
            plain._replace(key=b"", value=b"c"),
            plain._replace(headers=(("a", b""),)),
        )
    }
    assert len(contents) == 5


def moved(records: Records, a: int, b: int) -> Records:
    """The contents of two records change places."""
    out = list(records)
    out[a] = records[b]._replace(offset=records[a].offset, timestamp_ms=records[a].timestamp_ms)
    out[b] = records[a]._replace(offset=records[b].offset, timestamp_ms=records[b].timestamp_ms)
    return out


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda r: [*r[:4], r[4]._replace(value=b"other"), *r[5:]], [(Kind.CHANGED, 5, 5)]),
        (lambda r: [*r[:4], r[4]._replace(timestamp_ms=7), *r[5:]], [(Kind.CHANGED, 5, 5)]),
        (lambda r: [*r[:4], r[4]._replace(key=None), *r[5:]], [(Kind.CHANGED, 5, 5)]),
        (lambda r: [*r[:4], r[4]._replace(headers=()), *r[5:]], [(Kind.CHANGED, 5, 5)]),
        (lambda r: [*r[:4], *r[7:]], [(Kind.DROPPED, 5, 8)]),
        (
            lambda r: [*r[:9], *r[21:]],
            [(Kind.DROPPED, 12, 12), (Kind.DROPPED, 13, 25), (Kind.DROPPED, 26, 26)],
        ),
        (lambda r: r[:28], [(Kind.DROPPED, 37, 38)]),
        (lambda r: [*r[:3], record(3), *r[3:]], [(Kind.INSERTED, 3, 3)]),
        (lambda r: [*r, record(39)], [(Kind.INSERTED, 39, 39)]),
        (lambda r: moved(r, 1, 2), [(Kind.REORDERED, 1, 2)]),
    ],
)
def test_what_was_done_to_the_log_is_found_in_its_place(
    tamper: Callable[[Records], Records], found: list[tuple[Kind, int, int]]
) -> None:
    records, segments = honest()
    report = check(InMemory(tamper(records)), [row_of(s) for s in segments], segments)
    assert [(f.kind, f.first, f.last) for f in report.findings] == found


def test_damaged_bytes_are_a_finding_and_the_rest_is_still_read() -> None:
    records, segments = honest()
    log = InMemory(
        [*records[:20], records[20]._replace(value=b"other"), *records[21:]], unread=records[15].offset
    )
    report = check(log, [row_of(s) for s in segments], segments)
    assert [(f.kind, f.first, f.last) for f in report.findings] == [
        (Kind.CORRUPT, records[15].offset, records[19].offset),
        (Kind.CHANGED, records[20].offset, records[20].offset),
    ]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"sha256": bytes(32)}, Kind.ROW_EDITED),
        ({"sm3": bytes(32)}, Kind.ROW_EDITED),
        ({"marks": bytes(240)}, Kind.ROW_EDITED),
        ({"marks": b"1"}, Kind.ROW_EDITED),
        ({"first": 12}, Kind.ROW_EDITED),
        ({"records": 9}, Kind.ROW_EDITED),
        ({"places_sha256": bytes(31) + b"1"}, Kind.INDEX_EDITED),
    ],
)
def test_an_edited_row_is_found_alone(change: dict[str, Any], kind: Kind) -> None:
    records, segments = honest()
    rows = [row_of(s) for s in segments]
    rows[1] = replace(rows[1], **change)
    report = check(InMemory(records), rows, segments)
    assert {f.kind for f in report.findings} == {kind}
    assert all(f.first >= 13 and f.last <= 25 for f in report.findings)


def test_a_row_that_lacks_is_found_and_its_records_are_no_alarm() -> None:
    records, segments = honest()
    rows = [row_of(s) for s in segments]
    found = check(InMemory(records), [rows[0], rows[2]], segments).findings
    assert [(f.kind, f.first, f.last) for f in found] == [(Kind.ROW_DROPPED, 13, 25)]


def test_a_chain_that_was_made_anew_is_not_the_one_that_was_signed() -> None:
    records, segments = honest()
    forged = [*records[:4], records[4]._replace(value=b"other"), *records[5:]]
    anew = list(chained(beginning(PLACE), forged, lambda before, _records: before))
    assert Kind.REWRITTEN in {
        f.kind for f in check(InMemory(forged), [row_of(s) for s in anew], segments).findings
    }


def test_what_has_reached_its_retention_is_no_alarm_and_what_has_not_is() -> None:
    records, segments = honest()
    rows = [row_of(s) for s in segments]
    begin = records[14].offset
    kept = check(InMemory(records, begin=begin), rows, segments, days=400)
    assert (kept.findings, kept.expired) == ([], 14)
    for_ever = check(InMemory(records, begin=begin), rows, segments, days=None)
    assert {f.kind for f in for_ever.findings} == {Kind.DROPPED}


def signed_checkpoints(folder: Path) -> tuple[list[Checkpoint], str]:
    key = key_of(secrets.token_hex(32))
    (folder / "x.pub").write_text(key.public.hex())
    body, found = "", []
    _, segments = honest()
    for n, one in enumerate(segments, start=1):
        head = one.head
        moved_head = (*PLACE, head.last, head.records, head.sha256, head.sm3, head.places_sha256)
        body = checkpoint_body(n, datetime(2026, 1, n, tzinfo=UTC), body, [moved_head])
        found.append(Checkpoint(n, body, key.key_id, key.private.sign(body.encode())))
    return found, key.public.hex()


@pytest.mark.parametrize(
    ("tamper", "kinds"),
    [
        (lambda c: c, []),
        (lambda c: [c[0], replace(c[1], body=c[1].body.replace("2026", "2025")), c[2]], [Kind.SIGNATURE] * 2),
        (lambda c: [c[0], replace(c[1], signature=bytes(64)), c[2]], [Kind.SIGNATURE]),
        (lambda c: [c[0], replace(c[1], key_id="0" * 16), c[2]], [Kind.SIGNATURE]),
        (lambda c: [c[0], c[2]], [Kind.CHECKPOINT]),
        (lambda c: [c[1], c[2]], [Kind.CHECKPOINT]),
        (lambda c: [c[0], c[1]], [Kind.CHECKPOINT]),
    ],
)
def test_checkpoints_are_judged(
    tmp_path: Path, tamper: Callable[[list[Checkpoint]], list[Checkpoint]], kinds: list[Kind]
) -> None:
    found, _ = signed_checkpoints(tmp_path)
    report = Report()
    with spooled() as heads:
        judge(tamper(found), public_keys(tmp_path), {3: found[2].body}, heads, report)
    assert [f.kind for f in report.findings] == kinds


def script() -> Any:
    spec = importlib.util.spec_from_file_location("verify_range", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(folder: Path, records: Records) -> tuple[list[str], str]:
    """The range of the second and third segment, as ``qianbei audit export`` writes it."""
    found, key = signed_checkpoints(folder)
    after, to = honest()[1][0].head.last, honest()[1][2].head.last
    lines: list[Any] = [{"topic": PLACE.topic, "partition": PLACE.partition, "after": after, "to": to}]
    lines += [
        {"checkpoint": c.body, "key_id": c.key_id, "signature": c.signature.hex()}
        for c in (found[0], found[2])
    ]
    for one in records:
        base64 = [None if v is None else b64encode(v).decode() for v in (one.key, one.value)]
        headers = [[n, None if v is None else b64encode(v).decode()] for n, v in one.headers]
        lines.append(
            {
                "offset": one.offset,
                "timestamp": one.timestamp_ms,
                "key": base64[0],
                "value": base64[1],
                "headers": headers,
            }
        )
    return [json.dumps(line) for line in lines], key


def test_a_third_party_can_verify_a_range(tmp_path: Path) -> None:
    module = script()
    records = honest()[0][10:]
    lines, key = exported(tmp_path, records)
    public = module.Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    assert "20 records" in module.verify(iter(lines), public)
    changed = [*lines[:-1], lines[-1].replace('"key": "aw=="', '"key": null')]
    for wrong in (lines[:-1], [*lines[:3], lines[4], lines[3], *lines[5:]], changed):
        with pytest.raises(module.Wrong):
            module.verify(iter(wrong), public)
    with pytest.raises(module.Wrong, match="signature"):
        module.verify(iter([lines[0], lines[1].replace("2026", "2025"), *lines[2:]]), public)
    with pytest.raises(module.Wrong, match="kept"):
        module.verify(iter(lines), public, held={sha256(b"").hexdigest()})
