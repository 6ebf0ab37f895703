"""The simulator's Avro encoder against fastavro, byte for byte."""

from io import BytesIO

import fastavro
import pytest

from producers.simulator.dirt import CLEAN
from producers.simulator.stream import form_of, plan
from producers.simulator.wire import State, encode_long
from schemas.files import latest_version, parsed


def by_fastavro(subject: str, record: dict[str, object]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, parsed(subject, latest_version(subject)), record)
    return out.getvalue()


def test_every_record_of_a_plan_is_encoded_as_fastavro_does() -> None:
    seen = set()
    for planned in plan(11, 1500, CLEAN):
        assert planned.record is not None
        assert planned.body == by_fastavro(planned.subject, planned.record), planned.subject
        seen.add(planned.subject)
    assert len(seen) == 12


@pytest.mark.parametrize(
    "value", [0, 1, -1, 63, 64, -64, -65, 127, 128, 2**31, -(2**31), 2**63 - 1, -(2**63)]
)
def test_longs(value: int) -> None:
    out = BytesIO()
    fastavro.schemaless_writer(out, "long", value)
    assert encode_long(value) == out.getvalue()


def test_a_change_is_as_if_encoded_anew_and_a_variant_leaves_no_trace() -> None:
    planned = next(p for p in plan(5, 500, CLEAN) if p.subject == "sale")
    assert planned.record is not None
    state = State(form_of("sale"), planned.record)
    before = state.body
    record, body = state.variant({"version": 9, "filing_no": "备1"})
    assert body == by_fastavro("sale", record)
    assert record["version"] == 9
    assert state.body == before
    state.change({"version": 9, "filing_no": "备1"})
    assert state.body == body
