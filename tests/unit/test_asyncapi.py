"""The AsyncAPI document says what the exchange does: rights, schemas, headers."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import fastavro
import pytest
import yaml
from click.testing import CliRunner

from broker.deploy import installation_topics
from broker.errors import ConfigError
from broker.topics import acls
from consumers.testing import MemoryExchange
from qianbei.cli.asyncapi_cmd import asyncapi_command
from qianbei.inspect.asyncapi import Servers, document
from schemas.installation import load_installation
from tests.support.newcomer import ROOT

SHIPPED = load_installation(None)
LOOPBACK = Servers("127.0.0.1:9092", "http://127.0.0.1:8081", 4, encrypted=False)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return document(SHIPPED, SHIPPED.catalogue.members, Servers())


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for one in node.values():
            yield from refs(one)
    elif isinstance(node, list):
        for one in node:
            yield from refs(one)


def at(made: dict[str, Any], ref: str) -> Any:
    found: Any = made
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_every_reference_leads_somewhere(whole: dict[str, Any]) -> None:
    found = set(refs(whole))
    assert len(found) > 100
    for ref in found:
        assert isinstance(at(whole, ref), dict)


@pytest.mark.parametrize("principal", SHIPPED.catalogue.members)
def test_operations_are_the_rights(principal: str) -> None:
    made = document(SHIPPED, [principal], Servers())
    done = {
        (one["action"], at(made, one["channel"]["$ref"])["address"]) for one in made["operations"].values()
    }
    rights = {
        ({"READ": "receive", "WRITE": "send"}[acl.operation], acl.name)
        for acl in acls(installation_topics(SHIPPED))
        if acl.user == principal
        and acl.resource == "TOPIC"
        and acl.operation in ("READ", "WRITE")
        and not acl.name.startswith("dlq.")  # a program's own letters: no interface
        and (acl.name != f"intake.{principal}" or SHIPPED.catalogue.principal(principal).sends)
    }
    assert done == rights


def test_a_record_is_as_the_document_says() -> None:
    exchange = MemoryExchange()
    sale = json.loads((ROOT / "schemas/examples/sale/v1/presale.json").read_text(encoding="utf-8"))
    exchange.put("sale", sale)
    made = document(SHIPPED, ["tax"], LOOPBACK)
    (record,) = (r for n in range(exchange.partitions) for r in exchange.read("dept.tax.sale.v1", n, 0, 10))
    message = made["components"]["messages"]["dept.tax.sale.v1"]
    schema = fastavro.parse_schema(message["payload"]["schema"])
    assert record.value is not None
    found: Any = fastavro.schemaless_reader(BytesIO(record.value[5:]), schema, None)
    assert found["contract_no"] == sale["contract_no"]
    properties = message["headers"]["properties"]
    headers = {name: value.decode() for name, value in record.headers}
    assert set(message["headers"]["required"]) <= set(headers) <= set(properties)
    for name, value in headers.items():
        rule = properties[name]
        assert value == rule.get("const", value)
        assert value in rule.get("enum", [value])
        assert re.search(rule.get("pattern", ""), value)


def test_who_may_leave_is_told_of_left(whole: dict[str, Any]) -> None:
    def types(topic: str) -> list[str]:
        kinds: list[str] = whole["components"]["messages"][topic]["headers"]["properties"]["ce_type"]["enum"]
        return kinds

    assert "cn.qianbei.sale.LEFT" in types("dept.bank.icbc.sale.v1")
    assert "cn.qianbei.sale.LEFT" not in types("dept.tax.sale.v1")


def test_groups_begin_with_the_prefix(whole: dict[str, Any]) -> None:
    rule = whole["operations"]["receive.dept.bank.icbc.sale.v1"]["bindings"]["kafka"]["groupId"]["pattern"]
    assert re.match(rule, "bank.icbc-main")
    assert not re.match(rule, "bank-icbc-main")
    assert not re.match(rule, "bankxicbc-main")


def test_what_is_known_of_the_servers_is_written_in() -> None:
    (server,) = document(SHIPPED, ["tax"], LOOPBACK)["servers"].values()
    assert (server["host"], server["protocol"]) == ("127.0.0.1:9092", "kafka")
    assert "variables" not in server
    (left_open,) = document(SHIPPED, ["tax"], Servers())["servers"].values()
    assert (left_open["host"], left_open["protocol"]) == ("{bootstrap}", "kafka-secure")


def test_both_formats_are_the_same_document() -> None:
    def run(form: str) -> str:
        ran = CliRunner().invoke(asyncapi_command, ["--department", "education", "--format", form])
        assert ran.exit_code == 0, ran.output
        return ran.output

    as_yaml = run("yaml")
    assert yaml.safe_load(as_yaml) == json.loads(run("json"))
    assert "市教育体育局" in as_yaml


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no principal taxes; there are bank\.ccb"):
        document(SHIPPED, ["taxes"], Servers())
