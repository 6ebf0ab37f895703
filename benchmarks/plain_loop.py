"""The plain loop: what a competent user writes to keep the latest sales in Postgres, with the same libraries.

Poll 5,000, decode with fastavro, keep the newest of each contract, upsert by ``executemany`` (which psycopg 3 sends as
a pipeline), replace the parties of those rows, commit, commit the offsets. It guards by revision, writes the same
tables with the same values, and leaves nothing out that would make it slower than it need be: nothing here is tuned
down. What it does not do is what the engine is for: set aside a bad record, fence a second instance, look before it
decodes.
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import fastavro
import psycopg
from kafka import KafkaConsumer

BATCH = 5_000
Row = tuple[Any, ...]
Body = dict[str, Any]


def run_plain(
    consumer_config: dict[str, Any], topic: str, dsn: str, target: str, schema: Body, events: int
) -> None:
    """Read ``events`` records of ``topic`` and keep the newest of each contract in ``target``."""
    parsed = fastavro.parse_schema(schema)
    columns = [field["name"] for field in schema["fields"] if field["name"] != "parties"]
    item = next(field for field in schema["fields"] if field["name"] == "parties")["type"]["items"]
    party_columns = [field["name"] for field in item["fields"]]
    protected = {f["name"] for f in item["fields"] if "Protected" in str(f["type"])}
    statements = _statements(target, columns, party_columns)
    consumer = KafkaConsumer(topic, **consumer_config)
    read = 0
    try:
        with psycopg.connect(dsn) as db:
            while read < events:
                batch = [r for records in consumer.poll(1000, max_records=BATCH).values() for r in records]
                if not batch:
                    continue
                bodies = [fastavro.schemaless_reader(BytesIO(r.value[5:]), parsed, None) for r in batch]
                _upsert(db, statements, _newest(bodies), columns, _party_rows(party_columns, protected))
                db.commit()
                consumer.commit()
                read += len(batch)
    finally:
        consumer.close(autocommit=False)


def _newest(bodies: Iterable[Any]) -> list[Body]:
    newest: dict[str, Body] = {}
    for body in bodies:
        known = newest.get(body["entity_id"])
        if known is None or body["revision"] > known["revision"]:
            newest[body["entity_id"]] = body
    return list(newest.values())


def _statements(target: str, columns: list[str], party_columns: list[str]) -> tuple[str, str, str]:
    mine = f"EXISTS (SELECT FROM {target}.sale WHERE entity_id = %s AND revision = %s)"
    upsert = (
        f"INSERT INTO {target}.sale AS t ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON CONFLICT (entity_id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in columns if c != 'entity_id')} "
        "WHERE t.revision < excluded.revision"
    )
    delete = f"DELETE FROM {target}.sale_parties WHERE entity_id = %s AND {mine}"
    insert = (
        f"INSERT INTO {target}.sale_parties (entity_id, position, {', '.join(party_columns)}) "
        f"SELECT %s, %s, {', '.join(['%s'] * len(party_columns))} WHERE {mine}"
    )
    return upsert, delete, insert


def _party_rows(party_columns: list[str], protected: set[str]) -> Callable[[Body], list[Row]]:
    def rows(body: Body) -> list[Row]:
        key, revision = body["entity_id"], body["revision"]
        return [
            (key, n, *(_envelope(p[c]) if c in protected else p[c] for c in party_columns), key, revision)
            for n, p in enumerate(body["parties"])
        ]

    return rows


def _envelope(value: Body | None) -> bytes | None:
    if value is None:
        return None
    parts = (value["key_id"].encode(), value["nonce"], value["ciphertext"])
    return b"".join(bytes([2 * len(part)]) + part for part in parts)


def _upsert(
    db: psycopg.Connection[Any],
    statements: tuple[str, str, str],
    bodies: list[Body],
    columns: list[str],
    party_rows: Callable[[Body], list[Row]],
) -> None:
    upsert, delete, insert = statements
    with db.cursor() as cursor:
        cursor.executemany(upsert, [[body[column] for column in columns] for body in bodies])
        cursor.executemany(delete, [(b["entity_id"], b["entity_id"], b["revision"]) for b in bodies])
        cursor.executemany(insert, [row for body in bodies for row in party_rows(body)])
