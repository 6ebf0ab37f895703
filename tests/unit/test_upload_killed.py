"""An upload that is killed before or after any step of store or transport, and begun again, ends as if it was not."""

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from broker.batches import disk
from consumers.upload import store as stored
from consumers.upload.config import Route
from consumers.upload.filing import Filing
from consumers.upload.reconcile import Reconciler, UnderWay
from consumers.upload.running import send
from tests.support.uploading import Ends, InProcess, quick_disk, read, some_filings

DAY = "2026-11-25"
ROUTE = Route("city", "4114A1")
STEPS: tuple[tuple[str, str], ...] = (
    ("broker.batches.outbox", "write_whole"),
    ("broker.batches.outbox", "move"),
    ("broker.batches.writing", "write_whole"),
    ("broker.batches.receipts", "write_whole"),
    ("broker.batches.inbox", "move"),
    ("broker.batches.inbox", "keep_copy"),
    ("consumers.upload.receiver", "write_whole"),
)


class Killed(BaseException):
    """Nothing of ours catches it."""


class Killer:
    """Counts the steps, and ends the process at one of them: before it if the number is even, else after it."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.steps = 0

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def killed(*args: Any, **options: Any) -> Any:
            self._maybe()
            made = step(*args, **options)
            self._maybe()
            return made

        return killed

    def _maybe(self) -> None:
        if self.steps == self._at:
            raise Killed
        self.steps += 1


@contextmanager
def killing(at: int | None) -> Iterator[Killer]:
    """Every write of a file, commit of a database and call of the receiver is a step."""
    killer = Killer(at)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in STEPS:
            patch.setattr(
                f"{module}.{name}", killer.around(getattr(disk, name, None) or _named(module, name))
            )
        patch.setattr(DefaultDialect, "do_commit", killer.around(DefaultDialect.do_commit))
        patch.setattr(InProcess, "deliver", killer.around(InProcess.deliver))
        patch.setattr(InProcess, "ask", killer.around(InProcess.ask))
        yield killer


def _named(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(__import__(module, fromlist=[name]), name)
    return found


def ends_in(folder: Path) -> Ends:
    folder.mkdir()
    routes = {"411481": [{"from": "2026-01-01", "via": "province"}]}
    return Ends(folder, f"sqlite:///{folder}/received.db", {"routes": routes, "batch_records": 6})


def until_done(work: Callable[[], object], at: int) -> int:
    """Kill at one step, then begin again without; gives how many steps there were before."""
    with killing(at) as killer:
        try:
            work()
        except Killed:
            pass
        else:
            return -1
    work()
    return killer.steps


FILINGS = some_filings(12, (DAY,), seed=3)


STRIDE = int(os.environ.get("QIANBEI_UPLOAD_STRIDE", "12"))
"""Every how manyeth step is taken; a random one is the first. 1 takes all."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_disk(monkeypatch)


def killed_everywhere(work: Callable[[int], int]) -> None:
    """Let ``work`` be killed at every so manyeth step, until there is no such step any more."""
    first = random.randrange(STRIDE)
    print(f"from step {first}, every {STRIDE}")
    for at in itertools.count(first, STRIDE):
        if work(at) < 0:
            break
    assert at > 50, "so few steps that it proved little"


def test_killed_at_any_step_of_sending(tmp_path: Path) -> None:
    def work(at: int) -> int:
        ends = ends_in(tmp_path / str(at))
        steps = until_done(lambda: _sent(ends), at)
        assert ends.held() == _each_once(FILINGS), f"killed at step {at}"
        assert not ends.send(FILINGS).published
        return steps

    killed_everywhere(work)


def _sent(ends: Ends) -> None:
    with ends.sender() as (ledger, upload, dispatcher):
        read(ledger, FILINGS)
        assert not send(ledger, upload, dispatcher).problems


def _each_once(filings: list[Filing]) -> Counter[object]:
    return Counter(
        (f"{'province' if one.county == '411481' else 'city'}.{one.county.lower()}", one.key)
        for one in filings
    )


def test_killed_at_any_step_of_a_repair(tmp_path: Path) -> None:
    def work(at: int) -> int:
        ends = ends_in(tmp_path / str(at))
        ends.send(FILINGS)
        truth = ends.held()
        _damage(ends)
        steps = until_done(lambda: _reconciled(ends), at)
        assert ends.held() == truth, f"killed at step {at}"
        return steps

    killed_everywhere(work)


def _reconciled(ends: Ends) -> None:
    with ends.sender() as (ledger, upload, dispatcher):
        reconciler = Reconciler(ledger, dispatcher)
        try:
            found = reconciler.day(ROUTE, date.fromisoformat(DAY), ends.link, repair=True)
        except UnderWay:  # as the message says
            send(ledger, upload, dispatcher)
            found = reconciler.day(ROUTE, date.fromisoformat(DAY), ends.link, repair=True)
        assert found.equal


def _damage(ends: Ends) -> None:
    mine = stored.row.c.channel == ROUTE.channel.name
    with ends.store.begin() as db:
        one, two, *_ = db.execute(sa.select(stored.row).where(mine)).all()
        db.execute(sa.delete(stored.row).where(mine, stored.row.c.entity_id == one.entity_id))
        db.execute(sa.insert(stored.row), {**two._asdict(), "place": 10_000})
