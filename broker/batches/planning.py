"""What to do with each batch in an inbox: decided from what was seen, without touching anything."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from broker.batches.errors import BadBatch, Incomplete
from broker.batches.format import MANIFEST, Channel, Position
from schemas.said import said

STILL_COPIED = frozenset({"TORN_MANIFEST", "MISSING_FILE", "WRONG_SIZE"})
"""Faults that a copy under way shows too; they count once the folder has not changed for a while."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A batch that is all there, by a glance."""

    digest: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """One batch in the inbox. ``state`` is None where it is too early to look into it."""

    name: str
    number: int
    state: Whole | Incomplete | BadBatch | None
    settled: bool = True


class Do(Enum):
    """What is done with a batch."""

    TAKE = "take"
    """It is the next: verify it and hand it over."""
    REPEAT = "repeat"
    """It was taken before: put it with the done ones, and its receipt out again."""
    REJECT = "reject"
    """It must not be taken: out of the way, with the reason."""
    WAIT = "wait"
    """It stays where it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One batch and what is done with it. ``why`` is a BadBatch for REJECT, a sentence for WAIT."""

    do: Do
    name: str
    number: int
    why: BadBatch | str = ""


def plan(
    found: Iterable[Found],
    channel: Channel,
    position: Position | None,
    taken: Callable[[int], str | None],
    rejected: Callable[[int], bool],
) -> list[Step]:
    """The steps for all batches of this channel that were found, in order of their numbers; at most one TAKE.

    ``taken`` gives the digest under which a number was taken, ``rejected`` whether one lies among the rejected.
    """
    following = 1 if position is None else position.sequence + 1
    steps = []
    for batch in sorted(found, key=lambda one: one.number):
        if batch.number > following:
            steps.append(_waits(batch, channel, following, rejected))
        elif isinstance(batch.state, Whole):
            steps.append(_whole(batch, batch.state, channel, position, taken))
        else:
            steps.append(_unfit(batch, following))
    return steps


def _waits(batch: Found, channel: Channel, following: int, rejected: Callable[[int], bool]) -> Step:
    wanted = channel.batch(following)
    how = (
        said("{wanted} was rejected and must be mended: its reason lies in rejected/", wanted=wanted)
        if rejected(following)
        else said("{wanted} must be taken first: bring it", wanted=wanted)
    )
    return Step(Do.WAIT, batch.name, batch.number, said("{name} waits: {how}", name=batch.name, how=how))


def _whole(
    batch: Found,
    state: Whole,
    channel: Channel,
    position: Position | None,
    taken: Callable[[int], str | None],
) -> Step:
    if position is not None and batch.number <= position.sequence:
        known = taken(batch.number)
        if known in (None, state.digest):
            return Step(Do.REPEAT, batch.name, batch.number)
        return Step(Do.REJECT, batch.name, batch.number, _other_content(batch))
    if position is not None and position.digest is not None and state.previous != position.digest:
        return Step(Do.REJECT, batch.name, batch.number, _other_past(batch, channel, position))
    return Step(Do.TAKE, batch.name, batch.number)


def _unfit(batch: Found, following: int) -> Step:
    if isinstance(batch.state, Incomplete) and batch.number < following:
        how = said("this copy, which is not whole, may be removed")
        return Step(
            Do.WAIT,
            batch.name,
            batch.number,
            said("{name} was taken before: {how}", name=batch.name, how=how),
        )
    if isinstance(batch.state, BadBatch):
        if batch.settled or batch.state.code not in STILL_COPIED:
            return Step(Do.REJECT, batch.name, batch.number, batch.state)
        return Step(Do.WAIT, batch.name, batch.number, said("{name} is still being copied", name=batch.name))
    return Step(Do.WAIT, batch.name, batch.number, str(batch.state))


def _other_content(batch: Found) -> BadBatch:
    return BadBatch(
        "FORK",
        f"{batch.name}/{MANIFEST}",
        said(
            "a batch of this number and another content was taken before: the sender began its numbers anew, or two send"
        ),
        said(
            "let one sender go on where the chain stands: stop it, put the {manifest} of the "
            "newest batch in done/ here over its state/head.json, empty its outbox, and send "
            "what is new",
            manifest=MANIFEST,
        ),
    )


def _other_past(batch: Found, channel: Channel, position: Position) -> BadBatch:
    return BadBatch(
        "FORK",
        f"{batch.name}/{MANIFEST}",
        said(
            "it was made after another {sequence} than the one that was taken here",
            sequence=channel.batch(position.sequence),
        ),
        said(
            "make it anew after that one: stop the sender, put the {manifest} of {sequence} in "
            "done/ here over its state/head.json, empty its outbox, and send again what came "
            "after",
            manifest=MANIFEST,
            sequence=channel.batch(position.sequence),
        ),
    )
