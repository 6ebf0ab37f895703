"""Whatever is decided otherwise than the model says is found: every kind of difference, planted one by one."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from producers.simulator.ledger import Ledger
from producers.simulator.model import Decided, Model
from producers.simulator.model_compare import (
    Observed,
    account,
    compare_revisions,
    order_faults,
    revision_of,
    summary,
)
from producers.simulator.numbers import slot_of
from producers.simulator.stream import plan

ROOT = Path(__file__).parents[2]
SLOTS = 4


def sent(seed: int, events: int) -> tuple[Ledger, list[Decided]]:
    """A plan as if it had been decided in its own order."""
    ledger = Ledger()
    order: list[Decided] = []
    sequence: Counter[int] = Counter()
    offsets: Counter[tuple[str, int]] = Counter()
    for planned in plan(seed, events, slots=SLOTS):
        value = planned.body if planned.schema is None else b"\x00\x00\x00\x00\x01" + (planned.body or b"")
        slot = slot_of(planned.key or b"", SLOTS) if planned.partition is None else planned.partition
        digest = ledger.add(planned, value)
        sequence[slot] += 1
        order.append(Decided(slot, sequence[slot], planned.topic, slot, offsets[planned.topic, slot], digest))
        offsets[planned.topic, slot] += 1
    return ledger, order


@pytest.fixture(scope="module")
def run() -> tuple[Ledger, list[Observed]]:
    ledger, order = sent(31, 4000)
    return ledger, [
        Observed(
            item.place,
            item.outcome,
            item.codes,
            item.revision,
            frozenset((f"exchange.{r.subject}", r.entity_id, r.revision) for r in item.revisions),
        )
        for item in Model(ledger).judge(order)
    ]


Run = tuple[Ledger, list[Observed]]


def kinds(ledger: Ledger, observed: list[Observed]) -> set[str]:
    return {difference.kind for difference in account(ledger, observed).differences}


def first(observed: list[Observed], outcome: str) -> int:
    return next(at for at, item in enumerate(observed) if item.outcome == outcome)


def changed(observed: list[Observed], at: int, **fields: object) -> list[Observed]:
    return [*observed[:at], observed[at]._replace(**fields), *observed[at + 1 :]]


def test_what_the_model_says_differs_in_nothing(run: Run) -> None:
    ledger, observed = run
    result = account(ledger, observed)
    assert result.differences == (), summary(result.differences)
    assert sum(result.outcomes().values()) == 4000
    assert result.outcomes().keys() == {"accepted", "refused", "duplicate", "quarantined"}
    assert result.reasons()["UNIT_ALREADY_SOLD"] > 0


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


def imported(module: str) -> Iterator[str]:
    """All modules of ours that a module imports, and those that they import."""
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.exists():
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        for name in names:
            yield name
            if name.startswith("producers"):
                yield from imported(name)


@pytest.mark.parametrize("module", ["model", "model_tables", "model_compare", "ledger"])
def test_the_model_imports_nothing_of_the_exchange(module: str) -> None:
    found = set(imported(f"producers.simulator.{module}"))
    assert not {name for name in found if name.split(".")[0] in ("broker", "schemas", "consumers", "qianbei")}


def test_an_import_of_an_import_is_found() -> None:
    assert "broker.kafka" in set(imported("producers.simulator.drive"))


def test_two_plans_on_one_stack_do_not_touch_each_other() -> None:
    runs = [sent(seed, 1500) for seed in (41, 42)]
    apart = [Counter(item.outcome for item in Model(ledger).judge(order)) for ledger, order in runs]
    (first_ledger, first_order), (second_ledger, second_order) = runs
    ends = Counter(place.slot for place in first_order)
    lanes = Counter((place.topic, place.slot) for place in first_order)
    after = [
        place._replace(
            slot_seq=place.slot_seq + ends[place.slot], offset=place.offset + lanes[place.topic, place.slot]
        )
        for place in second_order
    ]
    together = first_order + after
    assert not order_faults(together)
    assert (
        Counter(item.outcome for item in Model(first_ledger.merge([second_ledger])).judge(together))
        == apart[0] + apart[1]
    )
