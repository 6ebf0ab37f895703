"""Whatever is decided otherwise than the model says is found: every kind of difference, planted one by one."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from producers.simulator.ledger import Ledger
from producers.simulator.model_compare import (
    Observed,
    account,
    compare_revisions,
    order_faults,
    revision_of,
    summary,
)
from producers.simulator.model_words import Decided, Seen
from tests.unit.simulator_history import Deciding, observed

ROOT = Path(__file__).parents[2]
SIMULATOR = ROOT / "producers" / "simulator"


@pytest.fixture(scope="module")
def run() -> tuple[Ledger, list[Observed]]:
    deciding = Deciding().play(31, 2500)
    return deciding.ledger, observed(deciding.found)


Run = tuple[Ledger, list[Observed]]


def kinds(ledger: Ledger, observed: list[Observed]) -> set[str]:
    return {difference.kind for difference in account(ledger, observed).differences}


def first(observed: list[Observed], outcome: str) -> int:
    return next(at for at, item in enumerate(observed) if item.outcome == outcome)


def changed(observed: list[Observed], at: int, **fields: Any) -> list[Observed]:
    return [*observed[:at], observed[at]._replace(**fields), *observed[at + 1 :]]


def test_what_the_model_says_differs_in_nothing(run: Run) -> None:
    ledger, observed = run
    result = account(ledger, observed)
    assert result.differences == (), summary(result.differences)
    assert sum(result.outcomes().values()) == 2500
    assert result.outcomes().keys() == {"accepted", "refused", "duplicate", "quarantined"}
    assert all(result.reasons()[code] > 0 for code in ("UNIT_ALREADY_SOLD", "UNIT_SEIZED", "LISTED_BUYER"))
    assert result.conflicts()["raised"] >= result.conflicts()["resolved"] > 0


@pytest.mark.parametrize("outcome", ["REFUSED", "DUPLICATE", "QUARANTINED"])
def test_another_outcome(run: Run, outcome: str) -> None:
    ledger, observed = run
    assert kinds(ledger, changed(observed, first(observed, outcome), outcome="ACCEPTED")) == {"DECISION"}


def test_another_reason(run: Run) -> None:
    ledger, observed = run
    assert kinds(
        ledger, changed(observed, first(observed, "REFUSED"), codes=frozenset({"STALE", "BAD_AREA"}))
    ) == {"DECISION"}


def test_another_revision_and_other_effects(run: Run) -> None:
    ledger, observed = run
    at = first(observed, "ACCEPTED")
    assert kinds(ledger, changed(observed, at, revision=7)) == {"REVISION"}
    assert kinds(ledger, changed(observed, at, effects=frozenset())) == {"EFFECTS"}


def test_a_record_that_was_not_decided_and_one_that_was_decided_twice(run: Run) -> None:
    ledger, observed = run
    assert "CONSERVATION" in kinds(ledger, observed[:-1])
    assert "CONSERVATION" in kinds(ledger, [*observed, observed[-1]])


def test_an_order_that_cannot_be() -> None:
    right = [
        Decided(1, 1, "intake.tax", 1, 0, "a"),
        Decided(1, 2, "intake.tax", 1, 1, "b"),
        Decided(2, 1, "intake.tax", 2, 0, "c"),
    ]
    assert order_faults(right) == []
    wrong = {
        "SLOT": [right[0]._replace(slot=3)],
        "SLOT_SEQ": [right[0], right[1]._replace(slot_seq=3)],
        "OFFSET_ORDER": [right[0]._replace(offset=5), right[1]],
    }
    for kind, order in wrong.items():
        assert {difference.kind for difference in order_faults(order)} == {kind}
    assert {d.kind for d in order_faults([right[1]])} == {"SLOT_SEQ"}, "a slot begins with 1"


def test_revisions_on_the_exchange(run: Run) -> None:
    result = account(*run)
    revisions = result.revisions()
    assert not compare_revisions(result, revisions)
    assert compare_revisions(result, revisions[:-1])
    assert compare_revisions(result, [*revisions, revisions[0]])
    assert compare_revisions(result, [revisions[0]._replace(interested=("tax",)), *revisions[1:]])
    record = {
        "entity_id": "S1",
        "revision": 2,
        "event_type": "FILED",
        "event_id": "e",
        "contract_status": "FILED",
    }
    assert revision_of("sale", record | {"interested": ["fund"], "interested_before": None}).interested == (
        "fund",
    )


# --- independence ---------------------------------------------------------------------------------------------------


@cache
def imported(module: str) -> frozenset[str]:
    """All modules that a module of the simulator imports, and those that they import."""
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.exists():
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
        if isinstance(node, ast.ImportFrom) and node.module == "producers.simulator":
            names = {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        found |= names
        for name in names:
            if name.startswith("producers"):
                found |= imported(name)
    return frozenset(found)


@pytest.mark.parametrize(
    "module", sorted(path.stem for path in {*SIMULATOR.glob("model*.py"), SIMULATOR / "ledger.py"})
)
def test_the_model_imports_nothing_of_the_exchange(module: str) -> None:
    found = imported(f"producers.simulator.{module}")
    assert not {name for name in found if name.split(".")[0] in ("broker", "schemas", "consumers", "qianbei")}


def test_an_import_of_an_import_is_found() -> None:
    assert "broker.kafka" in imported("producers.simulator.drive")


def test_two_plans_on_one_stack_do_not_touch_each_other() -> None:
    apart = [Counter(item.outcome for item in Deciding().play(seed, 1500).found) for seed in (41, 42)]
    together = Deciding().play(41, 1500).play(42, 1500)
    assert Counter(item.outcome for item in together.found) == apart[0] + apart[1]
    assert not account(together.ledger, observed(together.found)).differences


# --- what the exchange asks of itself, and what decisions saw ---------------------------------------------------------


def test_what_was_asked_and_not_decided_and_what_nobody_asked(run: Run) -> None:
    ledger, observed = run
    at = next(at for at, item in enumerate(observed) if item.is_internal)
    without = kinds(ledger, [*observed[:at], *observed[at + 1 :]])
    assert "UNANSWERED" in without
    word = observed[at].place.internal
    assert word is not None
    place = observed[at].place._replace(internal=word._replace(event_id=Deciding.__name__))
    assert "DECISION" in kinds(ledger, changed(observed, at, place=place))


def test_a_decision_that_saw_another_revision_or_nothing_where_something_was(run: Run) -> None:
    ledger, observed = run
    at = next(at for at, item in enumerate(observed) if item.place.sha256 and item.codes == {"LISTED_BUYER"})
    known = next(item for item in observed if any(t == "exchange.defaulter" for t, _, _ in item.effects))
    listing = next(entity_id for _, entity_id, _ in known.effects)
    for wrong in (Seen("defaulter", listing, 40), Seen("defaulter", "D", 1)):
        place = observed[at].place._replace(seen=(wrong,))
        assert "SEEN" in kinds(ledger, changed(observed, at, place=place))


def test_decisions_that_each_saw_what_the_other_did_are_torn(run: Run) -> None:
    ledger, observed = run
    wrote = [
        (at, next(iter(item.effects)))
        for at, item in enumerate(observed)
        if item.effects and not item.is_internal
    ]
    (one, first_effect), (other, last_effect) = wrote[0], wrote[-1]
    torn = changed(observed, one, place=_saw(observed[one], last_effect))
    torn = changed(torn, other, place=_saw(torn[other], first_effect))
    assert "ORDER" in kinds(ledger, torn)


def _saw(item: Observed, effect: tuple[str, str, int]) -> Decided:
    topic, entity_id, revision = effect
    return item.place._replace(seen=(Seen(topic.removeprefix("exchange."), entity_id, revision),))
