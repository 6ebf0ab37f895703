"""The exchange that the SDK ships for tests: each department gets what its entitlement lets out, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from broker.codec import Decoder, Released
from broker.errors import AccessDenied
from consumers.decoding import SchemaDecoder
from consumers.records import DepartmentRecord
from consumers.testing import MemoryExchange
from schemas.jsonform import JsonFormError

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def sale(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((EXAMPLES / "sale" / "v1" / "existing-home.json").read_text())
    return body | changes


def got(exchange: MemoryExchange, department: str, subject: str = "sale") -> list[DepartmentRecord]:
    decoder = SchemaDecoder(exchange.registry)
    topic = f"dept.{department}.{subject}.v1"
    return [decoder.decode(record) for record in exchange.servers(department).read(topic)]


def test_every_department_sees_its_fields_alone() -> None:
    exchange = MemoryExchange()
    assert exchange.put("sale", sale()) == 1
    (tax,), (police,) = got(exchange, "tax"), got(exchange, "police")
    assert tax.value["total_price"] is not None
    assert "total_price" not in police.value
    assert tax.revision == police.revision == 1
    assert got(exchange, "bank.icbc") == []


def test_a_bank_gets_what_names_it_and_a_left_when_it_does_not() -> None:
    exchange = MemoryExchange()
    exchange.put("sale", sale(), interested=["bank.icbc"])
    exchange.put("sale", sale(version=9), interested=["bank.ccb"])
    assert [one.event_type for one in got(exchange, "bank.icbc")] == [sale()["event_type"], "LEFT"]
    assert [one.revision for one in got(exchange, "bank.ccb")] == [2]


def test_what_does_not_fit_the_schema_is_refused_with_its_field() -> None:
    with pytest.raises(JsonFormError, match="total_price"):
        MemoryExchange().put("sale", sale(total_price="much"))


def test_a_department_sees_no_other_s_topics() -> None:
    exchange = MemoryExchange()
    for topic in ("dept.tax.sale.v1", "dlq.tax", "dept.police.nothing.v1"):
        with pytest.raises(AccessDenied):
            list(exchange.servers("police").read(topic))


def test_the_wire_is_confluent_s() -> None:
    exchange = MemoryExchange()
    exchange.put("sale", sale())
    (record,) = exchange.servers("tax").read("dept.tax.sale.v1")
    assert record.value is not None
    assert record.value[0] == 0
    number = int.from_bytes(record.value[1:5], "big")
    schema = exchange.registry.schema(number)
    assert schema is not None
    assert Decoder({number: Released("sale", 1, number, schema)}, max_bytes=1 << 20).decode(record.value)
    assert record.header("qb_revision") == b"1"
