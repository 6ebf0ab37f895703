"""The way out in files without a server: what is carried to a department ends in its files, once and in order."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.batches import BadBatch, Folder, Inbox, Look, Manifest, Offsets, Outbox
from broker.errors import ConfigError
from broker.kafka import Record, TopicPartition
from consumers.files.carried import carried, file_name
from consumers.files.lines import line_of, record_of
from consumers.files.sending import channel_to
from consumers.files.taking import Decoded, Taker, portions
from consumers.outputs.daily import daily
from consumers.outputs.forms import JSON_LINES
from tests.support.folding import wire
from tests.support.subscribing import SCHEMA

TOPIC = "dept.toys.toy.v1"
TOYS = channel_to("toys")
NEWER = SCHEMA | {
    "fields": [*SCHEMA["fields"], {"name": "more", "type": ["null", "string"], "default": None}]
}


def record(offset: int, partition: int = 0, *, schema: dict[str, Any] = SCHEMA, schema_id: int = 7) -> Record:
    body = {"entity_id": "a", "revision": offset + 1, "event_type": "FILED", "note": f"{partition}.{offset}"}
    value = wire(body | ({"more": "m"} if schema is NEWER else {}), schema, schema_id)
    headers = (("qb_revision", str(offset + 1).encode()),)
    return Record(TOPIC, partition, offset, 1_795_510_200_000, b"a", value, headers)


class Ends:
    """The exchange's folder, the department's, its files, and a carrier."""

    def __init__(self, root: Path) -> None:
        self.sender, self.reader, self.files = Folder(root / "out"), Folder(root / "in"), root / "files"
        self.schemas: dict[int, dict[str, Any]] = {7: SCHEMA}
        self.at: dict[int, int] = {0: 0, 1: 0}
        self.reader.inbox.mkdir(parents=True)

    def send(self, records: Sequence[Record]) -> Manifest:
        """A batch of these records; its offsets go on where the last one ended."""
        with Outbox(self.sender, TOYS) as outbox:
            writer = outbox.begin()
            for one in records:
                writer.add(f"{TOPIC}.jsonl", line_of(one), TOPIC)
            for schema_id, schema in self.schemas.items():
                writer.schema(file_name(TOPIC, schema_id), json.dumps(schema).encode(), TOPIC)
            ends = self.at | {
                p: max(o.offset for o in records if o.partition == p) + 1
                for p in {o.partition for o in records}
            }
            offsets = tuple(
                Offsets(topic=TOPIC, partition=p, first=self.at[p], next=ends[p]) for p in self.at
            )
            self.at = ends
            return outbox.publish(writer, offsets)

    def carry(self, *numbers: int) -> None:
        for number in numbers:
            name = TOYS.batch(number)
            shutil.copytree(self.sender.outbox / name, self.reader.inbox / name, dirs_exist_ok=True)

    def came(self, number: int) -> Path:
        return self.reader.inbox / TOYS.batch(number)

    @contextmanager
    def taker(self, **options: Any) -> Iterator[Taker]:
        with (
            Inbox(self.reader, TOYS, settle_s=0, **options) as inbox,
            daily(self.files, JSON_LINES)() as target,
        ):
            yield Taker(inbox, Decoded(target))

    def take(self, **options: Any) -> Look:
        """Take all that can be taken; gives what all looks said."""
        total = Look()
        with self.taker(**options) as taker:
            while True:
                received = taker.receive()
                total.rejected += received.look.rejected
                total.repeated += received.look.repeated
                total.waiting = received.look.waiting
                if not received.look.moved:
                    return total

    def notes(self) -> list[str]:
        """What the department has."""
        lines = [line for path in self.files.glob(f"{TOPIC}.*") for line in path.read_text().splitlines()]
        return [json.loads(line)["record"]["note"] for line in lines]

    def receipt(self, number: int) -> dict[str, Any]:
        path = self.reader.receipts / TOYS.receipt(number)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


ALL = ["0.0", "0.1", "1.0", "0.2", "1.1", "1.2"]


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    """Three batches sent, none carried."""
    made = Ends(tmp_path)
    made.send([record(0), record(1), record(0, 1)])
    made.send([record(2), record(1, 1)])
    made.send([record(2, 1)])
    return made


def tear_data(batch: Path) -> None:
    path = batch / f"{TOPIC}.jsonl"
    path.write_bytes(path.read_bytes()[:-9])


def tear_manifest(batch: Path) -> None:
    path = batch / "manifest.json"
    path.write_bytes(path.read_bytes()[:-40])


def change(batch: Path) -> None:
    path = batch / f"{TOPIC}.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"partition": 0', b'"partition": 1'))


def lose(batch: Path) -> None:
    (batch / file_name(TOPIC, 7)).unlink()


@pytest.mark.parametrize(
    ("damage", "code", "says"),
    [
        (tear_data, "WRONG_SIZE", "bytes, the manifest says"),
        (tear_manifest, "TORN_MANIFEST", "no whole JSON text"),
        (change, "WRONG_DIGEST", "it was changed"),
        (lose, "MISSING_FILE", "in the manifest and not in the folder"),
    ],
)
def test_a_damaged_batch_is_named_and_its_mended_copy_is_applied(
    ends: Ends, damage: Any, code: str, says: str
) -> None:
    ends.carry(1, 2, 3)
    damage(ends.came(2))
    look = ends.take()
    assert [error.code for error in look.rejected] == [code]
    assert says in str(look.rejected[0])
    assert "copy this batch from the sender's outbox" in str(look.rejected[0])
    assert "was rejected and must be mended" in look.waiting[0]
    assert ends.notes() == ALL[:3]
    assert ends.receipt(2)["outcome"] == "REJECTED"
    ends.carry(2)
    assert ends.take().rejected == []
    assert ends.notes() == ALL
    assert ends.receipt(2)["outcomes"] == {"APPLIED": 2}


def test_in_reverse_twice_and_with_one_missing(ends: Ends) -> None:
    ends.carry(3)
    assert "must be taken first: bring it" in ends.take().waiting[0]
    ends.carry(1)
    assert ends.take().waiting == [
        "batch-toys-00000003 waits: batch-toys-00000002 must be taken first: bring it"
    ]
    ends.carry(1, 2)
    assert ends.take().repeated == ["batch-toys-00000001"]
    ends.carry(1, 2, 3)
    assert ends.take().repeated == [TOYS.batch(number) for number in (1, 2, 3)]
    assert ends.notes() == ALL


def test_a_reader_that_lost_its_state_applies_nothing_twice(ends: Ends) -> None:
    ends.carry(1, 2)
    ends.take()
    shutil.rmtree(ends.reader.root)
    ends.carry(1, 2, 3)
    ends.take()
    assert ends.notes() == ALL
    assert [ends.receipt(number)["outcomes"] for number in (1, 3)] == [{"ALREADY_THERE": 3}, {"APPLIED": 1}]


def test_a_target_that_was_lost_is_found_out_and_filled_again(ends: Ends) -> None:
    ends.carry(1, 2)
    ends.take()
    shutil.rmtree(ends.files)
    ends.carry(3)
    with pytest.raises(ConfigError, match=r"batch-toys-00000003 begins at .*--again"):
        ends.take()
    with ends.taker() as taker:
        assert list(taker.again()) == [TOYS.batch(number) for number in (1, 2)]
    ends.take()
    assert ends.notes() == ALL


def test_a_target_of_an_older_state_is_found_out(ends: Ends) -> None:
    ends.carry(1)
    ends.take()
    older = ends.files.with_name("older")
    shutil.copytree(ends.files, older)
    ends.carry(2)
    ends.take()
    shutil.rmtree(ends.files)
    older.rename(ends.files)
    ends.carry(3)
    with pytest.raises(ConfigError, match="the target has all up to 2: it is not the one"):
        ends.take()


def test_a_schema_that_comes_later_travels_with_its_records(ends: Ends) -> None:
    ends.schemas = {7: SCHEMA, 9: NEWER}
    ends.send([record(3, schema=NEWER, schema_id=9), record(3, 1)])
    ends.carry(1, 2, 3, 4)
    ends.take()
    assert ends.notes() == [*ALL, "0.3", "1.3"]


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([record(4), record(3)], "line 2: its offset"),
        ([record(2), record(4)], "line 1: its offset"),
        ([record(3)._replace(value=b"\x00\x00\x00\x00\x63x")], "UNKNOWN_SCHEMA"),
        ([record(3)._replace(partition=9)], "line 1: its offset"),
    ],
)
def test_records_that_cannot_be_are_rejected_and_the_mended_batch_goes_in(
    tmp_path: Path, records: list[Record], says: str
) -> None:
    ends = Ends(tmp_path)
    ends.at = {0: 3}
    ends.send(records)
    ends.carry(1)
    (error,) = ends.take().rejected
    assert (error.code, says in str(error)) == ("BAD_RECORD", True), str(error)
    shutil.rmtree(ends.sender.root)
    ends.at = {0: 3}
    ends.send([record(3), record(4)])
    ends.carry(1)
    assert ends.take().rejected == []
    assert ends.notes() == ["0.3", "0.4"]


def test_a_record_comes_back_to_the_byte() -> None:
    odd = Record(TOPIC, 3, 5, 0, b"\xff\xfe key", None, (("h", b"\x00\x80"), ("h", "签备".encode())))
    for one in (odd, record(7), odd._replace(key=None, value=b"")):
        assert record_of(TOPIC, line_of(one)) == one


@pytest.mark.parametrize(
    "line", [b"{}", b"[", b'{"partition":-1}', line_of(record(1)).replace(b'"AA', b'"A')]
)
def test_a_line_that_is_no_record(line: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        record_of(TOPIC, line)


LOOP = {"type": "record", "name": "Loop", "fields": [{"name": "next", "type": ["null", "Loop"]}]}


@pytest.mark.parametrize("schema", [LOOP, {"type": "string"}, [], {"type": "record", "name": "a"}])
def test_a_schema_that_would_harm_the_reader_is_refused(tmp_path: Path, schema: Any) -> None:
    ends = Ends(tmp_path)
    ends.schemas = {7: schema}
    ends.send([record(0)])
    ends.carry(1)
    (error,) = ends.take().rejected
    assert "is no Avro schema of a record" in str(error)
    assert isinstance(error, BadBatch)


def test_carried_schemas_are_found_by_topic_and_id(ends: Ends) -> None:
    ends.schemas = {7: SCHEMA, 9: NEWER}
    ends.send([record(3)])
    ends.carry(1, 2, 3, 4)
    with Inbox(ends.reader, TOYS, settle_s=0, begin_at=4) as inbox:
        batch = inbox.look().batch
        assert batch is not None
        found = carried(batch)
    assert found.newest == {TOPIC: NEWER}
    assert (found.schema(7), found.schema(8)) == (SCHEMA, None)


def test_portions_are_bounded_by_number_and_size() -> None:
    records = [record(n) for n in range(5)]
    assert [len(one) for one in portions(iter(records), 2)] == [2, 2, 1]
    assert [len(one) for one in portions(iter(records), 9, 1)] == [1] * 5
    assert list(portions(iter([]))) == []


def test_packing_waits_for_receipts_and_reads_each_once(ends: Ends) -> None:
    with Outbox(ends.sender, TOYS) as outbox:
        assert [one.number for one in outbox.outstanding()] == [1, 2, 3]
    ends.carry(1, 2, 3)
    tear_data(ends.came(3))
    ends.take()
    for path in ends.reader.receipts.iterdir():
        shutil.copy(path, ends.sender.receipts / path.name)
    with Outbox(ends.sender, TOYS) as outbox:
        (left,) = outbox.outstanding()
        assert left.receipt is not None
        assert left.receipt.fault is not None
        assert left.receipt.fault.code == "WRONG_SIZE"
        for path in outbox.folder.receipts.iterdir():
            path.unlink()
        assert [one.number for one in outbox.outstanding()] == [3]


def test_positions_are_those_of_the_batches(ends: Ends) -> None:
    ends.carry(1, 2, 3)
    ends.take()
    with daily(ends.files, JSON_LINES)() as target:
        wanted = [TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)]
        assert target.claim(wanted) == dict.fromkeys(wanted, 3)
