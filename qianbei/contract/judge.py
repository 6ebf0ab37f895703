"""What can be seen of a program from outside, held against what it was sent. Pure: no server, no process."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qianbei.contract.records import Halves, Sent
from schemas.said import joined, said

CLEAN_EXITS = frozenset({0, 143, -15})
"""Ended by itself, or by SIGTERM as a virtual machine or a shell tells it."""
NAMED = 3
"""So many examples a finding names."""


@dataclass(frozen=True, slots=True)
class State:
    """One line of the program: it now holds this revision of that entity."""

    entity_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen. ``before`` and ``after``: its lines in the order of printing, of each of its two lives."""

    before: Sequence[State]
    after: Sequence[State]
    died: str | None
    """Why it ended by itself; None if it did not."""
    exit_code: int | None
    """Of its end by SIGTERM; None if it had to be killed."""
    uncommitted: int
    """Records of its topics that no group of the department has committed, at the end."""
    groups: Sequence[str]


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that is expected of a program, and what is wrong with it; nothing, if it is met."""

    name: str
    wrong: str | None

    @property
    def met(self) -> bool:
        return self.wrong is None


def state_of(line: str) -> State | None:
    """A line of the program's standard output; None for one that is no state, which is ignored."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    entity, revision = found.get("entity_id"), found.get("revision")
    if isinstance(entity, str) and isinstance(revision, int) and not isinstance(revision, bool):
        return State(entity, revision)
    return None


def judge(sent: Halves, seen: Seen) -> list[Expectation]:
    """Every expectation, in the order in which a program's author wants to mend them."""
    newest = newest_of(sent.all)
    kept = held((*seen.before, *seen.after))
    cases = dict.fromkeys(one.case for one in sent.all)
    return [
        Expectation(said("the program lives until it is told to stop"), seen.died),
        *(Expectation(case, _not_held(_of(sent.all, case), newest, kept)) for case in cases),
        Expectation(said("the newest revision is kept"), _steps_back([seen.before, seen.after], newest)),
        Expectation(
            said("nothing is lost by kill -9 and a restart"), _not_held(sent.second, newest, held(seen.after))
        ),
        Expectation(said("every record's offset is committed"), _commits(seen)),
        Expectation(said("SIGTERM ends it cleanly"), _end(seen)),
    ]


def newest_of(sent: Iterable[Sent]) -> dict[str, int]:
    """The highest revision of each entity."""
    found: dict[str, int] = {}
    for one in sent:
        found[one.entity_id] = max(one.revision, found.get(one.entity_id, 0))
    return found


def held(states: Iterable[State]) -> dict[str, int]:
    """The revision that was told last of each entity."""
    return {one.entity_id: one.revision for one in states}


def _of(sent: Iterable[Sent], case: str) -> list[Sent]:
    return [one for one in sent if one.case == case]


def _not_held(sent: Iterable[Sent], newest: Mapping[str, int], kept: Mapping[str, int]) -> str | None:
    """What the program should hold in the end and has not told."""
    wrong = [
        said(
            "{entity}: revision {newest} was sent, {held} is held",
            entity=entity,
            newest=newest[entity],
            held=kept.get(entity, "nothing"),
        )
        for entity in dict.fromkeys(one.entity_id for one in sent)
        if kept.get(entity) != newest[entity]
    ]
    return _listed(wrong)


def _steps_back(lives: Iterable[Sequence[State]], newest: Mapping[str, int]) -> str | None:
    """Where a program went back to an older revision, within one of its lives."""
    wrong: list[str] = []
    for life in lives:
        known: dict[str, int] = {}
        for one in life:
            if one.entity_id in newest and one.revision < known.get(one.entity_id, 0):
                wrong.append(
                    said(
                        "{entity}: from revision {newer} back to {older}",
                        entity=one.entity_id,
                        newer=known[one.entity_id],
                        older=one.revision,
                    )
                )
            known[one.entity_id] = one.revision
    return _listed(wrong)


def _commits(seen: Seen) -> str | None:
    if not seen.groups:
        return said("no consumer group with the department's prefix has committed anything")
    return (
        said(
            "{count} records are not committed by {groups}",
            count=seen.uncommitted,
            groups=", ".join(seen.groups),
        )
        if seen.uncommitted
        else None
    )


def _end(seen: Seen) -> str | None:
    if seen.died is not None:
        return said("it had ended before")
    if seen.exit_code is None:
        return said("it did not end in time, and was killed")
    return (
        None if seen.exit_code in CLEAN_EXITS else said("it ended with exit code {code}", code=seen.exit_code)
    )


def _listed(wrong: Sequence[str]) -> str | None:
    if not wrong:
        return None
    listed = joined("; ", wrong[:NAMED])
    left = len(wrong) - NAMED
    return said("{listed} … and {left} more", listed=listed, left=left) if left > 0 else listed
