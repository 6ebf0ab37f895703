"""Past decisions made anew: the same by the same rules; by others, what an exchange comes to that had those from the start."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import yaml

from broker.admission.model import Place
from broker.admission.service import Knowledge
from broker.kafka import Outgoing, TopicPartition
from broker.replay.differing import NOT_ASKED, Difference, ruled_then
from broker.replay.past import Decoders, InOrder, Past, slot_pasts
from broker.replay.redeciding import By, Redeciding
from broker.replay.reopening import asked_then
from broker.topics import intake_topic
from schemas.catalogue import INTERNAL, load_catalogue
from schemas.policies import DEFAULT, load_policy
from tests.machine.books import RIGHT, Body, golden
from tests.machine.compare import Differs
from tests.machine.histories import Sources
from tests.machine.knowledge import encoders, knowledge
from tests.machine.log import Log, LogReader
from tests.machine.memory import InMemory
from tests.machine.people import SLOTS
from tests.machine.seeded import play
from tests.machine.sizes import profile
from tests.machine.world import World

HISTORIES, STEPS = int(os.environ.get("QIANBEI_REDECIDE_HISTORIES", "10")), 40
LAX = {
    "UNIT_SEIZED": "OFF",
    "LISTED_BUYER": "WARN",
    "UNIT_ALREADY_SOLD": "WARN",
    "CHANGE_UNDER_MORTGAGE": "OFF",
}


@cache
def lax(path: Path) -> Knowledge:
    """Knowledge by another policy."""
    known = knowledge(SLOTS)
    law = replace(known.decider.law, policy=load_policy(path))
    return replace(known, decider=replace(known.decider, law=law))


def policy_with(folder: Path, severities: Mapping[str, str]) -> Path:
    """The policy's file with these severities of rules of one edition."""
    policy = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    for code, severity in severities.items():
        (edition,) = policy["rules"][code]["editions"]
        policy["rules"][code]["editions"] = [edition | {"severity": severity}]
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(policy, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def lax_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy in which some rules refuse no more."""
    return policy_with(tmp_path_factory.mktemp("policy"), LAX)


def redecided(
    log: Log, by: By, known: Knowledge, since: datetime | None = None
) -> tuple[list[Past], list[Difference], int]:
    """Also, how many could not be put in order or looked at other evidence."""
    reader = LogReader(log, SLOTS)
    decoders = Decoders(known.states, known.states)
    order = InOrder(slot_pasts(reader, load_catalogue(), decoders, SLOTS))
    work = Redeciding(known, by, frozenset(asked_then(reader, decoders)), since)
    pasts: list[Past] = []
    found = list(work.differences(order, pasts.append))
    assert not any(one.stopped for one in order.pasts)
    return pasts, found, order.unordered + work.other_evidence


def test_what_is_still_being_written_is_left_out() -> None:
    backend = InMemory()
    backend.begin()
    world = World(backend.run, backend.clock, backend.look)
    for house in range(3):
        backend.send(world.unit(house, realty=False))
    backend.settle()
    log, known = backend.log, knowledge(SLOTS)
    (message,) = log.read(TopicPartition("decision.bureau", 0))
    body = known.states.decode(message.value)[1]
    later = encoders()["decision"](body | {"slot_seq": 3})
    log.append(Outgoing("decision.bureau", 0, message.key, later))
    reader = LogReader(log, SLOTS)
    order = InOrder(slot_pasts(reader, load_catalogue(), Decoders(known.states, known.states), SLOTS))
    assert len(list(order)) == 3
    assert [one.slot for one in order.pasts if one.stopped] == [0]


class Again(InMemory):
    """At the end of a history all of it is decided anew, by the same rules."""

    decided = 0

    def check(self) -> None:
        self.settle()
        for by in By:
            pasts, found, unsure = redecided(self.log, by, knowledge(SLOTS))
            type(self).decided += len(pasts)
            if found or unsure:
                raise Differs(f"{by}: {unsure} unsure; {found[:3]}")


def test_by_the_same_rules_nothing_differs() -> None:
    Again.decided = 0
    play(type("Lawful", (Sources,), {"backend": Again()}), 11, profile(HISTORIES, STEPS, shrink=False))
    assert Again.decided > 20 * HISTORIES


class Otherwise(InMemory):
    """Everything settles after each event, so that only the rules make a difference."""

    lax_file: Path
    changed: int = 0
    unasked: int = 0

    def send(self, event) -> None:
        super().send(event)
        self.settle()

    def jump(self, hours: int) -> None:
        super().jump(hours)
        self.settle()

    def check(self) -> None:
        self.settle()
        known = lax(self.lax_file)
        pasts, found, unsure = redecided(self.log, By.HISTORY, known)
        after = {past.place: ruled_then(past).compared for past in pasts}
        now = {one.place: one.after.compared for one in found if one.slot_seq is not None}
        after |= {past.place: now[str(past.place)] for past in pasts if str(past.place) in now}
        wanted = another_course(pasts, known)
        ours = {place: ruled for place, ruled in after.items() if place.topic != intake_topic(INTERNAL)}
        wrong = [place for place in ours if ours[place] != wanted[place]]
        if wrong or unsure:
            raise Differs(f"{[(p, ours[p], wanted[p]) for p in wrong[:3]]}")
        type(self).changed += len(found)
        type(self).unasked += sum(NOT_ASKED in (one.before.outcome, one.after.outcome) for one in found)


class Course(InMemory):
    """An exchange with rules of its own."""

    def __init__(self, known: Knowledge) -> None:
        self._own = known

    @property
    def known(self) -> Knowledge:
        return self._own


def another_course(pasts: list[Past], known: Knowledge) -> dict[Place, tuple]:
    """What becomes of the sources' records, in that order, where these rules are in force from the start."""
    other = Course(known)
    other.begin()
    for past in pasts:
        if past.came is not None and past.place.topic != intake_topic(INTERNAL):
            other.now = past.recorded_at - timedelta(milliseconds=14)
            other.settle()
            other.now = past.recorded_at - timedelta(milliseconds=7)
            came = past.came
            other.log.append(Outgoing(came.topic, came.partition, came.key, came.value, came.headers))
            other.settle()
    decoders = Decoders(known.states, known.states)
    order = InOrder(slot_pasts(LogReader(other.log, SLOTS), load_catalogue(), decoders, SLOTS))
    return {past.place: ruled_then(past).compared for past in order}


def test_by_other_rules_it_comes_to_what_an_exchange_with_those_comes_to(lax_file: Path) -> None:
    backend = type("Lax", (Otherwise,), {"lax_file": lax_file})()
    play(type("Lawful", (Sources,), {"backend": backend}), 12, profile(HISTORIES, STEPS, shrink=False))
    assert type(backend).changed >= HISTORIES, "these rules make no difference"
    assert type(backend).unasked, "nothing else was asked for: what follows is not looked at"


def test_each_decision_that_would_differ_is_told_and_no_other(tmp_path: Path) -> None:
    """By hand: a sale on a seized unit is refused, filed in vain, and after the release another one is signed."""
    backend = InMemory()
    backend.begin()
    world = World(backend.run, backend.clock, backend.look)
    seized = world.seizure(("house", 0), "1", 0, None, None, dated=False)
    first = world.sale(0, (0,), "12", None, 0, draft=False)
    filed = world._event("bureau", "sale", "FILED", contract_filed(first.body), 2, RIGHT)
    released = world._event("court", "seizure", "RELEASED", released_body(seized.body), 2, RIGHT)
    second = world.sale(0, (1,), "12", None, 0, draft=False)
    for event in (world.unit(0, realty=False), seized, first, filed, released, second):
        backend.send(event)
        backend.settle()
    known = lax(policy_with(tmp_path, {"UNIT_SEIZED": "OFF"}))
    refused = ("REFUSED", "UNIT_SEIZED"), ("ACCEPTED",)

    _, by_evidence, _ = redecided(backend.log, By.EVIDENCE, known)
    assert told(by_evidence) == {(first.body["entity_id"], "SIGNED"): refused}

    _, by_history, _ = redecided(backend.log, By.HISTORY, known)
    assert told(by_history) == {
        (first.body["entity_id"], "SIGNED"): refused,
        (first.body["entity_id"], "FILED"): (("REFUSED", "ILLEGAL_TRANSITION"), ("ACCEPTED",)),
        (second.body["entity_id"], "SIGNED"): (("ACCEPTED",), ("REFUSED", "UNIT_ALREADY_SOLD")),
    }
    for by in By:
        _, since, _ = redecided(backend.log, by, known, since=by_history[-1].recorded_at)
        assert told(since) == {}, "what was decided before is taken as it was, and so is what followed"

    (again,) = [one for one in by_history if one.entity_id == second.body["entity_id"]]
    assert [ground.rule_version for ground in again.after.grounds if ground.severity == "REFUSE"] == ["1"]


def told(found: list[Difference]) -> dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]]:
    return {(one.entity_id, one.event_type): (one.before.codes, one.after.codes) for one in found}


def contract_filed(body: Body) -> Body:
    return golden("sale", "presale") | body | {"filing_no": "BA-1", "filed_at": body["signed_at"]}


def released_body(body: Body) -> Body:
    names = [name for name in golden("seizure", "released") if name.startswith("release")]
    return body | {name: golden("seizure", "released")[name] for name in names}


def test_what_was_written_is_compared_by_field(tmp_path: Path) -> None:
    """A limit that was another one changes no outcome of a notice without dates, and its term."""
    backend = InMemory()
    backend.begin()
    world = World(backend.run, backend.clock, backend.look)
    seized = world.seizure(("house", 0), "1", 0, None, None, dated=False)
    for event in (world.unit(0, realty=False), seized):
        backend.send(event)
        backend.settle()
    policy = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    policy["seizure_limits"][-1] |= {"first_years": 1, "version": "shorter"}
    path = tmp_path / "shorter.yaml"
    path.write_text(yaml.safe_dump(policy, allow_unicode=True), encoding="utf-8")
    _, found, _ = redecided(backend.log, By.EVIDENCE, lax(path))
    assert [(one.entity_id, one.before.codes, one.after.codes, one.fields) for one in found] == [
        (
            seized.body["entity_id"],
            ("ACCEPTED",),
            ("ACCEPTED",),
            (f"seizure {seized.body['entity_id']}: effective_until",),
        )
    ]
