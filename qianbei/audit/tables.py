"""Reading the tables of the chains, row by row: none of them is ever held whole."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from broker.kafka import Record

Database = psycopg.Connection[tuple[Any, ...]]
ACCESS = "audit.access/"
GROUP = "qb-audit"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A row of ``audit.segment``."""

    number: int
    first: int
    last: int
    records: int
    sha256: bytes
    sm3: bytes
    marks: bytes
    places_sha256: bytes


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a chain goes by its tables: its last segment, and what is read next (None: nothing says)."""

    number: int
    last: int
    records: int
    sha256: bytes
    sm3: bytes
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A row of ``audit.checkpoint``."""

    sequence: int
    body: str
    key_id: str
    signature: bytes


def chains(db: Database) -> set[tuple[str, int]]:
    """Every chain that any table knows of."""
    tables = ("audit.head", "audit.position", "audit.segment")
    query = " UNION ".join(f"SELECT topic, partition FROM {table}" for table in tables)  # noqa: S608 - our own names
    return set(db.execute(query).fetchall())


def reached(db: Database, topic: str, partition: int) -> Reached:
    """How far a chain goes by ``audit.head`` and ``audit.position``; -1 for what is not there."""
    head = db.execute(
        "SELECT number, last, records, sha256, sm3 FROM audit.head WHERE topic = %s AND partition = %s",
        (topic, partition),
    ).fetchone()
    position = db.execute(
        "SELECT next_offset FROM audit.position WHERE group_name = %s AND topic = %s AND partition = %s",
        (GROUP, topic, partition),
    ).fetchone()
    number, last, records, sha256, sm3 = head or (0, -1, 0, b"", b"")
    return Reached(number, last, records, sha256, sm3, position[0] if position else None)


def places_count(db: Database, topic: str, partition: int, beyond: int) -> int:
    """How many rows the index has beyond an offset, those of parties included."""
    query = """
    SELECT (SELECT count(*) FROM audit.place WHERE topic = %(t)s AND partition = %(p)s AND "offset" > %(o)s)
         + (SELECT count(*) FROM audit.place_party WHERE topic = %(t)s AND partition = %(p)s AND "offset" > %(o)s)
    """
    row = db.execute(query, {"t": topic, "p": partition, "o": beyond}).fetchone()
    assert row is not None
    return int(row[0])


def rows(db: Database, topic: str, partition: int, beyond: int) -> Iterator[Row]:
    """The segments of a chain whose last record lies beyond an offset, in order."""
    number = -1
    query = """
    SELECT number, first, last, records, sha256, sm3, marks, places_sha256 FROM audit.segment
    WHERE topic = %s AND partition = %s AND number > %s AND last > %s ORDER BY number LIMIT %s
    """
    while found := db.execute(query, (topic, partition, number, beyond, _BATCH)).fetchall():
        for row in found:
            yield Row(*row)
        number = found[-1][0]


def checkpoints(db: Database) -> Iterator[Checkpoint]:
    """All checkpoints, in order."""
    sequence = -1
    query = "SELECT sequence, body, key_id, signature FROM audit.checkpoint WHERE sequence > %s ORDER BY sequence LIMIT 20"
    while found := db.execute(query, (sequence,)).fetchall():
        for row in found:
            yield Checkpoint(*row)
        sequence = found[-1][0]


def places_sum(
    db: Database, topic: str, partition: int, first: int, last: int, before: bytes
) -> tuple[bytes, int]:
    """The digest of the index with the rows of these offsets, and how many there are."""
    query = """
    SELECT p."offset", p.subject, p.entity_id, p.revision, p.house_code, p.county, p.event_id, p.recorded_at,
           p.event_type,
           ARRAY(SELECT jsonb_build_array(q.party_ref, q.stands) FROM audit.place_party q WHERE q.topic = p.topic
                 AND q.partition = p.partition AND q."offset" = p."offset" ORDER BY q.party_ref COLLATE "C")
    FROM audit.place p WHERE p.topic = %s AND p.partition = %s AND p."offset" BETWEEN %s AND %s ORDER BY p."offset"
    """
    found = db.execute(query, (topic, partition, first, last)).fetchall()
    if not found:
        return before, 0
    lines = b"".join(_line(*row) for row in found)
    return hashlib.sha256(before + lines).digest(), len(found) + sum(len(row[-1]) for row in found)


def _line(*row: Any) -> bytes:
    *known, recorded_at, event_type, parties = row
    micros = (recorded_at - _EPOCH) // timedelta(microseconds=1)
    line = [*known, micros, [party for party, _ in parties]]
    stands = [stands for _, stands in parties]
    # Rows of before the migration 0010 have neither; a row of now has stands for each of its persons.
    if event_type is not None or any(one is not None for one in stands):
        line += [event_type, stands]
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def accesses(db: Database, instance: str, beyond: int) -> Iterator[Record]:
    """The rows of one chain of the access log, as records, in order."""
    query = """
    SELECT seq, (extract(epoch FROM at) * 1000)::bigint, access_id::text, jsonb_strip_nulls(to_jsonb(a))::text
    FROM audit.access a WHERE instance = %s AND seq > %s ORDER BY seq LIMIT 1000
    """
    while found := db.execute(query, (instance, beyond)).fetchall():
        for seq, at_ms, access_id, body in found:
            yield Record(ACCESS + instance, 0, seq, at_ms, access_id.encode(), body.encode(), ())
        beyond = found[-1][0]


def access_rows(
    db: Database, instance: str, beyond: int, until: int | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of one chain of the access log after ``beyond``, in order, by column."""
    query = """
    SELECT * FROM audit.access WHERE instance = %s AND seq > %s AND (%s::bigint IS NULL OR seq <= %s) ORDER BY seq LIMIT 1000
    """
    rows = db.cursor(row_factory=dict_row)
    while found := rows.execute(query, (instance, beyond, until, until)).fetchall():
        yield from found
        beyond = found[-1]["seq"]


def instances(db: Database) -> list[str]:
    """The chains of the access log, by leaps over the key's index."""
    query = """
    WITH RECURSIVE names AS (
        (SELECT instance FROM audit.access ORDER BY instance LIMIT 1)
        UNION ALL
        SELECT (SELECT a.instance FROM audit.access a WHERE a.instance > n.instance ORDER BY a.instance LIMIT 1)
        FROM names n WHERE n.instance IS NOT NULL
    ) SELECT instance FROM names WHERE instance IS NOT NULL
    """
    return [name for (name,) in db.execute(query)]
