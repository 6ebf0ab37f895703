"""The decisions equal the simulator's own account, event by event, for ten seeds."""

import os

from tests.support.city import City

SEEDS = range(101, 111)
EVENTS = int(os.environ.get("QIANBEI_SEED_EVENTS", "500"))


def test_ten_seeds(city: City) -> None:
    for seed in SEEDS:
        city.send(seed, EVENTS)
    city.check()
