"""Sales that go on while a test does something, and what lies in topics, by partition and in order."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.exchange import Exchange
from tests.support.story import sender, sold_house

PAUSE_S = 0.05
"""Between two sales. Sent as fast as they go, the backlog of a slow machine would outlast what the load is for by minutes."""

Lanes = dict[int, list[tuple[bytes | None, bytes | None]]]


@contextmanager
def streaming(exchange: Exchange, lender_uscc: str | None = None) -> Iterator[None]:
    """Sales that name this lender, one after the other, while the block runs."""
    stop = threading.Event()

    def stream() -> None:
        with sender(exchange.site, "bureau") as bureau:
            while not stop.wait(PAUSE_S):
                bureau.send(*sold_house(lender_uscc=lender_uscc))

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def lanes(exchange: Exchange, topic: str) -> Lanes:
    """Key and revision of each record, by partition."""
    found: Lanes = {}
    for record in exchange.read([topic]):
        found.setdefault(record.partition, []).append((record.key, record.header("qb_revision")))
    return found
