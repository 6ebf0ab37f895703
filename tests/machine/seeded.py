"""Histories that follow from their seed alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from hypothesis import seed, settings
from hypothesis.internal.conjecture.providers import CONSTANTS_CACHE, HypothesisProvider
from hypothesis.internal.constants_ast import Constants
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def play(machine: type[RuleBasedStateMachine], number: int, chosen: settings) -> None:
    """Play the histories of a seed. Raises what the first failing one raises."""
    with _no_borrowed_numbers():
        run_state_machine_as_test(seed(number)(machine), settings=chosen)


@contextmanager
def _no_borrowed_numbers() -> Iterator[None]:
    """Hypothesis now and then draws a number that stands in some module that is loaded. Then the histories of a seed would
    be others in each run of other tests, and after each change of anything."""
    CONSTANTS_CACHE.cache.clear()
    try:
        with patch.object(HypothesisProvider, "_local_constants", Constants()):
            yield
    finally:
        CONSTANTS_CACHE.cache.clear()
