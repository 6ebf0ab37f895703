"""How much one client may ask of the front door, and how fast."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from broker.api.problems import ProblemError
from broker.codec import MAX_RECORD_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, rates in filings a second and token."""

    body_bytes: int = MAX_RECORD_BYTES
    batch_bytes: int = 8 * 1024 * 1024
    batch_items: int = 500
    header_bytes: int = 16 * 1024
    header_s: float = 10.0
    body_s: float = 10.0
    batch_s: float = 30.0
    rate: int = 500
    connections: int = 500
    waiting: int = 5_000
    """Filings that may wait for their decision at the same time, over all clients."""

    @property
    def burst(self) -> int:
        """What a token may ask for at once after a pause: two seconds' worth, and a whole batch at any rate."""
        return max(2 * self.rate, self.batch_items)


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class RateLimiter:
    """One bucket a token: it holds ``burst`` filings and fills again at ``rate`` a second. In this process alone."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, token_id: str, count: int = 1) -> None:
        """Take from the token's bucket. Raises ProblemError 429 with the seconds after which it is full enough."""
        now, burst = self._clock(), self._limits.burst
        bucket = self._buckets.setdefault(token_id, _Bucket(burst, now))
        bucket.level = min(burst, bucket.level + (now - bucket.at) * self._limits.rate)
        bucket.at = now
        if bucket.level < count:
            wait = max(1, ceil((count - bucket.level) / self._limits.rate))
            raise ProblemError(
                "too-many-requests",
                f"this token may send {self._limits.rate} filings a second",
                f"wait {wait} s, then send more slowly",
                headers={"Retry-After": str(wait)},
            )
        bucket.level -= count
