"""Prometheus metrics of a service, on a loopback port of its own. Labels never hold a personal value or an id."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server


class ServiceMetrics:
    """What every service counts. One registry an instance, so that several can live in one test process."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self._service = service
        self.records = Counter(
            "qianbei_records", "Records handled", ["service", "outcome"], registry=self.registry
        )
        self.batches = Histogram(
            "qianbei_batch_seconds",
            "Time from a poll that returned records to their commit",
            ["service"],
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=self.registry,
        )
        self.sessions = Counter("qianbei_sessions", "Sessions opened", ["service"], registry=self.registry)
        self.errors = Counter(
            "qianbei_errors", "Sessions ended by an error", ["service", "kind"], registry=self.registry
        )
        self.last_error = Gauge(
            "qianbei_last_error_timestamp_seconds",
            "When a session last ended by an error",
            ["service", "kind"],
            registry=self.registry,
        )
        self.installation = Gauge(
            "qianbei_installation",
            "1 for the digest of the site's files that are in force here",
            ["service", "digest"],
            registry=self.registry,
        )
        self.up = Gauge(
            "qianbei_session_open", "1 while a session is open", ["service"], registry=self.registry
        )

    def handled(self, outcome: str, count: int = 1) -> None:
        """Count records by what became of them."""
        self.records.labels(self._service, outcome).inc(count)

    def batch(self, seconds: float) -> None:
        """Note how long a batch took."""
        self.batches.labels(self._service).observe(seconds)

    def knows(self, digest: str) -> None:
        """Note which site files are in force here, in the place of those before."""
        self.installation.clear()
        self.installation.labels(self._service, digest).set(1)

    def opened(self) -> None:
        """Note that a session has begun."""
        self.sessions.labels(self._service).inc()
        self.up.labels(self._service).set(1)

    def failed(self, kind: str, at: float) -> None:
        """Note that a session ended by an error of this class, at a Unix time in seconds."""
        self.errors.labels(self._service, kind).inc()
        self.last_error.labels(self._service, kind).set(at)
        self.up.labels(self._service).set(0)


@contextmanager
def served(metrics: ServiceMetrics, port: int | None) -> Iterator[int | None]:
    """Serve the metrics on 127.0.0.1 while the block runs; gives the port (0 asks for a free one, None for none)."""
    if port is None:
        yield None
        return
    server, thread = start_http_server(port, addr="127.0.0.1", registry=metrics.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
