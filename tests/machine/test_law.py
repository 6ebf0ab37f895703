"""The real admission, on a real Postgres, decides every history as the model does; whatever crashes, moves or overtakes."""

import random
from datetime import timedelta

import pytest

from tests.machine.exchange import Exchange
from tests.machine.on_postgres import Disturbed, OnPostgres
from tests.machine.seeded import play
from tests.machine.sizes import LAW, LAW_SEED, profile
from tests.machine.world import World


@pytest.mark.timeout(7200)
def test_no_history_is_decided_otherwise(machine: Exchange) -> None:
    chosen = int(LAW_SEED or random.SystemRandom().randrange(2**32))
    print(f"{LAW} histories: QIANBEI_LAW_SEED={chosen}")
    backend = OnPostgres(machine)
    lawful = type("Lawful", (Disturbed,), {"backend": backend})
    play(lawful, chosen, profile(LAW))
    assert LAW < 300 or not backend.coverage.missing


def test_what_came_too_early_for_a_clock_set_back_is_asked_again(machine: Exchange) -> None:
    backend = OnPostgres(machine)
    backend.begin()
    world = World(backend.run, backend.clock, backend.look)
    backend.send(world.unit(0, realty=False))
    backend.flow()
    backend.send(world.seizure(("house", 0), "1", 0, 1, None, dated=False))
    backend.flow()

    backend.jump(24)
    for n, instance in enumerate(machine.instances):
        machine.sweep(n)
        instance.skew = timedelta(seconds=-90)
    backend.flow()

    backend.check()
    assert backend.coverage.found["reason", "NOT_DUE"] == 1
    assert backend.coverage.found["seizure", "EXPIRED"] == 1
