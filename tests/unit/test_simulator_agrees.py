"""Admission's own decisions, in memory and without servers, against the simulator's account: event by event, ten seeds."""

from datetime import UTC, datetime
from random import Random

import pytest

from producers.simulator.drive import outgoing
from producers.simulator.ledger import Ledger
from producers.simulator.model_compare import account, compare_revisions, summary
from producers.simulator.stream import plan
from tests.support.in_memory import InMemory, headers, parties_of

SLOTS = 4
NOW = datetime(2021, 11, 1, tzinfo=UTC)
"""After the simulated year; terms of a few weeks have ended by then, those of years run on."""


@pytest.mark.parametrize("seed", range(101, 111))
def test_admission_decides_as_the_model_says(seed: int) -> None:
    exchange, ledger = InMemory(Random(seed), SLOTS, NOW), Ledger()
    for planned in plan(seed, 1200, slots=SLOTS):
        exchange.append(outgoing(planned, headers(), SLOTS, ledger))
        while exchange.waiting > 60:
            exchange.step()
        if exchange.rng.random() < 0.02:
            exchange.sweep()
    exchange.settle()
    result = account(ledger, exchange.observed, parties_of(ledger))
    assert not result.differences, summary(result.differences)
    assert not compare_revisions(result, exchange.revisions)
    assert set(result.outcomes()) == {"accepted", "refused", "duplicate", "quarantined"}
