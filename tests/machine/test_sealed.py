"""With encryption admission decides as without, writes nothing in clear, and no crash leaves a value without its key."""

from collections.abc import Iterator

import pytest

from broker.keys.ciphers import Algorithm
from tests.machine.exchange import Exchange
from tests.machine.on_postgres import Disturbed, OnPostgres
from tests.machine.sealing import Opener, sealer, written
from tests.machine.seeded import play
from tests.machine.sizes import LAW_SEED, SEALED, profile


@pytest.fixture
def sealing(machine: Exchange) -> Iterator[Exchange]:
    machine.sealer = sealer(Algorithm.AES)
    yield machine
    machine.sealer = None


class Sealed(OnPostgres):
    """What is written is looked at after each history."""

    values = 0

    def check(self) -> None:
        super().check()
        opened = Opener(self.exchange)
        for _topic, owner, _holder, envelope in written(self.exchange):
            opened(envelope, owner)
            self.values += 1


@pytest.mark.timeout(7200)
def test_no_history_is_decided_otherwise_with_encryption(sealing: Exchange) -> None:
    backend = Sealed(sealing)
    lawful = type("Lawful", (Disturbed,), {"backend": backend})
    play(lawful, int(LAW_SEED or 11), profile(SEALED))
    assert backend.values > 100
