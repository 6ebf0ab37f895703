"""A small exchange in memory for the tests of ``verify``: one subject, two departments, schemas of its own."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro

from qianbei.verify.avro import Readers, Schema
from qianbei.verify.entitlement import clearing, left_of, projection, read_rules
from qianbei.verify.keys import Open, in_clear
from qianbei.verify.source import Sent, Source, Sources
from qianbei.verify.window import Window

EXCHANGE, TAX, BANK = "exchange.sale", "dept.tax.sale.v1", "dept.bank.a.sale.v1"
PARTITIONS = [(topic, 0) for topic in (EXCHANGE, TAX, BANK)]
EVERYTHING = Window(dict.fromkeys(PARTITIONS, 0), dict.fromkeys(PARTITIONS, 1 << 40))
"""All that is fed is required."""

_TIME = {"type": "long", "logicalType": "timestamp-micros"}


def nullable(avro: Any) -> dict[str, Any]:
    return {"type": ["null", avro], "default": None}


def field(name: str, avro: Any) -> dict[str, Any]:
    return (
        {"name": name, **avro}
        if isinstance(avro, dict) and "default" in avro
        else {"name": name, "type": avro}
    )


PROTECTED = {
    "type": "record",
    "name": "Protected",
    "fields": [field("key_id", "string"), field("nonce", "bytes"), field("ciphertext", "bytes")],
}
PARTY = {
    "type": "record",
    "name": "Party",
    "fields": [
        field("role", "string"),
        field("party_ref", nullable("string")),
        field("name", PROTECTED),
        field("phone", nullable("Protected")),
    ],
}
SALE: Schema = {
    "type": "record",
    "namespace": "cn.qianbei",
    "name": "Sale",
    "fields": [
        field("event_id", "string"),
        field("event_type", "string"),
        field("entity_id", "string"),
        field("version", "long"),
        field("source", "string"),
        field("occurred_at", _TIME),
        field("county_code", "string"),
        field("baseline", {"type": "boolean", "default": False}),
        field("revision", nullable("long")),
        field("recorded_at", nullable(_TIME)),
        field("decision_id", nullable("string")),
        field("interested", nullable({"type": "array", "items": "string"})),
        field("interested_before", nullable({"type": "array", "items": "string"})),
        field("contract_no", "string"),
        field("price", {"type": "bytes", "logicalType": "decimal", "precision": 16, "scale": 2}),
        field("due", nullable({"type": "int", "logicalType": "date"})),
        field("loan_no", nullable("string")),
        field(
            "steps",
            {"type": "array", "items": {"type": "record", "name": "Step", "fields": [field("at", _TIME)]}},
        ),
        field("parties", {"type": "array", "items": PARTY}),
    ],
}
ENTITLEMENTS = """
departments: [tax]
subjects:
  sale:
    version: 1
    rows: all
    fields: [contract_no, price, loan_no, parties.role, parties.name, parties.phone]
    party_roles: {parties: [BUYER]}
    masks:
      parties.phone: {mask: last4, name: phone_masked}
      loan_no: {mask: last4, name: loan_masked}
---
departments: [bank.a]
subjects:
  sale: {version: 1, rows: interested, fields: [contract_no, due]}
"""
RULES = read_rules(ENTITLEMENTS.split("---"))


def dept_schema(name: str, fields: Iterable[dict[str, Any]]) -> Schema:
    envelope = [("event_id", "string"), ("version", "long"), ("source", "string"), ("occurred_at", _TIME)]
    envelope += [("recorded_at", _TIME), ("county_code", "string"), ("baseline", "boolean")]
    keys = [field("entity_id", "string"), field("revision", "long"), field("event_type", "string")]
    always = [field(n, nullable(t)) for n, t in envelope]
    return {
        "type": "record",
        "namespace": f"cn.qianbei.dept.{name}",
        "name": "Sale",
        "fields": [*keys, *always, *fields],
    }


_TAX_PARTY = {
    "type": "record",
    "name": "TaxParty",
    "fields": [
        field("role", nullable("string")),
        field("name", nullable("string")),
        field("phone_masked", nullable("string")),
    ],
}
TAX_FIELDS = [
    field("contract_no", nullable("string")),
    field("price", nullable({"type": "bytes", "logicalType": "decimal", "precision": 16, "scale": 2})),
    field("loan_masked", nullable("string")),
    field("parties", nullable({"type": "array", "items": _TAX_PARTY})),
]
BANK_FIELDS = [
    field("contract_no", nullable("string")),
    field("due", nullable({"type": "int", "logicalType": "date"})),
]
SCHEMAS: dict[int, Schema] = {
    1: SALE,
    2: dept_schema("Tax", TAX_FIELDS),
    3: dept_schema("BankA", BANK_FIELDS),
    4: dept_schema("Tax", [*TAX_FIELDS, field("interested", nullable("string"))]),
    5: dept_schema("Tax", TAX_FIELDS[:-1]),
}
SCHEMA_OF = {EXCHANGE: 1, TAX: 2, BANK: 3}


def readers() -> Readers:
    return Readers(SCHEMAS.get)


def encode(schema_id: int, record: dict[str, Any]) -> bytes:
    out = BytesIO()
    out.write(b"\x00" + schema_id.to_bytes(4, "big"))
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMAS[schema_id], _force=True), record)
    return out.getvalue()


def clear(text: str) -> dict[str, Any]:
    return {"key_id": "clear", "nonce": b"", "ciphertext": text.encode()}


def sale(entity_id: str = "s1", revision: int = 1, **changes: Any) -> dict[str, Any]:
    """An exchange record; every kind of field has a value."""
    record = {
        "event_id": f"{entity_id}-{revision}",
        "event_type": "FILED",
        "entity_id": entity_id,
        "version": revision,
        "source": "bureau",
        "occurred_at": datetime(2020, 12, 1, 2, 0, 0, 250_000, UTC),
        "county_code": "411402",
        "baseline": False,
        "revision": revision,
        "recorded_at": datetime(2020, 12, 1, 2, 0, 1, tzinfo=UTC),
        "decision_id": f"d-{entity_id}-{revision}",
        "interested": ["bank.a"],
        "interested_before": [],
        "contract_no": "SQ2020" + "0" * 70,
        "price": Decimal("880000.00"),
        "due": date(2021, 6, 30),
        "loan_no": "LN-20200001",
        "steps": [{"at": datetime(2020, 11, 30, tzinfo=UTC)}],
        "parties": [
            {"role": "SELLER", "party_ref": "a" * 64, "name": clear("示例公司"), "phone": None},
            {"role": "BUYER", "party_ref": "b" * 64, "name": clear("张示例"), "phone": clear("13900000001")},
        ],
    }
    return record | changes


def sent(topic: str, offset: int, record: dict[str, Any], schema_id: int | None = None) -> Sent:
    value = encode(schema_id or SCHEMA_OF[topic], record)
    return Sent(offset, record["entity_id"].encode(), str(record["revision"]).encode(), value)


def source(offset: int, record: dict[str, Any], opens: Open = in_clear) -> Source:
    return Sources(readers(), opens=opens).of(EXCHANGE, sent(EXCHANGE, offset, record))


def projected(topic: str, record: dict[str, Any]) -> dict[str, Any]:
    """What the department gets, with logical types, for planting changes into it."""
    rule = next(rule for rule in RULES if topic.startswith(f"dept.{rule.department}."))
    if rule.only_interested and rule.department not in record["interested"]:
        return left_of(rule, record)
    copy = readers().of(encode(1, record)).full(encode(1, record))
    clearing(SALE)(copy)
    return projection(rule)(copy)
