"""How a subscription is: for its own metrics, and for who asks over HTTP whether it still lives.

``GET /health`` on a loopback port answers 200 while steps are made, 503 after ``patience_s`` without one, with a JSON
object in both cases; it holds counts and times, never a value of a record.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import Gauge

from broker.metrics import ServiceMetrics

PATIENCE_S = 60.0


class Health:
    """What a subscription's sessions tell of themselves. Read from any thread."""

    def __init__(
        self,
        metrics: ServiceMetrics | None = None,
        *,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.metrics = metrics or ServiceMetrics("subscription")
        self._held = Gauge(
            "qianbei_held_records", "Records in the dead-letter topic", registry=self.metrics.registry
        )
        self._patience_s = patience_s
        self._clock = clock
        self._stepped = clock()
        self._handled = 0
        self._keys = 0
        self._records = 0

    def stepped(self, handled: int, *, keys: int, records: int) -> None:
        """A step was made: so many records handled, so many keys and records held now."""
        self._stepped = self._clock()
        self._handled += handled
        self._keys, self._records = keys, records
        self._held.set(records)
        self.counted("handled", handled)

    def counted(self, outcome: str, count: int) -> None:
        """Count records by what became of them."""
        if count:
            self.metrics.handled(outcome, count)

    @property
    def alive(self) -> bool:
        """Whether a step was made lately. While a server is away none is."""
        return self._clock() - self._stepped <= self._patience_s

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "alive": self.alive,
            "idle_s": round(self._clock() - self._stepped, 1),
            "handled": self._handled,
            "held_keys": self._keys,
            "held_records": self._records,
        }


@contextmanager
def served(health: Health, port: int | None) -> Iterator[int | None]:
    """Answer ``/health`` on 127.0.0.1 while the block runs; gives the port (0 asks for a free one, None for none)."""
    if port is None:
        yield None
        return

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = health.as_dict()
            known = self.path == "/health"
            body = json.dumps(found if known else {"error": "ask for /health"}).encode()
            self.send_response((200 if found["alive"] else 503) if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
