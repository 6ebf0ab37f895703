"""Rates: one bucket a token, refilled by time."""

import pytest

from broker.api.limits import Limits, RateLimiter
from broker.api.problems import ProblemError


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(rates: RateLimiter, token: str, count: int = 1) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        rates.take(token, count)
    return caught.value


def test_a_burst_is_let_through_and_then_the_rate_holds() -> None:
    clock = Clock()
    rates = RateLimiter(Limits(rate=10, batch_items=5), clock)
    for _ in range(20):
        rates.take("a")
    assert refused(rates, "a").status == 429
    rates.take("b")
    clock.now += 0.5
    rates.take("a", 5)
    assert refused(rates, "a").headers == {"Retry-After": "1"}


def test_retry_after_is_when_there_is_enough_and_a_refusal_costs_nothing() -> None:
    clock = Clock()
    rates = RateLimiter(Limits(rate=10, batch_items=100), clock)
    rates.take("a", 100)
    after = refused(rates, "a", 45).headers["Retry-After"]
    assert after == "5"
    clock.now += float(after)
    rates.take("a", 45)


def test_a_pause_fills_the_bucket_to_its_size_and_no_further() -> None:
    clock = Clock()
    rates = RateLimiter(Limits(rate=10, batch_items=5), clock)
    rates.take("a")
    clock.now += 3600
    rates.take("a", 20)
    assert refused(rates, "a").status == 429


def test_at_any_rate_a_whole_batch_is_possible() -> None:
    limits = Limits(rate=1)
    RateLimiter(limits).take("a", limits.batch_items)
