"""Folding without Kafka: logs of records in memory, and the engine on a real Postgres."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import fastavro
import psycopg
import sqlalchemy as sa

from broker.compaction.engine import Engine, Source, Unfit
from broker.compaction.gather import Batch
from broker.compaction.opening import create_tables
from broker.compaction.rejects import Place, Rejected
from broker.compaction.tables import TableSpec, table_spec
from broker.kafka import Record, TopicPartition

Database = psycopg.Connection[Any]
Body = dict[str, Any]

ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {"name": "key_id", "type": "string"},
        {"name": "nonce", "type": "bytes"},
        {"name": "ciphertext", "type": "bytes"},
    ],
}
TOY: dict[str, Any] = {
    "type": "record",
    "name": "Toy",
    "namespace": "cn.qianbei",
    "fields": [
        {"name": "entity_id", "type": "string", "doc": "标识：测试"},
        {"name": "event_type", "type": ["null", "string"], "default": None},
        {"name": "revision", "type": ["null", "long"], "default": None},
        {"name": "note", "type": "string"},
        {
            "name": "amount",
            "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2}],
            "default": None,
        },
        {"name": "tags", "type": ["null", {"type": "array", "items": "string"}], "default": None},
        {
            "name": "parties",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Toyer",
                    "fields": [
                        {"name": "party_ref", "type": ["null", "string"], "default": None},
                        {"name": "name", "type": ENVELOPE},
                    ],
                },
            },
        },
    ],
}
TOY_ID = 7


def toy(entity_id: str, revision: int, **fields: Any) -> Body:
    """A record of the toy schema."""
    return {"entity_id": entity_id, "revision": revision, "note": "", "parties": [], **fields}


def toyer(ref: str) -> Body:
    """One item of the toy's party list."""
    return {"party_ref": ref, "name": {"key_id": "clear", "nonce": b"", "ciphertext": ref.encode()}}


def wire(body: Body, schema: Mapping[str, Any] = TOY, schema_id: int = TOY_ID) -> bytes:
    """A record on the wire."""
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(dict(schema)), body)
    return b"\x00" + schema_id.to_bytes(4, "big") + out.getvalue()


def record(topic: str, partition: int, offset: int, body: Body, value: bytes | None = None) -> Record:
    """A record in the log, labelled as its body says; ``value`` stands in for the body's own bytes."""
    headers = (("ce_id", b"x"), ("qb_revision", str(body["revision"]).encode()))
    return Record(topic, partition, offset, 0, body["entity_id"].encode(), value or wire(body), headers)


def narrow(spec: TableSpec, dsn: str, digits: int) -> None:
    """Give the toy's amount fewer digits than its schema, so that Postgres refuses what Avro takes."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(f"ALTER TABLE {spec.table.fullname} ALTER amount TYPE numeric({digits}, 2)")


def specs_in(
    dsn: str, target: str, schemas: Mapping[str, Mapping[str, Any]], leaving: str | None = None
) -> dict[str, TableSpec]:
    """Fresh tables for these subjects."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(f"DROP SCHEMA IF EXISTS {target} CASCADE")
    metadata = sa.MetaData()
    specs = {
        subject: table_spec(subject, schema, metadata, target=target, leaving=leaving)
        for subject, schema in schemas.items()
    }
    create_tables(dsn, list(specs.values()))
    return specs


def source(spec: TableSpec, schemas: Mapping[int, Mapping[str, Any]]) -> Source:
    """A source whose registry knows these schemas and no others."""
    return Source(spec, schemas.get)


class Folder:
    """The engine with the memory that a session has: positions, and places known to be bad."""

    def __init__(self, db: Database, engine: Engine, partitions: Iterable[TopicPartition]) -> None:
        self.db = db
        self.engine = engine
        self.known_bad: dict[Place, Rejected] = {}
        self.owned = engine.positions.claim(db, partitions)

    def fold(self, records: Sequence[Record]) -> None:
        """Fold one batch, gathering it again as long as it has unfit records that hid others."""
        while True:
            batch = Batch(self.known_bad)
            batch.add(records)
            try:
                self.owned |= self.engine.apply(self.db, batch, self.owned).positions
            except Unfit as unfit:
                self.known_bad |= {one.place: one for one in unfit.rejections}
            else:
                return


@contextmanager
def folder(dsn: str, sources: Mapping[str, Source], partitions: Iterable[TopicPartition]) -> Iterator[Folder]:
    """A prepared engine on a connection of its own."""
    engine = Engine("test", sources)
    with psycopg.connect(dsn, autocommit=True, options="-c TimeZone=UTC") as db:
        engine.prepare(db)
        yield Folder(db, engine, partitions)


def table(db: Database, name: str, columns: str = "*", order: str = "1") -> list[tuple[Any, ...]]:
    """The rows of a table."""
    return db.execute(f"SELECT {columns} FROM {name} ORDER BY {order}").fetchall()


def canonical(value: Any) -> str:
    """A JSON value as text, for comparing."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
