"""What operators sent in again: every planted fault is found, and none where there is none."""

from dataclasses import replace
from typing import Any

import pytest

from qianbei.verify.conservation import Conservation
from qianbei.verify.outcome import Effect, Outcome
from qianbei.verify.redriven import Redrives
from qianbei.verify.report import CheckResult
from qianbei.verify.window import Window

REDRIVE, QUARANTINE, DECISION, EXCHANGE = (
    "intake.redrive",
    "quarantine.bureau",
    "decision.bureau",
    "exchange.sale",
)
TOPICS = (REDRIVE, QUARANTINE, DECISION, EXCHANGE, "quarantine.court", "quarantine.redrive", "intake.bureau")
WINDOW = Window({(topic, 0): 0 for topic in TOPICS}, {(topic, 0): 100 for topic in TOPICS})

HEADERS = {
    "origin": "intake.bureau/0/0",
    "sha256": "sha-0",
    "place": "intake.bureau/0/0",
    "operator": "wang",
    "reason": "wrong partitioner",
    "at": "2021-03-01T02:30:00+00:00",
}
STATED = {
    "intake_topic": "intake.bureau",
    "intake_partition": 0,
    "intake_offset": 0,
    "intake_sha256": "sha-0",
    "place": "intake.bureau/0/0",
    "edited": False,
    "operator": "wang",
    "reason": "wrong partitioner",
    "redriven_at": 0,
}
QUARANTINED = Outcome(QUARANTINE, 0, 0, "QUARANTINED", "intake.bureau", 0, 0, "sha-0", 0, 1)
EFFECT = Effect(EXCHANGE, "s1", 1)
ACCEPTED = Outcome(
    DECISION, 0, 0, "ACCEPTED", REDRIVE, 0, 0, "sha-0", 0, 2, "d2", (EFFECT,), 1, (EXCHANGE, "s1")
)
DUPLICATE = replace(ACCEPTED, offset=1, kind="DUPLICATE", intake_offset=1, slot_seq=3, decision_id="d3")
DUPLICATE = replace(DUPLICATE, effects=(), revision=None)

Answer = tuple[Outcome, dict[str, Any]]
RIGHT: list[Answer] = [
    (QUARANTINED, {"reason": "MISROUTED"}),
    (ACCEPTED, {"redriven": STATED}),
    (DUPLICATE, {"redriven": STATED}),
]


def header(changes: dict[str, str | None]) -> list[tuple[str, bytes | None]]:
    return [("qb_redrive_" + n, v.encode()) for n, v in (HEADERS | changes).items() if v is not None]


def check(
    answers: list[Answer],
    *,
    headers: dict[str, str | None] | None = None,
    late_intake: bool = False,
    window: Window = WINDOW,
    sha: str = "sha-0",
) -> CheckResult:
    conservation = Conservation(window)
    redrives = Redrives(window, conservation.findings)

    def feed() -> None:
        conservation.add_intake("intake.bureau", 0, 0, "sha-0")
        for offset in (0, 1):
            conservation.add_intake(REDRIVE, 0, offset, sha)
            redrives.add_intake(0, offset, sha, header(headers or {}))

    if not late_intake:
        feed()
    for outcome, record in answers:
        conservation.add_outcome(outcome)
        redrives.add_outcome(outcome, record)
    if late_intake:
        feed()
    conservation.add_exchange(EXCHANGE, 0, 0, "s1", 1, "d2")
    redrives.finish()
    return conservation.finish({})


@pytest.mark.parametrize("late_intake", [False, True])
def test_what_is_right_is_found_right_whichever_side_comes_first(late_intake: bool) -> None:
    result = check(RIGHT, late_intake=late_intake)
    assert result.ok, result.violations
    assert dict(result.counts)["redriven"] == 2


def test_a_redriven_record_that_was_never_decided() -> None:
    result = check(RIGHT[:2])
    assert dict(result.found) == {"LOST_OUTCOME": 1}
    assert result.violations[0].place == f"{REDRIVE}/0@1"


@pytest.mark.parametrize("late_intake", [False, True])
def test_an_answer_to_another_than_its_source(late_intake: bool) -> None:
    court = replace(ACCEPTED, topic="decision.court")
    result = check([RIGHT[0], (court, {"redriven": STATED}), RIGHT[2]], late_intake=late_intake)
    assert dict(result.found) == {"WRONG_TOPIC": 1}


@pytest.mark.parametrize(
    "stated",
    [
        None,
        STATED | {"operator": "li"},
        STATED | {"reason": ""},
        STATED | {"intake_offset": 9},
        STATED | {"edited": True},
    ],
)
def test_a_decision_that_does_not_say_how_its_record_came(stated: dict[str, Any] | None) -> None:
    assert dict(check([RIGHT[0], (ACCEPTED, {"redriven": stated}), RIGHT[2]]).found) == {
        "WRONG_PROVENANCE": 1
    }


def test_an_edit_that_is_passed_off_as_the_source_own_bytes() -> None:
    answers = [(replace(one, sha256="sha-9"), record) for one, record in RIGHT[1:]]
    assert dict(check([RIGHT[0], *answers], sha="sha-9").found) == {"WRONG_PROVENANCE": 2}
    edited = [(one, {"redriven": STATED | {"edited": True}}) for one, _ in answers]
    assert check([RIGHT[0], *edited], sha="sha-9").ok


def test_a_sources_own_record_that_is_said_to_be_redriven() -> None:
    own = replace(QUARANTINED, topic=DECISION, kind="REFUSED", decision_id="d1")
    found = dict(check([(own, {"redriven": STATED}), *RIGHT[1:]]).found)
    assert found == {"WRONG_PROVENANCE": 1, "NOT_QUARANTINED": 2}


def test_what_was_never_quarantined() -> None:
    own = replace(QUARANTINED, topic=DECISION, offset=7, kind="REFUSED", decision_id="d1")
    assert dict(check([(own, {}), *RIGHT[1:]]).found) == {"NOT_QUARANTINED": 2}


def test_what_retention_took_away_may_have_been_quarantined() -> None:
    cut = Window(WINDOW.begins | {(QUARANTINE, 0): 5, ("intake.bureau", 0): 1}, WINDOW.ends)
    assert "NOT_QUARANTINED" not in dict(check(RIGHT[1:], window=cut).found)


def test_another_digest_than_that_of_what_was_quarantined() -> None:
    stated = STATED | {"intake_sha256": "sha-5", "edited": True}
    answers = [(one, {"redriven": stated}) for one, _ in RIGHT[1:]]
    assert dict(check([RIGHT[0], *answers], headers={"sha256": "sha-5"}).found) == {"WRONG_PROVENANCE": 2}


def test_the_same_record_accepted_twice() -> None:
    twice = replace(DUPLICATE, kind="ACCEPTED", effects=(Effect(EXCHANGE, "s2", 1),), revision=1)
    twice = replace(twice, named=(EXCHANGE, "s2"))
    assert dict(check([*RIGHT[:2], (twice, {"redriven": STATED})]).found) == {
        "REDRIVEN_TWICE": 1,
        "LOST_EFFECT": 1,
    }


def test_what_does_not_say_whose_it_is_is_set_apart() -> None:
    nobodys = [
        (replace(QUARANTINED, topic="quarantine.redrive", intake_topic=REDRIVE, slot_seq=2), {}),
        (
            replace(
                QUARANTINED,
                topic="quarantine.redrive",
                offset=1,
                intake_topic=REDRIVE,
                intake_offset=1,
                slot_seq=3,
            ),
            {},
        ),
    ]
    result = check([RIGHT[0], *nobodys], headers={"origin": None})
    assert set(dict(result.found)) == {"NO_DECISION"}, (
        "that of the exchange record, which nothing explains here"
    )
    assert dict(check(RIGHT, headers={"origin": None}).found) == {"WRONG_TOPIC": 2}
