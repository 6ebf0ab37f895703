"""The order between slots: which recorded decision came before which.

Within a slot it is ``slot_seq``. Between slots a decision comes after whatever wrote the revisions that it saw, and before
whatever wrote the next ones. What that leaves open is settled by the decisions' times, and of equal ones by slot: a batch
of decisions has one time and takes its slots in that order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from producers.simulator.model_words import Decided, Key

Writes = Mapping[tuple[Key, int], int]
"""By entity and revision, the number of the decision that wrote it."""


class Order(NamedTuple):
    """All decisions in one order. ``torn``: those whose places contradict each other; they stand last."""

    decisions: list[Decided]
    torn: list[Decided]


def arrange(decisions: Sequence[Decided], writes: Writes) -> Order:
    """One order of all decisions that respects what each saw. ``writes`` numbers them by their place in ``decisions``."""
    after: dict[int, set[int]] = defaultdict(set)
    for earlier, later in (*_of_slots(decisions), *_of_what_was_seen(decisions, writes)):
        after[earlier].add(later)
    waits = [0] * len(decisions)
    for laters in after.values():
        for later in laters:
            waits[later] += 1
    ready = [(_time(decisions[at]), at) for at, count in enumerate(waits) if count == 0]
    heapify(ready)
    placed: list[int] = []
    while ready:
        at = heappop(ready)[1]
        placed.append(at)
        for later in after[at]:
            waits[later] -= 1
            if waits[later] == 0:
                heappush(ready, (_time(decisions[later]), later))
    torn = sorted(set(range(len(decisions))) - set(placed), key=lambda at: _time(decisions[at]))
    return Order([decisions[at] for at in (*placed, *torn)], [decisions[at] for at in torn])


def _time(place: Decided) -> tuple[datetime, int, int]:
    return place.recorded_at, place.slot, place.slot_seq


def _of_slots(decisions: Sequence[Decided]) -> Iterable[tuple[int, int]]:
    last: dict[int, int] = {}
    for at in sorted(range(len(decisions)), key=lambda at: decisions[at][:2]):
        slot = decisions[at].slot
        if slot in last:
            yield last[slot], at
        last[slot] = at


def _of_what_was_seen(decisions: Sequence[Decided], writes: Writes) -> Iterable[tuple[int, int]]:
    for at, place in enumerate(decisions):
        for fact in place.seen:
            if fact.revision is None:
                continue
            key = (fact.subject, fact.entity_id)
            wrote, rewrote = writes.get((key, fact.revision)), writes.get((key, fact.revision + 1))
            if wrote is not None and wrote != at:
                yield wrote, at
            if rewrote is not None and rewrote != at:
                yield at, rewrote
