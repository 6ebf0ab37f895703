"""An exchange to which nothing but simulated cities is sent, so that everything in it has an expected outcome."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from producers.simulator.drive import drive
from producers.simulator.ledger import Ledger
from producers.simulator.model_compare import account, summary
from qianbei.demo.readout import Readout, wait_until_done
from qianbei.verify import verify
from tests.support.exchange import Exchange

_NEXT_SEED = 7919
"""So far apart that no other test takes the same."""


@dataclass
class City:
    """The exchange and the account of all that was sent to it."""

    exchange: Exchange
    ledger: Ledger = field(default_factory=Ledger)

    def send(
        self, seed: int, events: int, rate: float | None = None, progress: Callable[[int], None] | None = None
    ) -> None:
        """Send the plan of a seed."""
        site = self.exchange.site
        sent = drive(site.admin, seed, events, rate=rate, account=site.settings, progress=progress)
        self.ledger = self.ledger.merge([sent])

    @contextmanager
    def sending(
        self, seed: int, events: int, rate: float, *, until_left: bool = False
    ) -> Iterator[Callable[[], bool]]:
        """Send in the background while the block runs; gives whether it still goes on. Fails if sending failed.

        ``until_left``: after the plan of this seed those of others, until the block is left. So the load does not end before
        what it is for, however slow the machine is.
        """
        failed: list[BaseException] = []
        over = threading.Event()

        def work() -> None:
            try:
                self.send(seed, events, rate)
                while until_left and not over.is_set():
                    self.send(next(further), events, rate)
            except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
                failed.append(error)

        further = count(seed + _NEXT_SEED, _NEXT_SEED)
        thread = threading.Thread(target=work, name="city")
        thread.start()
        try:
            yield thread.is_alive
        finally:
            over.set()
            thread.join()
        if failed:
            raise failed[0]

    def settle(self, patience_s: float = 90.0) -> None:
        """Wait until every service has handled everything."""
        with Readout(self.exchange.site) as readout:
            assert wait_until_done(readout.progress, lambda _now: None, patience_s=patience_s), (
                "a service stands still"
            )

    def check(self) -> None:
        """Every decision is as the account has it, and the invariants hold."""
        self.settle()
        with Readout(self.exchange.site) as readout:
            found = account(self.ledger, readout.outcomes().observed)
        assert not found.differences, summary(found.differences)
        report = verify(self.exchange.site)
        assert report.ok, report.as_dict()
