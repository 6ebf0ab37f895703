"""Routing without Kafka: projection, entering and leaving, masks, cutting, and what a batch becomes."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import fastavro
import pytest

from broker.codec import Released, wire_header
from broker.errors import ConfigError, DecodeError
from broker.kafka import Record, TopicPartition, next_offsets
from broker.routing.cut import Cutter
from broker.routing.masks import id_number, last4, surname
from broker.routing.plan import Plan, Route, make_route
from broker.routing.project import compile_projection
from broker.routing.scan import zigzag
from schemas.derive import Schema
from schemas.entitlements import Grant, grants, load_entitlements
from schemas.files import latest_version, parsed
from tests.unit.test_derive import grant_of
from tests.unit.test_routing_records import avro_bytes, exchange_bytes, filled, schema_of

GRANTS = {grant.topic: grant for grant in grants(load_entitlements())}
BANK = GRANTS["dept.bank.icbc.sale.v1"]
OUTPUT_ID = 77


def project(grant: Grant, record: dict[str, Any]) -> dict[str, Any] | None:
    return compile_projection(schema_of(grant.subject), grant)(record)


def party(role: str, name: str, phone: str | None = None) -> dict[str, Any]:
    def sealed(text: str | None) -> dict[str, Any] | None:
        return None if text is None else {"key_id": "clear", "nonce": b"", "ciphertext": text.encode()}

    one: dict[str, Any] = filled("sale")["parties"][0]
    return one | {"role": role, "name": sealed(name), "phone": sealed(phone)}


# --- projection -----------------------------------------------------------------------------------------------


def test_entering_sends_the_whole_state() -> None:
    sent = project(BANK, filled("sale", event_type="INTEREST_CHANGED", interested=["bank.icbc"]))
    assert sent is not None
    assert sent["event_type"] == "INTEREST_CHANGED"
    assert sent["contract_no"] is not None


def test_staying_sends_the_whole_state() -> None:
    record = filled("sale", interested=["fund", "bank.icbc"], interested_before=["bank.icbc"])
    sent = project(BANK, record)
    assert sent is not None
    assert sent["revision"] == 7


def test_leaving_sends_key_and_revision_and_nothing_else() -> None:
    record = filled("sale", interested=["bank.ccb"], interested_before=["bank.icbc"])
    sent = project(BANK, record)
    assert sent is not None
    assert {k: v for k, v in sent.items() if v is not None} == {
        "entity_id": record["entity_id"],
        "revision": 7,
        "event_type": "LEFT",
    }


@pytest.mark.parametrize("nobody", [[], None])
def test_those_who_never_were_interested_get_nothing(nobody: list[str] | None) -> None:
    assert project(BANK, filled("sale", interested=nobody, interested_before=nobody)) is None
    assert (
        project(BANK, filled("sale", interested=["bank.icb", "bank.icbc2"], interested_before=nobody)) is None
    )


def test_rows_all_does_not_ask_who_is_interested() -> None:
    assert project(GRANTS["dept.tax.sale.v1"], filled("sale")) is not None


def test_only_the_granted_roles_and_in_order() -> None:
    parties = [party("BUYER", "甲"), party("SELLER", "乙"), party("BUYER", "丙"), party("AGENT", "丁")]
    sent = project(BANK, filled("sale", interested=["bank.icbc"], parties=parties))
    assert sent is not None
    assert [one["name"] for one in sent["parties"]] == ["甲", "丙"]


def test_a_list_without_a_granted_role_is_empty() -> None:
    sent = project(BANK, filled("sale", interested=["bank.icbc"], parties=[party("SELLER", "乙")]))
    assert sent is not None
    assert sent["parties"] == []


def test_masks_have_a_name_of_their_own_and_pass_null_on() -> None:
    parties = [party("BUYER", "甲", "13900001234"), party("BUYER", "乙", None)]
    sent = project(BANK, filled("sale", interested=["bank.icbc"], parties=parties))
    assert sent is not None
    assert [one["phone_masked"] for one in sent["parties"]] == ["*******1234", None]
    assert all("phone" not in one for one in sent["parties"])


def test_projection_does_not_change_the_record() -> None:
    record = filled("sale", interested=["bank.icbc"])
    before = exchange_bytes("sale", record)
    project(BANK, record)
    assert exchange_bytes("sale", record) == before


@pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS)
def test_a_projection_has_exactly_the_fields_of_its_schema(grant: Grant) -> None:
    sent = project(grant, filled(grant.subject, interested=[grant.department]))
    assert sent is not None
    assert list(sent) == [field["name"] for field in grant.schema(schema_of(grant.subject))["fields"]]


# --- masks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "value", "blurred"),
    [
        (last4, "13900001234", "*******1234"),
        (last4, "1234567", "*******"),
        (last4, "", "*******"),
        (surname, "张三丰", "张**"),
        (surname, "张", "*"),
        (surname, "", ""),
        (id_number, "411499199003070015", "411499********0015"),
        (id_number, "411499900307001", "411499********7001"),
        (id_number, "E12345678", "*******5678"),
        (id_number, "E123", "*******"),
    ],
)
def test_masks(mask: Any, value: str, blurred: str) -> None:
    assert mask(value) == blurred


# --- cutting --------------------------------------------------------------------------------------------------


def parsed_form(schema: Schema) -> Schema:
    found = fastavro.parse_schema(schema)
    assert isinstance(found, dict)
    return found


def cutter(*granted: Grant, writer: Schema | None = None) -> Cutter:
    newest = schema_of(granted[0].subject)
    read = parsed_form(writer) if writer else parsed(granted[0].subject, latest_version(granted[0].subject))
    return Cutter(newest, read, granted, [b""] * len(granted))


@pytest.mark.parametrize("subject", sorted({grant.subject for grant in GRANTS.values()}))
@pytest.mark.parametrize("gone", [False, True])
def test_cutting_is_projecting_and_encoding(subject: str, gone: bool) -> None:
    granted = [grant for grant in GRANTS.values() if grant.subject == subject]
    everyone = [grant.department for grant in granted]
    record = filled(subject, interested=[] if gone else everyone, interested_before=everyone)
    wanted = {}
    for at, grant in enumerate(granted):
        sent = project(grant, record)
        assert sent is not None
        wanted[at] = (avro_bytes(grant.schema(schema_of(subject)), sent), sent["event_type"] == "LEFT")
    cuts = cutter(*granted).cut(exchange_bytes(subject, record), 0)
    assert {cut.output: (cut.value, cut.left) for cut in cuts} == wanted


def test_a_record_of_an_older_version_has_the_new_fields_default() -> None:
    newest = schema_of("sale")
    older = {
        **newest,
        "fields": [f for f in newest["fields"] if f["name"] not in ("total_price", "parties", "baseline")],
    }
    grant = grant_of("contract_no", "parties.name", "total_price", "address")
    record = filled("sale", parties=[], total_price=None, baseline=False)
    raw = avro_bytes(older, record)
    grown = {**newest, "fields": [_with_default(f) for f in newest["fields"]]}
    cut = Cutter(grown, parsed_form(older), [grant], [b""]).cut(raw, 0)[0]
    read = fastavro.schemaless_reader(BytesIO(cut.value), fastavro.parse_schema(grant.schema(newest)), None)
    assert isinstance(read, dict)
    assert (read["total_price"], read["parties"], read["baseline"]) == (None, [], False)
    assert read["address"] == record["address"]


def _with_default(field: Schema) -> Schema:
    added: dict[str, Any] = {"total_price": None, "parties": [], "baseline": False}
    return {**field, "default": added[field["name"]]} if field["name"] in added else field


@pytest.mark.parametrize("length", range(0, 400, 13))
def test_bytes_that_end_too_early_are_an_error(length: int) -> None:
    raw = exchange_bytes("sale", filled("sale"))
    with pytest.raises(DecodeError):
        cutter(GRANTS["dept.tax.sale.v1"]).cut(raw[:length], 0)


def test_bytes_that_go_on_are_an_error() -> None:
    raw = exchange_bytes("sale", filled("sale"))
    with pytest.raises(DecodeError, match="ends at"):
        cutter(GRANTS["dept.tax.sale.v1"]).cut(raw + b"\x00", 0)


def test_a_union_index_out_of_range_is_an_error() -> None:
    record = filled("sale", group_id=None)
    raw = bytearray(exchange_bytes("sale", record))
    other = exchange_bytes("sale", record | {"group_id": "x"})
    at = next(i for i, (a, b) in enumerate(zip(raw, other, strict=False)) if a != b)
    raw[at] = 4
    with pytest.raises(DecodeError):
        cutter(GRANTS["dept.tax.sale.v1"]).cut(bytes(raw), 0)


def test_a_record_without_a_revision_is_an_error() -> None:
    raw = exchange_bytes("sale", filled("sale", revision=None))
    with pytest.raises(DecodeError, match="without a revision"):
        cutter(GRANTS["dept.tax.sale.v1"]).cut(raw, 0)


def test_lists_in_several_blocks_are_read() -> None:
    schema: Schema = {
        "type": "record",
        "name": "cn.qianbei.Sale",
        "fields": [
            {"name": "entity_id", "type": "string"},
            {"name": "event_type", "type": "string"},
            {"name": "revision", "type": ["null", "long"]},
            {"name": "interested", "type": ["null", {"type": "array", "items": "string"}]},
            {"name": "interested_before", "type": ["null", {"type": "array", "items": "string"}]},
            {"name": "contract_no", "type": "string"},
        ],
    }
    # Two blocks, the second with its size, as another Avro writer may make them.
    raw = b"\x02e\x02F\x02\x0e\x02\x02\x02x\x01\x14\x12bank.icbc\x00\x00\x02c"
    grant = Grant(
        "bank.icbc", "sale", BANK.terms.model_copy(update={"fields": ("contract_no",), "masks": {}})
    )
    cuts = Cutter(schema, parsed_form(schema), [grant], [b""]).cut(raw, 0)
    assert [cut.value for cut in cuts] == [b"\x02e\x0e\x02F\x02\x02c"]


def test_a_schema_that_routing_does_not_know_is_refused_at_the_start() -> None:
    newest = schema_of("sale")
    turned = {**newest, "fields": [*newest["fields"], {"name": "odd", "type": ["string", "null"]}]}
    with pytest.raises(ConfigError, match="must begin with null"):
        cutter(GRANTS["dept.tax.sale.v1"], writer=turned)


@pytest.mark.parametrize("value", [0, 1, 63, 64, 8191, 8192, 10**9])
def test_zigzag(value: int) -> None:
    out = BytesIO()
    fastavro.schemaless_writer(out, "long", value)
    assert zigzag(value) == out.getvalue()


# --- the plan -------------------------------------------------------------------------------------------------

HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"id"),
    ("ce_source", b"qianbei:bureau"),
    ("ce_type", b"cn.qianbei.sale.FILED"),
    ("ce_time", b"2020-01-01T00:00:00Z"),
    ("ce_subject", b"e"),
    ("content-type", b"application/avro"),
    ("qb_revision", b"7"),
    ("x_internal", b"stays"),
)


def route() -> Route:
    outputs = [(BANK, OUTPUT_ID), (GRANTS["dept.police.sale.v1"], OUTPUT_ID + 1)]
    return make_route(schema_of("sale"), [Released("sale", 1, 5, parsed("sale", 1))], outputs)


def on_exchange(record: dict[str, Any], schema_id: int = 5, offset: int = 3) -> Record:
    value = wire_header(schema_id) + exchange_bytes("sale", record)
    return Record("exchange.sale", 2, offset, 0, b"key", value, HEADERS)


def test_a_message_keeps_key_partition_and_headers_and_has_its_own_schema() -> None:
    bank, police = sorted(route().messages(on_exchange(filled("sale", interested=["bank.icbc"]))))
    assert (bank.topic, police.topic) == ("dept.bank.icbc.sale.v1", "dept.police.sale.v1")
    assert (bank.partition, bank.key) == (2, b"key")
    assert bank.value is not None
    assert bank.value[:5] == wire_header(OUTPUT_ID)
    assert dict(bank.headers) == {name: value for name, value in HEADERS if name != "x_internal"}


def test_a_left_message_says_neither_when_nor_by_whom() -> None:
    gone = filled("sale", interested_before=["bank.icbc"], occurred_at=datetime(2020, 1, 1, tzinfo=UTC))
    (left,) = [m for m in route().messages(on_exchange(gone)) if m.topic.startswith("dept.bank")]
    headers = dict(left.headers)
    assert headers["ce_type"] == b"cn.qianbei.sale.LEFT"
    assert headers["ce_source"] == b"qianbei:internal"
    assert "ce_time" not in headers
    assert headers["qb_revision"] == b"7"


def test_those_not_interested_get_no_message() -> None:
    assert [m.topic for m in route().messages(on_exchange(filled("sale")))] == ["dept.police.sale.v1"]


def test_an_unknown_schema_on_the_exchange_stops_with_its_place() -> None:
    with pytest.raises(DecodeError, match=r"exchange\.sale/2 at offset 3: schema id 6"):
        route().messages(on_exchange(filled("sale"), schema_id=6))


@pytest.mark.parametrize("value", [None, b"", b"\x01\x00\x00\x00\x05", b"\x00\x00\x00\x00\x05xx"])
def test_broken_values_on_the_exchange_stop_with_their_place(value: bytes | None) -> None:
    broken = on_exchange(filled("sale"))._replace(value=value)
    with pytest.raises(DecodeError, match=r"exchange\.sale/2 at offset 3"):
        route().messages(broken)


def test_a_value_under_a_key_that_routing_lacks_stops_with_its_place() -> None:
    sealed = {"key_id": "k1", "nonce": b"n", "ciphertext": b"c"}
    record = filled("sale", parties=[party("BUYER", "甲") | {"name": sealed}])
    with pytest.raises(ConfigError, match=r"exchange\.sale/2 at offset 3: .*key"):
        route().messages(on_exchange(record))


def test_a_batch_keeps_its_order() -> None:
    plan = Plan({"exchange.sale": route()})
    batch = [on_exchange(filled("sale", revision=n), offset=n) for n in (1, 2, 3)]
    sent = plan.messages(batch)
    assert plan.topics == ("exchange.sale",)
    revisions = [_read(message.value) for message in sent]
    assert revisions == [1, 2, 3]


def _read(value: bytes | None) -> int:
    assert value is not None
    schema = fastavro.parse_schema(GRANTS["dept.police.sale.v1"].schema(schema_of("sale")))
    read = fastavro.schemaless_reader(BytesIO(value[5:]), schema, None)
    assert isinstance(read, dict)
    return int(read["revision"])


def test_next_offsets_are_after_the_last_of_each_partition() -> None:
    records = [Record("t", p, o, 0, None, None, ()) for p, o in ((0, 4), (1, 9), (0, 5))]
    assert next_offsets(records) == {TopicPartition("t", 0): 6, TopicPartition("t", 1): 10}
