"""The file channel without a server: the format, the chain, and every way in which a carried batch can be wrong."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from broker.batches import (
    Answer,
    BadBatch,
    Channel,
    Direction,
    Folder,
    Inbox,
    Look,
    Manifest,
    OpenBatch,
    Outbox,
    Position,
    read_key,
)
from broker.batches.disk import lines
from broker.batches.format import digest_of, read_form
from broker.batches.planning import Do, Found, Whole, plan
from broker.errors import ConfigError
from producers.files import channel_of, pack
from tests.unit.test_producers import json_event

BUREAU = Channel("bureau", Direction.IN)


class Ends:
    """A sender's folder, a reader's folder, and a carrier between them."""

    def __init__(self, root: Path, key: bytes | None = None) -> None:
        self.sender = Folder(root / "sender")
        self.reader = Folder(root / "reader")
        self.key = key
        self.taken: list[tuple[int, bytes]] = []

    def send(self, *contents: bytes) -> list[Manifest]:
        with Outbox(self.sender, BUREAU, key=self.key) as outbox:
            made = []
            for content in contents:
                writer = outbox.begin()
                writer.add("filings.jsonl", content)
                made.append(outbox.publish(writer))
            return made

    def carry(self, *numbers: int) -> None:
        for number in numbers:
            shutil.copytree(self.sent(number), self.came(number), dirs_exist_ok=True)

    def sent(self, number: int) -> Path:
        return self.sender.outbox / BUREAU.batch(number)

    def came(self, number: int) -> Path:
        return self.reader.inbox / BUREAU.batch(number)

    @contextmanager
    def inbox(self, settle_s: float = 0) -> Iterator[Inbox]:
        with Inbox(self.reader, BUREAU, key=self.key, settle_s=settle_s) as inbox:
            yield inbox

    def take(self, settle_s: float = 0) -> Look:
        """Take all that can be taken; gives what all looks said."""
        total = Look()
        with self.inbox(settle_s) as inbox:
            while True:
                look = inbox.look()
                if look.batch is not None:
                    self.use(look.batch)
                    inbox.done(look.batch, Answer({"ACCEPTED": look.batch.manifest.records}))
                total.rejected += look.rejected
                total.repeated += look.repeated
                total.waiting = look.waiting
                if not look.moved:
                    return total

    def use(self, batch: OpenBatch) -> None:
        content = b"".join(line for f in batch.manifest.files for line in batch.lines(f, 1000))
        self.taken.append((batch.manifest.sequence, content))


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    found = Ends(tmp_path)
    found.reader.for_reader()
    return found


ALL = [(1, b"a\n"), (2, b"b\nb\n"), (3, b"c\n")]


def sent_three(ends: Ends) -> None:
    ends.send(*(content for _, content in ALL))


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (1, 1, 2, 2, 3, 3), (3, 1, 3, 2, 1)])
def test_carried_in_any_order_and_twice_it_ends_in_the_same_state(ends: Ends, order: tuple[int, ...]) -> None:
    sent_three(ends)
    for number in order:
        ends.carry(number)
        ends.take()
    assert ends.taken == ALL
    assert sorted(path.name for path in ends.reader.done.iterdir()) == [BUREAU.batch(n) for n in (1, 2, 3)]
    assert not list(ends.reader.inbox.iterdir())


def test_a_later_batch_waits_and_says_for_what(ends: Ends) -> None:
    sent_three(ends)
    ends.carry(3)
    assert ends.take().waiting == [
        "batch-bureau-00000003 waits: batch-bureau-00000001 must be taken first: bring it"
    ]


def truncate(batch: Path) -> None:
    os.truncate(batch / "filings.jsonl", 1)


def tear_manifest(batch: Path) -> None:
    os.truncate(batch / "manifest.json", 40)


def lose_file(batch: Path) -> None:
    (batch / "filings.jsonl").unlink()


def change_byte(batch: Path) -> None:
    (batch / "filings.jsonl").write_bytes(b"B\nb\n")


def link_file(batch: Path) -> None:
    lose_file(batch)
    (batch / "filings.jsonl").symlink_to("/etc/hostname")


def pipe_file(batch: Path) -> None:
    lose_file(batch)
    os.mkfifo(batch / "filings.jsonl")


def folder_file(batch: Path) -> None:
    lose_file(batch)
    (batch / "filings.jsonl").mkdir()


def in_manifest(**changes: object) -> Callable[[Path], None]:
    def change(batch: Path) -> None:
        path = batch / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def named(name: str) -> Callable[[Path], None]:
    def change(batch: Path) -> None:
        files = json.loads((batch / "manifest.json").read_text())["files"]
        in_manifest(files=[files[0] | {"name": name}])(batch)

    return change


FAULTS = {
    "truncated": (truncate, "WRONG_SIZE", "filings.jsonl: has 1 bytes, the manifest says 4"),
    "torn manifest": (tear_manifest, "TORN_MANIFEST", "is no whole JSON"),
    "missing file": (lose_file, "MISSING_FILE", "filings.jsonl: is in the manifest and not in the folder"),
    "changed": (change_byte, "WRONG_DIGEST", "it was changed"),
    "link": (link_file, "NOT_A_FILE", "is a link"),
    "pipe": (pipe_file, "NOT_A_FILE", "a pipe"),
    "folder": (folder_file, "NOT_A_FILE", "a folder"),
    "version": (in_manifest(format_version=2), "UNKNOWN_FORMAT", "same version of this project"),
    "channel": (in_manifest(channel="court"), "WRONG_CHANNEL", "is of channel court (to-exchange)"),
    "direction": (in_manifest(direction="from-exchange"), "WRONG_CHANNEL", "from-exchange"),
    "number": (in_manifest(sequence=7), "WRONG_NUMBER", "number 7"),
    "fork": (in_manifest(previous="0" * 64), "FORK", "after another batch-bureau-00000001"),
    "traversal": (named("../../state/head.json"), "BAD_MANIFEST", "never paths"),
    "absolute": (named("/etc/hostname"), "BAD_MANIFEST", "never paths"),
    "itself": (named("manifest.json"), "BAD_MANIFEST", "no data file may be called"),
    "unknown field": (in_manifest(more=1), "BAD_MANIFEST", "more:"),
    "count": (in_manifest(records=9), "BAD_MANIFEST", "records is not the sum"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_batch_is_put_away_and_the_mended_one_is_taken(ends: Ends, name: str) -> None:
    damage, code, words = FAULTS[name]
    sent_three(ends)
    ends.carry(1, 2, 3)
    damage(ends.came(2))
    look = ends.take()
    assert [error.code for error in look.rejected] == [code]
    assert words in str(look.rejected[0])
    assert "was rejected and must be mended" in look.waiting[0]
    assert ends.taken == ALL[:1]
    reason = json.loads((ends.reader.rejected / "batch-bureau-00000002~1.reason.json").read_text())
    assert reason["code"] == code
    refusal = json.loads((ends.reader.receipts / BUREAU.receipt(2)).read_text())
    assert (refusal["outcome"], refusal["fault"]["code"]) == ("REJECTED", code)
    ends.carry(2)
    assert not ends.take().waiting
    assert ends.taken == ALL


def test_a_linked_folder_is_put_away(ends: Ends) -> None:
    sent_three(ends)
    ends.came(1).symlink_to(ends.sent(1))
    assert [error.code for error in ends.take().rejected] == ["NOT_A_FILE"]
    assert not ends.taken


def test_a_batch_without_manifest_waits_until_it_has_one(ends: Ends) -> None:
    sent_three(ends)
    ends.carry(1)
    (ends.came(1) / "manifest.json").unlink()
    assert "has no manifest.json yet" in ends.take().waiting[0]
    ends.carry(1)
    ends.take()
    assert ends.taken == ALL[:1]


def test_what_is_still_being_copied_is_not_judged(ends: Ends) -> None:
    sent_three(ends)
    ends.carry(1)
    truncate(ends.came(1))
    (ends.came(1) / "filings.jsonl").write_bytes(b"")
    assert ends.take(settle_s=3600).waiting == ["batch-bureau-00000001 is still being copied"]


def test_another_chain_is_refused_and_what_was_taken_keeps_its_receipt(ends: Ends, tmp_path: Path) -> None:
    sent_three(ends)
    ends.carry(1)
    ends.take()
    other = Ends(tmp_path / "other")
    other.send(b"z\n")
    shutil.copytree(other.sent(1), ends.came(1))
    assert [error.code for error in ends.take().rejected] == ["FORK"]
    assert json.loads((ends.reader.receipts / BUREAU.receipt(1)).read_text())["outcome"] == "TAKEN"


def test_a_batch_of_another_channel_is_put_away_by_its_name(ends: Ends) -> None:
    sent_three(ends)
    shutil.copytree(ends.sent(1), ends.reader.inbox / "batch-court-00000001")
    assert [error.code for error in ends.take().rejected] == ["WRONG_CHANNEL"]


def test_receipts_come_back_and_only_acknowledged_batches_go(ends: Ends) -> None:
    sent_three(ends)
    ends.carry(1, 2)
    ends.take()
    shutil.copytree(ends.reader.receipts, ends.sender.receipts, dirs_exist_ok=True)
    with Outbox(ends.sender, BUREAU) as outbox:
        assert [one.receipt is not None for one in outbox.sent()] == [True, True, False]
        assert outbox.clear(3600) == []
        assert outbox.clear(0) == [1, 2]
    assert [path.name for path in ends.sender.outbox.iterdir()] == [BUREAU.batch(3)]
    assert ends.send(b"d\n")[0].sequence == 4


def test_a_lost_receipt_comes_again_with_the_batch(ends: Ends) -> None:
    sent_three(ends)
    ends.carry(1)
    ends.take()
    receipt = ends.reader.receipts / BUREAU.receipt(1)
    before = receipt.read_bytes()
    receipt.unlink()
    ends.carry(1)
    assert ends.take().repeated == [BUREAU.batch(1)]
    assert receipt.read_bytes() == before


class Killed(BaseException):
    """``kill -9`` between two changes of the disk."""


def killing(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Die instead of the change number ``at``; every change of these folders is one of these two calls."""
    count = iter(range(1_000_000))
    for name in ("rename", "replace"):
        real = getattr(Path, name)

        def dying(self: Path, target: Path, real: Callable[..., Path] = real) -> Path:
            if next(count) == at:
                raise Killed
            return real(self, target)

        monkeypatch.setattr(Path, name, dying)


@pytest.mark.parametrize("at", range(12))
def test_a_writer_killed_at_any_change_loses_and_doubles_nothing(
    ends: Ends, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        killing(patch, at)
        with suppress(Killed):
            sent_three(ends)
    with Outbox(ends.sender, BUREAU) as outbox:
        done = outbox.position.sequence if outbox.position else 0
    assert len(list(ends.sender.outbox.iterdir())) == done
    if done < 3:
        ends.send(*(content for _, content in ALL[done:]))
    ends.carry(3, 2, 1)
    ends.take()
    assert ends.taken == ALL


@pytest.mark.parametrize("at", range(24))
def test_a_reader_killed_at_any_change_goes_on(ends: Ends, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_three(ends)
    ends.carry(1, 2, 3)
    with monkeypatch.context() as patch:
        killing(patch, at)
        with suppress(Killed):
            ends.take()
    ends.take()
    # Handed over at least once, in order, and taken once.
    assert [one for n, one in enumerate(ends.taken) if one not in ends.taken[:n]] == ALL
    with ends.inbox() as inbox:
        assert inbox.position is not None
        assert inbox.position.sequence == 3
    assert len(list(ends.reader.receipts.glob("receipt-bureau-0000000?.json"))) == 3


def test_signatures(tmp_path: Path) -> None:
    ends = Ends(tmp_path, key=b"k" * 32)
    ends.reader.for_reader()
    sent_three(ends)
    ends.carry(1)
    in_manifest(created_at="2026-01-01T00:00:00Z")(ends.came(1))
    assert [error.code for error in ends.take().rejected] == ["BAD_SIGNATURE"]
    ends.carry(1)
    ends.take()
    assert ends.taken == ALL[:1]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("ab" * 32)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_key(path)
    path.chmod(0o600)
    assert read_key(path) == b"\xab" * 32


def test_one_process_and_one_end_a_folder(ends: Ends) -> None:
    sent_three(ends)
    with Outbox(ends.sender, BUREAU), pytest.raises(ConfigError, match="another process"):
        ends.send(b"x\n")
    with pytest.raises(ConfigError, match="writing end"), Inbox(ends.sender, BUREAU):
        pass
    with pytest.raises(ConfigError, match="of its own"), Outbox(ends.sender, channel_of("court")):
        pass


def test_a_line_of_any_length_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000 + b"\nshort\n" + b"y" * 1000)
    with path.open("rb") as file:
        assert [len(line) for line in lines(file, 10)] == [11, 6, 11]


def test_planning_touches_nothing() -> None:
    whole = Whole("d2", "d1")
    steps = plan([Found("two", 2, whole)], BUREAU, Position(1, "d1"), lambda _n: None, lambda _n: False)
    assert [step.do for step in steps] == [Do.TAKE]
    steps = plan([Found("two", 2, whole)], BUREAU, Position(2, "d2"), lambda _n: "d2", lambda _n: False)
    assert [step.do for step in steps] == [Do.REPEAT]


def test_a_manifest_is_known_by_the_digest_of_its_bytes(ends: Ends) -> None:
    sent_three(ends)
    first, second = (ends.sent(n) / "manifest.json" for n in (1, 2))
    read = read_form(Manifest, second.read_bytes(), "manifest.json")
    assert read.previous == digest_of(first.read_bytes())
    with pytest.raises(BadBatch, match="TORN"):
        read_form(Manifest, second.read_bytes()[:-10], "manifest.json")


# --- packing --------------------------------------------------------------------------------------------------------


def test_packing_splits_and_refuses_whole(tmp_path: Path) -> None:
    good = json.dumps({"subject": "sale", **json_event("sale", "FILED")}).encode()
    with Outbox(Folder(tmp_path), BUREAU) as outbox:
        made, problems = pack(outbox, lambda: [good, b"", good, good], records=2)
        assert [one.records for one in made] == [2, 1]
        made, problems = pack(outbox, lambda: [good, b'{"subject": "sale"}', b"{"], records=1)
        assert not made
        assert {problem.line for problem in problems} == {2, 3}
