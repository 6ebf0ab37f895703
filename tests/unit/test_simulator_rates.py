"""What a city of the demo's size leads to: which refusals, how many, and how the records are spread over subjects."""

from collections import Counter

import pytest

from producers.simulator.model_compare import Account
from producers.simulator.stream import plan
from tests.unit.simulator_history import Deciding

EVENTS = 20_000

MUST_OCCUR = {
    "UNIT_SEIZED": 40,
    "LISTED_BUYER": 40,
    "UNIT_ALREADY_SOLD": 60,
    "UNIT_UNKNOWN": 20,
    "NO_PRESALE_PERMIT": 10,
    "MORTGAGE_RANK_TAKEN": 10,
    "CHANGE_UNDER_MORTGAGE": 10,
    "CHANGE_UNDER_NOTICE": 10,
    "LEASE_TOO_LONG": 5,
    "TERM_TOO_LONG": 4,
    "RENEWAL_TOO_SHORT": 1,
    "RENEWAL_IS_AN_EVENT": 2,
    "REKEY": 1,
}
"""By reason, how often at least."""


@pytest.fixture(scope="module")
def result() -> Account:
    return Account(tuple(Deciding().play(1, EVENTS).found), ())


def test_every_reason_of_the_law_is_given(result: Account) -> None:
    reasons = result.reasons()
    assert {code: reasons[code] for code, least in MUST_OCCUR.items() if reasons[code] < least} == {}


def test_what_is_illegal_stays_rare(result: Account) -> None:
    outcomes, reasons = result.outcomes(), result.reasons()
    assert outcomes["accepted"] > 0.89 * EVENTS
    assert reasons["UNIT_SEIZED"] + reasons["LISTED_BUYER"] < 0.02 * EVENTS


def test_seizures_go_through_their_whole_life(result: Account) -> None:
    events = Counter(r.event_type for r in result.revisions() if r.subject == "seizure")
    assert events.keys() == {
        *("SEIZED", "CHANGED", "RENEWED", "RELEASED"),
        *("BOUND", "PROMOTED", "REQUEUED", "CONVERTED", "EXPIRED", "LAPSED"),
    }


def test_late_conflicts_are_raised_and_resolved(result: Account) -> None:
    conflicts = result.conflicts()
    assert conflicts["raised"] > 60
    assert 0 < conflicts["resolved"] <= conflicts["raised"]


def test_the_subjects_keep_their_proportions() -> None:
    """As many seizures, listings and titles among the sales and leases as a prefecture has, more or less."""
    share = Counter(planned.subject for planned in plan(1, EVENTS))
    expected = {"sale": 0.29, "mortgage": 0.15, "title": 0.12, "lease": 0.12, "unit": 0.12, "feedback": 0.11}
    for subject, part in expected.items():
        assert 0.85 * part < share[subject] / EVENTS < 1.15 * part, subject
    assert 0.015 < share["seizure"] / EVENTS < 0.05
    assert 0.01 < share["defaulter"] / EVENTS < 0.03
