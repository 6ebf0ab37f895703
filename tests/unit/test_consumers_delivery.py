"""Handing over records: order, retries by the clock, stopping, and what may be committed afterwards."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from broker.codec import wire_header
from broker.errors import ConfigError
from broker.kafka import Record, TopicPartition
from broker.registry import Registry
from broker.settings import load_settings
from consumers.delivery import HandlerFailed, Progress, Retries, UndecodableRecord, deliver
from consumers.records import DepartmentRecord, Newest
from consumers.subscription import SchemaDecoder, Subscription
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


def run(handler: Handler, offsets: list[int], time: Time, retries: Retries | None = None) -> Progress:
    progress = Progress()
    deliver([record(o) for o in offsets], handler, progress, time, retries or Retries(), time.clock)
    return progress


def test_records_are_handled_in_order_and_the_next_offset_may_be_committed() -> None:
    handler = Handler()
    progress = run(handler, [4, 5, 9], Time())
    assert handler.seen == [4, 5, 9]
    assert progress.offsets == {TopicPartition(TOPIC, 0): 10}
    assert progress.handled == 3


def test_a_passing_failure_is_tried_again_with_doubling_pauses() -> None:
    handler, time = Handler(bad=5, times=3), Time()
    run(handler, [4, 5, 6], time)
    assert handler.seen == [4, 5, 6]
    assert time.waits == [0.2, 0.4, 0.8]


def test_a_lasting_failure_stops_and_nothing_from_it_on_is_handled() -> None:
    handler, time, progress = Handler(bad=5, times=99), Time(), Progress()
    with pytest.raises(
        HandlerFailed, match=r"dept\.police\.sale\.v1/0 at offset 5: .* 5 times.*RuntimeError"
    ) as caught:
        deliver([record(o) for o in (4, 5, 6)], handler, progress, time, Retries(), time.clock)
    assert progress.offsets == {TopicPartition(TOPIC, 0): 5}
    assert handler.seen == [4]
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "4114" not in str(caught.value)


def test_retries_end_with_their_time() -> None:
    handler, time = Handler(bad=4, times=99), Time()
    with pytest.raises(HandlerFailed, match="failed 3 times"):
        run(handler, [4], time, Retries(attempts=50, pause_s=1.0, within_s=6.0))
    assert time.waits == [1.0, 2.0]


def test_stop_ends_between_two_records() -> None:
    time = Time(stop_after=0)
    assert run(Handler(), [4], time).offsets == {}


def test_stop_ends_a_pause_and_the_record_is_met_again() -> None:
    handler = Handler(bad=5, times=99)
    progress = run(handler, [4, 5, 6], Time(stop_after=1))
    assert progress.offsets == {TopicPartition(TOPIC, 0): 5}


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
