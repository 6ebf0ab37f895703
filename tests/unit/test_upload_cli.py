"""The commands of the upload that need no server: status, and a reconciliation where files are the way."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from consumers.upload import store as stored
from qianbei.cli.main import cli
from tests.support.uploading import Ends, carry, quick_disk, some_filings

DAY = "2026-11-25"
BY_FILES = {"ways": {"city": {"key": "both.key"}}, "store": "sender"}


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ends:
    quick_disk(monkeypatch)
    return Ends(tmp_path, f"sqlite:///{tmp_path}/received.db", BY_FILES, links={})


def run(ends: Ends, command: str, *words: str) -> Result:
    return CliRunner().invoke(cli, ["upload", command, str(ends.folder / "upload.yaml"), *words])


def told(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.output)
    return found


def carried(ends: Ends) -> None:
    """All batches to the receiver, by its command, and all receipts back."""
    channels = [path.name for path in (ends.folder / "sender").glob("city.*")]
    received = ends.folder / "received"
    for name in channels:
        carry(ends.folder / "sender" / name / "outbox", received / name / "inbox")
    taking = [
        "upload",
        "receiver",
        str(received),
        "--store",
        ends.dsn,
        "--key",
        str(ends.folder / "both.key"),
    ]
    ended = CliRunner().invoke(cli, [*taking, "--once"])
    assert ended.exit_code == 0, ended.output
    for name in channels:
        carry(received / name / "receipts", ends.folder / "sender" / name / "receipts")


def figures(ends: Ends) -> str:
    """The receiver's figures as a file."""
    channels = [path.name for path in (ends.folder / "received").glob("city.*")]
    made = CliRunner().invoke(cli, ["upload", "figures", *channels, "--store", ends.dsn, "--day", DAY])
    assert made.exit_code == 0, made.output
    path = ends.folder / "figures.json"
    path.write_text(made.output)
    return str(path)


def test_a_repair_where_only_files_cross(ends: Ends) -> None:
    filings = some_filings(30, (DAY,))
    ends.send(filings)
    carried(ends)
    ends.send(filings)
    truth = ends.held()
    with ends.store.begin() as db:
        one = db.execute(sa.select(stored.row)).first()
        assert one is not None
        db.execute(sa.delete(stored.row).where(stored.row.c.entity_id == one.entity_id))
    assert run(ends, "reconcile", "--day", DAY).exit_code == 2
    first = run(ends, "reconcile", "--day", DAY, "--figures", figures(ends), "--json")
    assert first.exit_code == 1
    (found,) = [channel for channel in told(first)["channels"] if not channel["equal"]]
    assert [(d["kind"], d["entity_id"]) for d in found["differences"]] == [("LOST", one.entity_id)]
    under_way = run(ends, "reconcile", "--day", DAY, "--figures", figures(ends), "--json")
    assert (under_way.exit_code, list(told(under_way)["under_way"])) == (1, [one.channel])
    assert told(run(ends, "status", "--json"))["unequal"] == [
        {"channel": one.channel, "day": DAY, "differences": 1}
    ]
    carried(ends)
    ends.send(filings)
    assert run(ends, "reconcile", "--day", DAY, "--figures", figures(ends)).exit_code == 0
    assert ends.held() == truth
    assert told(run(ends, "status", "--json"))["well"]


def test_status_tells_what_waits_and_what_is_withheld(ends: Ends) -> None:
    ends.config = {**BY_FILES, "require": {"lease": ["BDCDYDM"], "sale": ["BDCDYDM"]}}
    assert ends.upload()
    assert run(ends, "status").exit_code != 0
    ends.send(some_filings(4, (DAY,)))
    status = run(ends, "status")
    assert status.exit_code == 1
    assert "4 filings: 0 taken" in status.output
    assert "4 withheld" in status.output
    assert "without BDCDYDM: " in status.output


def test_wrong_use_is_told(ends: Ends) -> None:
    ends.upload()
    ends.send(some_filings(3, (DAY,)))
    assert "is no county" in str(run(ends, "reconcile", "--county", "411499").exception)
    ended = CliRunner().invoke(cli, ["upload", "figures", "nation.1", "--store", ends.dsn, "--day", DAY])
    assert (ended.exit_code, "no channel" in ended.output) == (2, True)
