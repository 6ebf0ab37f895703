"""Every field of every subject arrives in Postgres as what it was, judged by code that shares nothing with the fold."""

import random
from io import BytesIO
from typing import Any

import fastavro
import pytest

from broker.kafka import Record, TopicPartition
from qianbei.verify.fold import row_makers
from schemas.entitlements import grants, load_entitlements
from schemas.files import latest_version, load_schema, subjects
from tests.support.arbitrary import arbitrary
from tests.support.exchange import Exchange
from tests.support.folding import Body, Folder, folder, source, specs_in, wire

RECORDS = 60


def schemas() -> dict[str, dict[str, Any]]:
    """Every subject's schema, and every department's view of one."""
    found = {subject: load_schema(subject, latest_version(subject)) for subject in subjects()}
    for grant in grants(load_entitlements()):
        name = grant.topic.removeprefix("dept.").replace(".", "_")
        found[name] = grant.schema(load_schema(grant.subject, latest_version(grant.subject)))
    return found


SCHEMAS = schemas()


@pytest.mark.parametrize("subject", SCHEMAS)
def test_every_value_arrives(deployed: Exchange, subject: str) -> None:
    dsn, schema, target = deployed.site.admin.dsn(), SCHEMAS[subject], "fold_values"
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    bodies = [arbitrary(rng, schema) | {"entity_id": f"k{n:03}", "revision": n + 1} for n in range(RECORDS)]
    values = [wire(body, schema, 1) for body in bodies]
    log = [
        Record("t", 0, n, 0, body["entity_id"].encode(), values[n], (("qb_revision", str(n + 1).encode()),))
        for n, body in enumerate(bodies)
    ]
    spec = specs_in(dsn, target, {subject: schema})[subject]
    with folder(dsn, {"t": source(spec, {1: schema})}, [TopicPartition("t", 0)]) as on:
        on.fold(log)
        assert select(on, target, "rejected", ["reason"]) == []
        compare(on, target, subject, schema, values)


def compare(on: Folder, target: str, subject: str, schema: dict[str, Any], values: list[bytes]) -> None:
    parsed = fastavro.parse_schema(dict(schema), _force=True)
    decoded: list[Body] = [fastavro.schemaless_reader(BytesIO(v[5:]), parsed, None) for v in values]  # type: ignore[misc]
    lists = {f["name"]: columns for f in parsed["fields"] if (columns := party_columns(f))}  # type: ignore[index, call-overload]
    columns = [f["name"] for f in parsed["fields"] if f["name"] not in lists]  # type: ignore[index, call-overload]
    makers = row_makers(schema, columns, lists)
    assert select(on, target, subject, columns) == [makers.main(body) for body in decoded]
    for name, inner in lists.items():
        expected = [row for body in decoded for row in makers.children[name](body)]
        assert select(on, target, f"{subject}_{name}", ["entity_id", "position", *inner]) == expected


def party_columns(field: dict[str, Any]) -> list[str] | None:
    """The columns of a party list, None for any other field."""
    for branch in field["type"] if isinstance(field["type"], list) else [field["type"]]:
        if isinstance(branch, dict) and branch["type"] == "array" and isinstance(branch["items"], dict):
            names = [inner["name"] for inner in branch["items"].get("fields", ())]
            return names if "party_ref" in names else None
    return None


def select(on: Folder, target: str, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    wanted = ", ".join(f'"{column}"' for column in columns)
    order = "entity_id" if table != "rejected" else "1"
    order += ', "position"' if "position" in columns else ""
    return on.db.execute(f'SELECT {wanted} FROM {target}."{table}" ORDER BY {order}', binary=True).fetchall()
