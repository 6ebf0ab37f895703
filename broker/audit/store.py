"""The tables of the chains: written by the audit service alone, in transactions that move its positions."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import psycopg

from broker.audit.chain import Head, Segment, beginning
from broker.audit.keys import SigningKey
from broker.audit.places import Place
from broker.kafka import Record, TopicPartition

Database = psycopg.Connection[tuple[Any, ...]]
ACCESS = "audit.access/"
"""Before the name of a chain of the access log, where a topic's name stands for others."""
_LEADER = 7_021_966
_MOST_ROWS = 5_000

_HEADS = """
SELECT h.topic, h.partition, h.number, h.last, h.records, h.sha256, h.sm3, h.places_sha256
FROM audit.head h JOIN unnest(%s::text[], %s::int[]) AS w (topic, partition) USING (topic, partition)
"""
_SEGMENT = """
COPY audit.segment (topic, partition, number, first, last, records, sha256, sm3, marks, places_sha256)
FROM STDIN (FORMAT BINARY)
"""
_HEAD = """
INSERT INTO audit.head (topic, partition, number, last, records, sha256, sm3, places_sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (topic, partition) DO UPDATE SET number = excluded.number, last = excluded.last,
    records = excluded.records, sha256 = excluded.sha256, sm3 = excluded.sm3, places_sha256 = excluded.places_sha256
"""
_PLACE = """
COPY audit.place
(topic, partition, "offset", subject, entity_id, revision, house_code, county, event_id, recorded_at, event_type)
FROM STDIN
"""
_PARTY = 'COPY audit.place_party (party_ref, topic, partition, "offset", stands) FROM STDIN'

#: New rows of every chain of the access log: the names by leaps over the key's index, then each from where it was left.
_ACCESS = """
WITH RECURSIVE names AS (
    (SELECT instance FROM audit.access ORDER BY instance LIMIT 1)
    UNION ALL
    SELECT (SELECT a.instance FROM audit.access a WHERE a.instance > n.instance ORDER BY a.instance LIMIT 1)
    FROM names n WHERE n.instance IS NOT NULL
)
SELECT n.instance, row.seq, (extract(epoch FROM row.at) * 1000)::bigint, row.access_id::text, row.body
FROM names n
LEFT JOIN audit.head h ON h.topic = %s || n.instance AND h.partition = 0
CROSS JOIN LATERAL (
    SELECT a.seq, a.at, a.access_id, jsonb_strip_nulls(to_jsonb(a))::text AS body FROM audit.access a
    WHERE a.instance = n.instance AND a.seq > coalesce(h.last, 0) ORDER BY a.seq LIMIT %s
) row
ORDER BY n.instance, row.seq
"""
_SIGNED = """
UPDATE audit.head SET signed = number WHERE number > signed
RETURNING topic, partition, last, records, sha256, sm3, places_sha256
"""


def heads(db: Database, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Head]:
    """Where these chains stand; those that have not begun are at their beginning."""
    wanted = sorted(partitions)
    columns = [p.topic for p in wanted], [p.partition for p in wanted]
    found = {partition: beginning(partition) for partition in wanted}
    for topic, partition, *rest in db.execute(_HEADS, columns):
        found[TopicPartition(topic, partition)] = Head(*rest)
    return found


def write_segments(db: Database, segments: Sequence[Segment]) -> None:
    """Add segments, and let the heads be theirs. Within the caller's transaction."""
    if not segments:
        return
    with db.cursor().copy(_SEGMENT) as copy:
        copy.set_types(["text", "int4", "int8", "int8", "int8", "int4", "bytea", "bytea", "bytea", "bytea"])
        for one in segments:
            head = one.head
            row = (*one.partition, head.number, one.first, head.last, one.records)
            copy.write_row((*row, head.sha256, head.sm3, one.marks, head.places_sha256))
    newest = {one.partition: one.head for one in segments}
    rows = [(*p, h.number, h.last, h.records, h.sha256, h.sm3, h.places_sha256) for p, h in newest.items()]
    db.cursor().executemany(_HEAD, rows)


def write_places(db: Database, places: Sequence[Place]) -> None:
    """Add rows to the index. Within the caller's transaction."""
    if not places:
        return
    with db.cursor().copy(_PLACE) as copy:
        for one in places:
            place = (one.topic, one.partition, one.offset, one.subject, one.entity_id, one.revision)
            copy.write_row(
                (*place, one.house_code, one.county, one.event_id, one.recorded_at, one.event_type)
            )
    with db.cursor().copy(_PARTY) as copy:
        for one in places:
            for party, stands in one.parties.items():
                copy.write_row((party, one.topic, one.partition, one.offset, list(stands)))


def leads(db: Database) -> bool:
    """Whether this transaction is the one that chains the access log and signs: one instance at a time."""
    row = db.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LEADER,)).fetchone()
    return row is not None and bool(row[0])


def new_accesses(db: Database) -> dict[TopicPartition, list[Record]]:
    """Rows of the access log that are in no chain yet, each as a record. Only for who leads."""
    found: dict[TopicPartition, list[Record]] = {}
    for instance, seq, at_ms, access_id, body in db.execute(_ACCESS, (ACCESS, _MOST_ROWS)):
        chain = TopicPartition(ACCESS + instance, 0)
        record = Record(*chain, seq, at_ms, access_id.encode(), body.encode(), ())
        found.setdefault(chain, []).append(record)
    return found


def sign(db: Database, key: SigningKey) -> int:
    """Sign the heads that have moved, if any have, and give how many. Only for who leads."""
    moved = sorted(db.execute(_SIGNED).fetchall(), key=lambda row: row[:2])
    if not moved:
        return 0
    last = db.execute("SELECT sequence, body FROM audit.checkpoint ORDER BY sequence DESC LIMIT 1").fetchone()
    sequence, before = last or (0, "")
    now = datetime.now(UTC)
    body = checkpoint_body(sequence + 1, now, before, moved)
    db.execute(
        "INSERT INTO audit.checkpoint (sequence, at, body, key_id, signature) VALUES (%s, %s, %s, %s, %s)",
        (sequence + 1, now, body, key.key_id, key.private.sign(body.encode())),
    )
    return len(moved)


def checkpoint_body(sequence: int, at: datetime, before: str, moved: Sequence[tuple[Any, ...]]) -> str:
    """What is signed: one line of JSON. ``before`` is the body of the checkpoint before, empty for the first."""
    heads_moved = [
        [topic, partition, last, records, *(digest.hex() for digest in digests)]
        for topic, partition, last, records, *digests in moved
    ]
    return json.dumps(
        {
            "format": "qianbei-audit-1",
            "sequence": sequence,
            "at": at.isoformat(timespec="milliseconds"),
            "previous": sha256(before.encode()).hexdigest() if before else None,
            "heads": heads_moved,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
