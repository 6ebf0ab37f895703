"""The differences between what an exchange wrote and what the model says."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.machine.model import Decision, Deed, Model
from tests.machine.model.state import Thing, conflict_key
from tests.machine.observed import UNFORESEEN, Observed, Story

NOTHING_TO_DO = {"NOT_DUE", "MOOT"}
UNTOLD = {"watch"}
"""Requests that the model does not foresee: what is told to whom, and never what is decided. It follows what comes of
them. Which hits a watch must get is held by tests of its own."""
TIMERS = {("seizure", "EXPIRED"), ("defaulter", "EXPIRED")}


class Differs(AssertionError):
    """What an exchange wrote is not what the model says."""


def differences(story: Story, order: Sequence[tuple[int, int]], model: Model) -> list[str]:
    """Let the model decide the same records in the same order; what differs, the first difference first."""
    found = list(story.problems)
    asked: list[tuple[Any, ...]] = []
    if sorted(order) != sorted(story.by_seq):
        found.append("the decisions published are not the decisions committed")
    for at in order:
        observed = story.by_seq.get(at)
        if observed is None or observed.answer is None:
            continue
        answer = observed.answer
        _name_conflict(story, observed)
        expected = model.decide(
            observed.principal,
            observed.subject,
            observed.body,
            answer["intake_sha256"],
            answer["recorded_at"],
        )
        asked += expected.requests
        found += [f"{at} {_title(observed)}: {text}" for text in _differs(observed, expected)]
    asked_for = Counter(
        _request(r)
        for r in story.requests
        if (r.subject, r.body["event_type"]) not in TIMERS and r.subject not in UNTOLD
    )
    found += [f"asked though it should not be: {text}" for text in (asked_for - Counter(asked)).elements()]
    found += [f"not asked: {text}" for text in (Counter(asked) - asked_for).elements()]
    return found


def _name_conflict(story: Story, observed: Observed) -> None:
    """The model knows conflicts by their sides. A request to resolve one names only its id."""
    body = observed.body
    if observed.subject == "conflict":
        sides = [(side["subject"], side["entity_id"]) for side in body["sides"]]
        known = story.named.get(body["entity_id"])
        body["_key"] = known or (conflict_key(body["kind"], sides) if len(sides) == 2 else None)


def _title(observed: Observed) -> str:
    body = observed.body
    return (
        f"{observed.principal} {observed.subject} {body['entity_id']} {body['event_type']} v{body['version']}"
    )


def _differs(observed: Observed, expected: Decision) -> Iterator[str]:
    answer = observed.answer
    assert answer is not None
    if answer["outcome"] != expected.outcome:
        yield f"{answer['outcome']}, not {expected.outcome}"
    codes = frozenset((_code(r["code"]), r["severity"]) for r in answer["reasons"])
    if codes != expected.codes:
        yield f"reasons {sorted(codes)}, not {sorted(expected.codes)}"
    wanted = [*expected.fired, *expected.deeds]
    if Counter(observed.deeds) != Counter(wanted):
        yield f"revisions\n    {_list(observed.deeds)}\n  not\n    {_list(wanted)}"
    elif expected.deeds and answer["revision"] != expected.deeds[0].revision:
        yield f"gives revision {answer['revision']} as its own, not {expected.deeds[0].revision}"
    effects = Counter((e["topic"].removeprefix("exchange."), e["revision"]) for e in answer["effects"])
    for subject, revision in [name for name in effects if name[0] in UNFORESEEN]:
        del effects[subject, revision]
    if effects != Counter((deed.key[0], deed.revision) for deed in observed.deeds):
        yield "its effects are not its revisions"


def _code(code: str) -> str:
    return "NOTHING_TO_DO" if code in NOTHING_TO_DO else code


def _list(deeds: Iterable[Deed]) -> str:
    return "\n    ".join(sorted(map(str, deeds))) or "(none)"


def _request(observed: Observed) -> tuple[Any, ...]:
    """A request, as the model says it."""
    subject, body = observed.subject, observed.body
    event_type = body["event_type"]
    if subject == "conflict":
        return subject, event_type, body["_key"]
    if subject == "seizure":
        found = "FOUND" if body["house_code"] is None else event_type
        return subject, found, (subject, body["entity_id"]), body["bound_house_code"]
    return subject, event_type, (subject, body["entity_id"]), body.get("house_code")


# -- what is kept beside the log ---------------------------------------------------------------------------------------


def kept_differs(
    claims: Iterable[tuple[Any, ...]], entities: Iterable[tuple[Any, ...]], story: Story, model: Model
) -> Iterator[str]:
    """Rows of ``admission.claim`` (house, subject, entity, status) and of ``admission.entity`` (subject, entity, source,
    house, highest version, revision, status)."""
    stand = {(house, _key(story, s, e), status) for house, s, e, status in claims if s not in UNFORESEEN}
    wanted = {
        (model.state.house_of(t), t.key, t.status)
        for t in model.state.things.values()
        if t.stands and model.state.house_of(t)
    }
    yield from (f"claimed though it does not stand: {row}" for row in sorted(stand - wanted, key=str))
    yield from (f"stands unclaimed: {row}" for row in sorted(wanted - stand, key=str))
    known = {_key(story, row[0], row[1]): tuple(row[2:]) for row in entities if row[0] not in UNFORESEEN}
    things = {key: _row(thing) for key, thing in model.state.things.items()}
    for key in sorted(known.keys() | things.keys(), key=str):
        if known.get(key) != things.get(key):
            yield f"{key} is kept as {known.get(key)}, not {things.get(key)}"


def _row(thing: Thing) -> tuple[Any, ...]:
    return thing.source, thing.house, thing.highest, thing.revision, thing.status


def _key(story: Story, subject: str, entity_id: str) -> Any:
    return (
        story.named.get(entity_id, (subject, entity_id))
        if subject in ("conflict", "notice")
        else (subject, entity_id)
    )


def overdue(model: Model, now: Any) -> Iterator[str]:
    """What should have run out by now, and did not."""
    model.state.at = now
    for thing in model.state.things.values():
        last = {"EFFECTIVE": "effective_until", "LISTED": "expires_on"}.get(thing.status or "")
        if last and thing.body[last] is not None and thing.body[last] < model.state.today:
            yield f"{thing.key} has run out on {thing.body[last]} and is still {thing.status}"
