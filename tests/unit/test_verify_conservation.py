"""Check 1 finds every planted fault, and none where there is none."""

from dataclasses import replace

import pytest

from qianbei.verify.conservation import Conservation
from qianbei.verify.outcome import Effect, Outcome
from qianbei.verify.report import CheckResult, Findings
from qianbei.verify.revisions import Revisions
from qianbei.verify.window import Window

INTAKE, DECISION, QUARANTINE, EXCHANGE = (
    "intake.bureau",
    "decision.bureau",
    "quarantine.bureau",
    "exchange.sale",
)
WINDOW = Window(
    {(topic, 0): 0 for topic in (INTAKE, DECISION, QUARANTINE, EXCHANGE)},
    {(topic, 0): 1_000 for topic in (INTAKE, DECISION, QUARANTINE, EXCHANGE)},
)


def outcome(seq: int, kind: str = "REFUSED", effects: tuple[Effect, ...] = ()) -> Outcome:
    """The seq-th decision, on the record at offset seq - 1."""
    topic = QUARANTINE if kind == "QUARANTINED" else DECISION
    found = Outcome(topic, 0, seq, kind, INTAKE, 0, seq - 1, f"sha-{seq - 1}", 0, seq, f"d{seq}", effects)
    revision = effects[-1].revision if kind == "ACCEPTED" and effects else None
    return replace(found, revision=revision, named=effects[-1][:2] if effects else None)


def filed(revision: int) -> tuple[Effect, ...]:
    return (Effect(EXCHANGE, "s1", revision),)


OUTCOMES = [
    outcome(1, "ACCEPTED", filed(1)),
    outcome(2, "REFUSED"),
    outcome(3, "ACCEPTED", filed(2)),
    outcome(4, "DUPLICATE"),
    outcome(5, "QUARANTINED"),
]
WRITTEN = [(0, "s1", 1, "d1"), (1, "s1", 2, "d3")]


def check(
    outcomes: list[Outcome] = OUTCOMES,
    written: list[tuple[int, str, int, str]] = WRITTEN,
    *,
    intake: int = 5,
    window: Window = WINDOW,
    decided: dict[tuple[str, int], int] | None = None,
    late_intake: bool = False,
) -> CheckResult:
    conservation = Conservation(window)

    def feed_intake() -> None:
        for offset in range(window.begins[INTAKE, 0], intake):
            conservation.add_intake(INTAKE, 0, offset, f"sha-{offset}")

    if not late_intake:
        feed_intake()
        for offset, entity, revision, decision_id in written:
            conservation.add_exchange(EXCHANGE, 0, offset, entity, revision, decision_id)
    for one in outcomes:
        conservation.add_outcome(one)
    if late_intake:
        for offset, entity, revision, decision_id in written:
            conservation.add_exchange(EXCHANGE, 0, offset, entity, revision, decision_id)
        feed_intake()
    return conservation.finish(decided or {})


@pytest.mark.parametrize("late_intake", [False, True])
def test_what_is_right_is_found_right_whichever_side_comes_first(late_intake: bool) -> None:
    result = check(late_intake=late_intake)
    assert result.ok, result.violations
    assert result.compared == 5
    counts = {"accepted": 2, "refused": 1, "duplicate": 1, "quarantined": 1, "effects": 2, "slot_seqs": 5}
    assert counts.items() <= dict(result.counts).items()


def test_a_lost_decision() -> None:
    assert dict(check([*OUTCOMES[:1], *OUTCOMES[2:]]).found) == {"LOST_OUTCOME": 1, "SEQ_GAP": 1}


def test_a_record_never_decided_shows_without_a_gap() -> None:
    result = check(intake=6)
    assert dict(result.found) == {"LOST_OUTCOME": 1}
    assert result.violations[0].place == f"{INTAKE}/0@5"


def test_a_record_that_admission_has_yet_to_decide_is_late_and_not_lost() -> None:
    assert dict(check(intake=7, decided={(INTAKE, 0): 5}).found) == {"BEHIND": 1}


def test_a_record_that_came_after_the_start_may_be_on_its_way() -> None:
    window = Window(WINDOW.begins, WINDOW.ends | {(INTAKE, 0): 5})
    assert check(intake=7, window=window).ok


@pytest.mark.parametrize("late_intake", [False, True])
def test_a_doubled_decision(late_intake: bool) -> None:
    again = replace(OUTCOMES[1], offset=9, slot_seq=6, decision_id="d6")
    found = dict(check([*OUTCOMES, again], late_intake=late_intake).found)
    assert found == {"DOUBLED_OUTCOME": 1, "OUT_OF_ORDER": 1}


def test_a_record_decided_and_quarantined() -> None:
    again = replace(outcome(6, "QUARANTINED"), intake_offset=1)
    assert dict(check([*OUTCOMES, again]).found) == {"DOUBLED_OUTCOME": 1, "OUT_OF_ORDER": 1}


def test_the_same_batch_published_twice() -> None:
    twice = [*OUTCOMES, *(replace(one, offset=one.offset + 100) for one in OUTCOMES)]
    found = dict(check(twice, [*WRITTEN, (2, "s1", 1, "d1"), (3, "s1", 2, "d3")]).found)
    assert found["DOUBLED_OUTCOME"] == 5
    assert found["SEQ_TWICE"] == 5
    assert found["REVISION_ORDER"] == 2


def test_a_wrong_sha() -> None:
    result = check([replace(OUTCOMES[0], sha256="sha-9"), *OUTCOMES[1:]])
    assert dict(result.found) == {"WRONG_SHA256": 1}
    assert result.violations[0].place == f"{INTAKE}/0@0"


def test_a_gap_in_slot_seq() -> None:
    shifted = [*OUTCOMES[:3], *(replace(one, slot_seq=one.slot_seq + 2) for one in OUTCOMES[3:])]
    result = check(shifted)
    assert dict(result.found) == {"SEQ_GAP": 1}
    assert "4 to 5" in result.violations[0].detail


def test_a_gap_at_the_beginning() -> None:
    shifted = [replace(one, slot_seq=one.slot_seq + 1) for one in OUTCOMES]
    assert dict(check(shifted).found) == {"SEQ_GAP": 1}


def test_decisions_out_of_offset_order() -> None:
    swapped = [replace(OUTCOMES[0], slot_seq=2), replace(OUTCOMES[1], slot_seq=1), *OUTCOMES[2:]]
    assert dict(check(swapped).found) == {"OUT_OF_ORDER": 1}


def test_a_decision_without_an_intake_record() -> None:
    assert dict(check([*OUTCOMES, outcome(6)]).found) == {"NO_INTAKE": 1}


def test_a_decision_in_a_foreign_topic_and_slot() -> None:
    foreign = replace(OUTCOMES[1], topic="decision.court")
    window = Window(WINDOW.begins | {("decision.court", 0): 0}, WINDOW.ends | {("decision.court", 0): 9})
    assert dict(check([OUTCOMES[0], foreign, *OUTCOMES[2:]], window=window).found) == {"WRONG_TOPIC": 1}
    assert "WRONG_SLOT" in check([OUTCOMES[0], replace(OUTCOMES[1], partition=1), *OUTCOMES[2:]]).found


def test_an_accepted_decision_whose_record_was_never_written() -> None:
    assert dict(check(written=WRITTEN[:1]).found) == {"LOST_EFFECT": 1}


def test_a_record_written_twice() -> None:
    found = dict(check(written=[*WRITTEN, (2, "s1", 2, "d3")]).found)
    assert found == {"REVISION_ORDER": 1, "DOUBLED_EFFECT": 1}


def test_a_record_written_twice_read_after_its_decision() -> None:
    found = dict(check(written=[*WRITTEN, (2, "s1", 2, "d3")], late_intake=True).found)
    assert found == {"REVISION_ORDER": 1, "NO_DECISION": 1}


def test_a_record_that_no_decision_explains() -> None:
    assert dict(check(written=[*WRITTEN, (2, "s2", 1, "d9")]).found) == {"NO_DECISION": 1}


def test_a_record_that_names_another_decision() -> None:
    assert dict(check(written=[WRITTEN[0], (1, "s1", 2, "d1")]).found) == {"WRONG_DECISION": 1}


def test_a_revision_left_out() -> None:
    skipping = [OUTCOMES[0], OUTCOMES[1], outcome(3, "ACCEPTED", filed(3)), *OUTCOMES[3:]]
    assert dict(check(skipping, [WRITTEN[0], (1, "s1", 3, "d3")]).found) == {"REVISION_ORDER": 1}


def test_revisions_in_the_wrong_order() -> None:
    assert dict(check(written=[(0, "s1", 2, "d3"), (1, "s1", 1, "d1")]).found) == {"REVISION_ORDER": 2}


def test_an_acceptance_without_effects() -> None:
    wrong = [replace(OUTCOMES[0], effects=()), *OUTCOMES[1:]]
    assert dict(check(wrong, WRITTEN[1:]).found)["WRONG_EFFECTS"] == 1


def test_an_acceptance_whose_own_revision_is_not_among_its_effects() -> None:
    fired = Effect("exchange.seizure", "z1", 1)
    wrong = [replace(OUTCOMES[0], effects=(fired,)), *OUTCOMES[1:2]]
    conservation = Conservation(WINDOW)
    for one in wrong:
        conservation.add_outcome(one)
    assert conservation.findings.found["WRONG_EFFECTS"] == 1
    request = replace(wrong[0], topic="decision.internal", intake_topic="intake.internal", named=None)
    conservation.add_outcome(request)
    assert conservation.findings.found["WRONG_EFFECTS"] == 1, "a request may change another entity"


def test_a_request_that_is_passed_on_writes_nothing() -> None:
    passed = replace(
        OUTCOMES[0], topic="decision.internal", intake_topic="intake.internal", effects=(), revision=None
    )
    conservation = Conservation(WINDOW)
    conservation.add_outcome(passed)
    assert not conservation.findings.found
    conservation.add_outcome(replace(passed, slot_seq=2, revision=1))
    assert conservation.findings.found["WRONG_EFFECTS"] == 1


def test_a_refusal_that_claims_a_revision() -> None:
    wrong = [OUTCOMES[0], replace(OUTCOMES[1], revision=1), *OUTCOMES[2:]]
    assert dict(check(wrong).found) == {"WRONG_EFFECTS": 1}


@pytest.mark.parametrize("kind", ["REFUSED", "DUPLICATE"])
def test_what_was_due_before_a_record_may_be_an_effect_of_its_refusal(kind: str) -> None:
    fired = replace(outcome(2, kind), effects=(Effect(EXCHANGE, "s2", 1),))
    written = [WRITTEN[0], (1, "s2", 1, "d2"), (2, "s1", 2, "d3")]
    result = check([OUTCOMES[0], fired, *OUTCOMES[2:]], written)
    assert result.ok, result.violations


def test_an_outcome_of_an_unknown_kind() -> None:
    assert (
        "UNKNOWN_OUTCOME" in check([replace(OUTCOMES[1], kind="PERHAPS"), *OUTCOMES[:1], *OUTCOMES[2:]]).found
    )


def test_decisions_on_records_that_retention_has_taken_are_not_asked_for() -> None:
    window = Window(WINDOW.begins | {(INTAKE, 0): 2}, WINDOW.ends)
    result = check(window=window)
    assert result.ok, result.violations
    assert result.compared == 3


def test_a_quarantine_record_that_retention_has_taken_leaves_no_gap() -> None:
    quarantined = [OUTCOMES[0], outcome(2, "QUARANTINED"), *OUTCOMES[2:]]
    window = Window(WINDOW.begins | {(INTAKE, 0): 1, (QUARANTINE, 0): 3}, WINDOW.ends)
    result = check([quarantined[0], *quarantined[2:]], window=window)
    assert result.ok, result.violations
    later = Window(WINDOW.begins | {(INTAKE, 0): 1, (QUARANTINE, 0): 1}, WINDOW.ends)
    lost = check([*quarantined[:3], *quarantined[4:]], window=later)
    assert dict(lost.found) == {"LOST_OUTCOME": 1, "SEQ_GAP": 1}


def test_waits_as_long_as_something_required_is_missing() -> None:
    conservation = Conservation(WINDOW)
    conservation.add_intake(INTAKE, 0, 0, "sha-0")
    assert conservation.waits()
    conservation.add_outcome(OUTCOMES[0])
    assert conservation.waits(), "the effect is not there yet"
    conservation.add_exchange(EXCHANGE, 0, 0, "s1", 1, "d1")
    assert not conservation.waits()


def test_nothing_compared_is_no_success() -> None:
    assert dict(Conservation(WINDOW).finish({}).found) == {"NOTHING_COMPARED": 1}


# --- seizures that find their house -----------------------------------------------------------------------------------


def moved(*places: tuple[int, int], required: bool = True) -> dict[str, int]:
    """What is found of a seizure with these partitions and revisions, in the order of reading."""
    findings = Findings()
    revisions = Revisions(findings)
    for offset, (partition, revision) in enumerate(places):
        place = f"exchange.seizure/{partition}@{offset}"
        revisions.add("exchange.seizure", partition, place, "z1", revision, required=required)
    revisions.finish()
    return dict(findings.found)


def test_the_revisions_of_a_seizure_may_go_on_in_the_partition_of_its_house() -> None:
    assert moved((2, 1), (2, 2), (0, 3), (0, 4)) == {}
    assert moved((0, 3), (0, 4), (2, 1), (2, 2)) == {}, "whichever partition is read first"
    assert moved((0, 1), (0, 2)) == {}


def test_a_seizure_whose_revisions_do_not_join() -> None:
    assert moved((2, 1), (0, 3)) == {"REVISION_ORDER": 1}
    assert moved((2, 1), (2, 2), (0, 2)) == {"REVISION_ORDER": 1}
    assert moved((0, 2)) == {"REVISION_ORDER": 1}
    assert moved((0, 2), required=False) == {}, "what comes before it may be on its way"
    assert moved((2, 1), (0, 2), (1, 3)) == {"SPLIT_ENTITY": 1}
    assert "REVISION_ORDER" in moved((2, 1), (0, 2), (2, 3)), "it never moves back"
