"""A department is filled from history under live load, by a filler that is killed, while routing is killed and rebalanced.

At the end its topic is compared with history by a reading of its own (``qianbei/verify``): every record once, in the order of
the exchange, byte for byte. ``make long`` runs more history and more kills.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.backfill.marks import State
from broker.backfill.run import NEAR
from qianbei.verify import verify
from tests.fault.test_kill import chance
from tests.support.exchange import Exchange, until
from tests.support.filling import FIELDS, Filler, archive, filled_beyond, marks, written
from tests.support.granting import Commands
from tests.support.story import sender, sold_house
from tests.support.streaming import lanes, streaming

SALES = int(os.environ.get("QIANBEI_BACKFILL_SALES", "300"))
KILLS = int(os.environ.get("QIANBEI_BACKFILL_KILLS", "2"))
DEPARTMENT = "archive"
FAST = 5_000
A_KILL_S = 60
"""What a run has at least, from its start until it is killed: two of them may start at once on a busy machine."""
TOPIC, SOURCE = f"dept.{DEPARTMENT}.sale.v1", "exchange.sale"


@pytest.fixture
def filler(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filler]:
    made = Filler(exchange, DEPARTMENT)
    yield made
    made.close()
    if DEPARTMENT in exchange.site.admin.installation().catalogue.members:
        Commands(exchange.site, monkeypatch).revoke(DEPARTMENT, "--delete-topics", "--yes")


@pytest.mark.timeout(3600)
def test_history_and_live_stream_become_one(
    exchange: Exchange, filler: Filler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = chance("backfill")
    exchange.ensure_services(2)
    with sender(exchange.site, "bureau") as bureau:
        bureau.send(*(event for _ in range(SALES) for event in sold_house()))
    until("the history", lambda: records(exchange) >= 2 * SALES, 60 + SALES / 50)
    # So slowly, the filling outlasts every kill on any machine: what is near the end of a partition is left to routing.
    slowly = max(1, to_be_filled(exchange) // (A_KILL_S * KILLS))
    file = written(tmp_path / "archive.yaml", archive(DEPARTMENT, 1, *FIELDS))
    with streaming(exchange):
        told = Commands(exchange.site, monkeypatch).grant(file, "--backfill")
        assert told["unfilled"] == [TOPIC]
        gives_way_to_a_second_run(exchange, filler, slowly)
        killed_while_it_fills(exchange, filler, rng, slowly)
        assert verify(exchange.site).checks["projection"].violations == (), "half filled"
        rebalanced_while_it_joins(exchange, filler)
    until("tax has all", lambda: lanes(exchange, "dept.tax.sale.v1") == lanes(exchange, SOURCE))
    until("so has the archive", lambda: lanes(exchange, TOPIC) == lanes(exchange, SOURCE), 10)
    assert verify(exchange.site).checks["projection"].violations == ()


def gives_way_to_a_second_run(exchange: Exchange, filler: Filler, rate: int) -> None:
    """The first run ends by itself, and the second one is killed."""
    first = Filler(exchange, DEPARTMENT)
    try:
        first.start(rate)
        filled_beyond(exchange, TOPIC, 0)
        filler.start(rate)
        code, told = first.ended(120)
    finally:
        first.close()
    assert (code, told["joined"]) == (1, False)
    filler.kill()


def killed_while_it_fills(exchange: Exchange, filler: Filler, rng: random.Random, rate: int) -> None:
    """The filler each time, routing the last time."""
    reached = filled_beyond(exchange, TOPIC, 0)
    for kill in range(1, KILLS):
        filler.start(rate)
        reached = filled_beyond(exchange, TOPIC, reached)
        time.sleep(rng.uniform(0.0, 0.5))
        if kill == KILLS - 1:
            exchange.kill("routing-0")
            exchange.restart("routing")
            reached = filled_beyond(exchange, TOPIC, reached)
        filler.kill()
    assert states(exchange) & {State.FILLING}, "the kills came too late"


def rebalanced_while_it_joins(exchange: Exchange, filler: Filler) -> None:
    """One instance of routing leaves and comes back while some partitions are joined and others are not."""
    filler.start(FAST)
    until("a partition is near its end", lambda: bool(states(exchange) & {State.READY, State.JOINED}))
    exchange.supervisor.stop("routing-1")
    exchange.ensure_services(2)
    code, told = filler.ended(120)
    assert (code, told["joined"]) == (0, True)


def records(exchange: Exchange) -> int:
    return sum(map(len, lanes(exchange, SOURCE).values()))


def to_be_filled(exchange: Exchange) -> int:
    return sum(max(0, len(lane) - NEAR) for lane in lanes(exchange, SOURCE).values())


def states(exchange: Exchange) -> set[State]:
    return {mark.state for mark in marks(exchange, TOPIC).values()}
