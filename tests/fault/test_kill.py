"""``kill -9`` at random moments, with a restart at once: nothing is lost, nothing is doubled, nothing is decided otherwise.

The seed of the moments is printed; QIANBEI_FAULT_SEED repeats it. ``make long`` runs more kills over more events.
"""

import os
import random
import time

import pytest

from tests.support.city import City

EVENTS = int(os.environ.get("QIANBEI_FAULT_EVENTS", "1500"))
RATE = 150.0


def chance(name: str) -> random.Random:
    seed = int(os.environ.get("QIANBEI_FAULT_SEED") or random.SystemRandom().randrange(2**32))
    print(f"{name}: QIANBEI_FAULT_SEED={seed}")
    return random.Random(seed)


@pytest.mark.parametrize("service", ["admission", "routing", "compaction"])
def test_killed_and_restarted(city: City, service: str) -> None:
    rng = chance(service)
    kills = 0
    with city.sending(seed=rng.randrange(2**31), events=EVENTS, rate=RATE) as goes_on:
        while goes_on():
            time.sleep(rng.uniform(0.3, 2.0))
            city.exchange.kill(f"{service}-0")
            city.exchange.restart(service)
            kills += 1
    assert kills >= 3, "the load ended too early to prove anything"
    city.check()


def test_rebalanced_under_load(city: City) -> None:
    """Second instances of all services come and go, one of each pair by ``kill -9``."""
    rng = chance("rebalance")
    with city.sending(seed=rng.randrange(2**31), events=EVENTS, rate=RATE) as goes_on:
        while goes_on():
            city.exchange.ensure_services(2)
            time.sleep(rng.uniform(0.5, 2.0))
            victim = rng.choice(["admission", "routing", "compaction"])
            city.exchange.kill(f"{victim}-{rng.randrange(2)}")
            time.sleep(rng.uniform(0.2, 1.0))
            city.exchange.ensure_services(rng.choice([1, 2]))
    city.exchange.ensure_services(2)
    city.check()
