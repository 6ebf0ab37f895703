"""Handing over a record: retries by the clock, stopping, whose fault an error is; and decoding."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import psycopg
import pytest

from broker.codec import wire_header
from broker.errors import AccessDenied, ConfigError, OwnershipLost, Unavailable
from broker.kafka import Record
from broker.registry import Registry
from broker.settings import load_settings
from consumers.decoding import SchemaDecoder
from consumers.delivery import (
    BatchLost,
    HandlerFailed,
    Retries,
    Retryable,
    UndecodableRecord,
    attempt,
    error_type,
)
from consumers.records import DepartmentRecord, Newest
from consumers.subscription import Subscription
from schemas.entitlements import grants, load_entitlements
from tests.unit.test_routing_records import avro_bytes, schema_of

TOPIC = "dept.police.sale.v1"


def record(offset: int, revision: int = 1, entity: str = "e", event_type: str = "FILED") -> DepartmentRecord:
    return DepartmentRecord(TOPIC, 0, offset, entity, revision, event_type, {}, event_type == "LEFT")


@dataclass
class Time:
    """A clock that waiting moves, and a flag that stops after some waits: what ``threading.Event`` is to the loop."""

    now: float = 0.0
    stop_after: int | None = None
    waits: list[float] = field(default_factory=list)

    def is_set(self) -> bool:
        return self.stop_after is not None and len(self.waits) >= self.stop_after

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        self.now += timeout
        return self.is_set()

    def clock(self) -> float:
        return self.now


class Handler:
    """Fails on an offset a number of times."""

    def __init__(self, bad: int | None = None, times: int = 0) -> None:
        self.bad, self.times = bad, times
        self.seen: list[int] = []

    def __call__(self, one: DepartmentRecord) -> None:
        if one.offset == self.bad and self.times:
            self.times -= 1
            raise RuntimeError("a value that must not be printed: 411499199003070015")
        self.seen.append(one.offset)


def run(handler: Handler, offset: int, time: Time, retries: Retries | None = None) -> bool:
    one = record(offset)
    return attempt(lambda: handler(one), one.place, time, retries or Retries(), time.clock)


def test_a_passing_failure_is_tried_again_with_doubling_pauses() -> None:
    handler, time = Handler(bad=5, times=3), Time()
    assert run(handler, 5, time)
    assert handler.seen == [5]
    assert time.waits == [0.2, 0.4, 0.8]


def test_a_lasting_failure_names_the_place_and_no_value() -> None:
    with pytest.raises(
        HandlerFailed, match=r"dept\.police\.sale\.v1/0 at offset 5: .* 5 times.*RuntimeError"
    ) as caught:
        run(Handler(bad=5, times=99), 5, Time())
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert error_type(caught.value) == "RuntimeError"
    assert "4114" not in str(caught.value)


def test_retries_end_with_their_time() -> None:
    time = Time()
    with pytest.raises(HandlerFailed, match="failed 3 times"):
        run(Handler(bad=4, times=99), 4, time, Retries(attempts=50, pause_s=1.0, within_s=6.0))
    assert time.waits == [1.0, 2.0]


def test_stop_ends_a_pause_and_the_record_is_met_again() -> None:
    handler = Handler(bad=5, times=99)
    assert not run(handler, 5, Time(stop_after=1))
    assert handler.seen == []


@pytest.mark.parametrize(
    "error", [Retryable("away"), ConnectionRefusedError(), psycopg.OperationalError(), httpx.ReadTimeout("")]
)
def test_surroundings_that_are_away_are_not_the_record_s_fault(error: Exception) -> None:
    def handler() -> None:
        raise RuntimeError("wrapped") from error

    with pytest.raises(Unavailable, match="the record waits"):
        attempt(handler, "here", (time := Time()), Retries(attempts=2), time.clock)
    assert len(time.waits) > 2


@pytest.mark.parametrize("error", [BatchLost("gone"), AccessDenied("no"), OwnershipLost("other")])
def test_what_trying_again_cannot_mend_passes_through(error: Exception) -> None:
    def handler() -> None:
        raise error

    with pytest.raises(type(error)):
        attempt(handler, "here", (time := Time()), Retries(), time.clock)
    assert time.waits == []


def test_newest_keeps_what_is_newer_and_does_not_forget_that_an_entity_is_gone() -> None:
    states: Newest[str] = Newest()
    assert states.put(record(1, revision=2), "b")
    assert not states.put(record(2, revision=1), "a")
    assert not states.put(record(3, revision=2), "again")
    assert states.get("e") == "b"
    assert states.put(record(4, revision=3), None)
    assert not states.put(record(5, revision=2), "b")
    assert (states.get("e"), len(states), list(states)) == (None, 0, [])


def test_a_subscription_needs_topics() -> None:
    settings = load_settings(kafka_bootstrap="127.0.0.1:1", SCHEMA_REGISTRY_URL="http://127.0.0.1:1")
    with pytest.raises(ConfigError):
        Subscription(settings, "police-x", [])


# --- decoding by the registry's ids ---------------------------------------------------------------------------

(GRANT,) = [grant for grant in grants(load_entitlements()) if grant.topic == TOPIC]
SCHEMA = GRANT.schema(schema_of("sale"))


@contextmanager
def registry() -> Iterator[tuple[Registry, list[str]]]:
    """A registry that knows id 5 alone, and the requests that it got."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            known = self.path == "/schemas/ids/5"
            body = json.dumps({"schema": json.dumps(SCHEMA)} if known else {"error_code": 40403}).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with Registry(f"http://127.0.0.1:{server.server_port}") as client:
                yield client, asked
        finally:
            server.shutdown()
            thread.join()


def on_topic(value: bytes | None) -> Record:
    return Record(TOPIC, 1, 8, 0, b"e", value, ())


def test_a_record_is_decoded_and_its_schema_fetched_once() -> None:
    body = {"entity_id": "e", "revision": 3, "event_type": "FILED", "address": "商丘"}
    value = wire_header(5) + avro_bytes(SCHEMA, body)
    with registry() as (client, asked):
        decoder = SchemaDecoder(client)
        first, second = decoder.decode(on_topic(value)), decoder.decode(on_topic(value))
    assert first == second
    assert (first.entity_id, first.revision, first.event_type, first.left) == ("e", 3, "FILED", False)
    assert (first.value["address"], first.subject, first.place) == ("商丘", "sale", f"{TOPIC}/1 at offset 8")
    assert asked == ["/schemas/ids/5"]


def test_a_left_record_is_known_as_such() -> None:
    value = wire_header(5) + avro_bytes(SCHEMA, {"entity_id": "e", "revision": 3, "event_type": "LEFT"})
    with registry() as (client, _):
        assert SchemaDecoder(client).decode(on_topic(value)).left


@pytest.mark.parametrize(
    "value", [None, b"", b"\x01", b"junk....", wire_header(6) + b"x", wire_header(5) + b"\xff\xff"]
)
def test_what_cannot_be_decoded_names_its_place(value: bytes | None) -> None:
    with (
        registry() as (client, _),
        pytest.raises(UndecodableRecord, match=r"dept\.police\.sale\.v1/1 at offset 8"),
    ):
        SchemaDecoder(client).decode(on_topic(value))
