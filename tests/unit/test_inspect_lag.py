"""``lag``: what is counted, and what is read from a service's metrics."""

from pathlib import Path

import pytest

from broker.kafka import Record, TopicPartition
from broker.metrics import ServiceMetrics, served
from qianbei.cli.lag_cmd import lag_table
from qianbei.inspect.lag import Lag, ServiceLag, _Count, _count
from qianbei.inspect.metrics import Instance, instances, metrics_ports, parse, scrape, service_of

SALE = TopicPartition("exchange.sale", 0)
UNIT = TopicPartition("exchange.unit", 1)


class FewRecords:
    """A reader of records that are given; offsets in between are transaction markers."""

    def __init__(self, *records: tuple[TopicPartition, int, int]) -> None:
        self._records = [
            Record(p.topic, p.partition, offset, at, b"k", b"v", ()) for p, offset, at in records
        ]
        self._positions: dict[TopicPartition, int] = {}

    def assign(self, partitions: object) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    def poll(self, _timeout_s: float) -> list[Record]:
        found = [
            r
            for r in self._records
            if r.offset >= self._positions.get(TopicPartition(r.topic, r.partition), 1 << 62)
        ]
        for partition in self._positions:
            self._positions[partition] = 100
        return found

    def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]


def lag_of(reader: FewRecords, late: dict[str, dict[TopicPartition, int]]) -> dict[str, ServiceLag]:
    counts = {name: _Count(offsets) for name, offsets in late.items()}
    ends = {SALE: 100, UNIT: 100}
    return {n: c.lag(n, 20.0) for n, c in _count(reader, counts, ends).items()}  # type: ignore[arg-type]


def test_records_are_counted_and_markers_are_not() -> None:
    reader = FewRecords((SALE, 7, 9_000), (SALE, 9, 10_000), (UNIT, 3, 12_000))
    found = lag_of(reader, {"routing": {SALE: 8}, "compaction": {SALE: 6, UNIT: 0}, "admission": {}})
    assert (found["routing"].behind, found["routing"].oldest_s) == (1, 10.0)
    assert (found["compaction"].behind, found["compaction"].oldest_s) == (3, 11.0)
    assert (found["admission"].behind, found["admission"].oldest_s) == (0, None)
    assert all(one.exact for one in found.values())


def test_only_a_marker_behind_is_nothing_behind() -> None:
    found = lag_of(FewRecords(), {"routing": {SALE: 99}})
    assert (found["routing"].behind, found["routing"].oldest_s) == (0, None)


def test_what_was_not_read_is_estimated_and_said_so() -> None:
    count = _Count({SALE: 10})
    count.add(SALE, 10, 9_000)
    count.leave(SALE, 11, 50)
    count.leave(UNIT, 0, 50)
    found = count.lag("routing", 10.0)
    assert (found.behind, found.exact, found.oldest_s) == (40, False, 1.0)


TEXT = """
# TYPE qianbei_records_total counter
qianbei_records_total{service="routing",outcome="read"} 120.0
qianbei_records_total{service="routing",outcome="sent"} 900.0
# TYPE qianbei_last_error_timestamp_seconds gauge
qianbei_last_error_timestamp_seconds{service="routing",kind="Unavailable"} 100.0
qianbei_last_error_timestamp_seconds{service="routing",kind="OwnershipLost"} 200.0
"""


def test_metrics_are_read() -> None:
    found = parse(TEXT, 1.0)
    assert found.handled == 120
    assert found.last_error == ("OwnershipLost", 200.0)
    assert parse("", 1.0).last_error is None


def test_a_process_is_asked_twice_for_its_rate(tmp_path: Path) -> None:
    metrics = ServiceMetrics("admission")
    with served(metrics, 0) as port:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "admission-0.metrics").write_text(f"{port}\n")
        (tmp_path / "run" / "routing-0.metrics").write_text("1\n")
        (tmp_path / "run" / "kafka.metrics").write_text("2\n")
        assert metrics_ports(tmp_path) == {"admission-0": port, "routing-0": 1}
        with instances(tmp_path, 0.05) as asked:
            metrics.handled("ACCEPTED", 7)
            metrics.failed("Unavailable", 5.0)
        found = asked()
    (admission,) = found["admission"]
    assert admission.handled == 7
    assert admission.rate is not None
    assert admission.rate > 0
    assert admission.last_error == ("Unavailable", 5.0)
    (routing,) = found["routing"]
    assert (routing.rate, routing.handled) == (None, None), "it does not answer"
    assert scrape(1) is None


def test_no_home_asks_nobody() -> None:
    with instances(None, 5.0) as asked:
        pass
    assert asked() == {}


@pytest.mark.parametrize(
    ("name", "service"),
    [("admission-0", "admission"), ("kafka", None), ("routing-a", "routing"), ("x-0", None)],
)
def test_names_of_processes(name: str, service: str | None) -> None:
    assert service_of(name) == service


def test_the_total_and_the_table() -> None:
    busy = Instance("routing-0", 1, 12.5, 100, ("Unavailable", 100.0))
    idle = Instance("routing-1", 2, None, None, None)
    found = Lag((ServiceLag("admission", 0, True, None), ServiceLag("routing", 5, False, 1.25, (busy, idle))))
    assert found.behind == 5
    assert found.services[1].rate == 12.5
    assert found.as_dict()["services"][1]["last_error"] == {"kind": "Unavailable", "at": 100.0}
    assert found.as_dict()["services"][0]["rate_per_second"] is None
    assert lag_table(found).row_count == 2
