"""The same histories on the services themselves: processes, a real Kafka and Postgres, and a ``kill -9`` on the way."""

import random

import pytest

from tests.machine.on_kafka import Killed, OnKafka
from tests.machine.seeded import play
from tests.machine.sizes import LAW_SEED, ON_KAFKA, profile
from tests.support.exchange import Exchange


@pytest.mark.timeout(3600)
def test_no_history_is_decided_otherwise(deployed: Exchange) -> None:
    chosen = int(LAW_SEED or random.SystemRandom().randrange(2**32))
    print(f"{ON_KAFKA} histories: QIANBEI_LAW_SEED={chosen}")
    # Houses and people of no other run on this exchange, which may be older than this test.
    with OnKafka.opened(deployed, random.SystemRandom().randrange(100_000, 800_000)) as backend:
        lawful = type("Lawful", (Killed,), {"backend": backend})
        play(lawful, chosen, profile(ON_KAFKA, steps=40, shrink=False))
    found = backend.coverage.found
    assert found["seizure", "SEIZED"], "these histories are of nothing"
    print(f"{sum(found.values())} reasons and revisions of {len(found)} kinds agree with the model")
