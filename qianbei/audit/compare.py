"""What differs between the records that a chain remembers and those that lie in the log."""

from collections.abc import Callable, Iterator, Sequence

from qianbei.audit.findings import Kind
from qianbei.audit.hashing import Mark

Difference = tuple[Kind, int, int]
"""A kind, and the first and last offset of a run of records."""


def differences(chained: Sequence[Mark], found: Sequence[Mark]) -> list[Difference]:
    """Runs of records that differ, by place. Both are of one segment's range, in offset order."""
    before = {mark.offset: mark for mark in chained}
    now = {mark.offset: mark for mark in found}
    kinds = dict.fromkeys(before.keys() - now.keys(), Kind.DROPPED)
    kinds |= dict.fromkeys(now.keys() - before.keys(), Kind.INSERTED)
    kinds |= {at: Kind.CHANGED for at in before.keys() & now.keys() if before[at] != now[at]}
    _tell_moved(kinds, before, now)
    places = sorted(before.keys() | now.keys())
    return list(_runs(places, kinds.get))


def _tell_moved(kinds: dict[int, Kind], before: dict[int, Mark], now: dict[int, Mark]) -> None:
    """Records that lie at another place than they were chained at were not changed, but re-ordered."""
    left = {before[at].content for at in kinds if at in before}
    for at, kind in kinds.items():
        moved = kind is Kind.CHANGED and now[at].content != before[at].content and now[at].content in left
        if moved:
            kinds[at] = Kind.REORDERED


def _runs(places: Sequence[int], kind_at: Callable[[int], Kind | None]) -> Iterator[Difference]:
    run: Difference | None = None
    for place in places:
        kind = kind_at(place)
        if run and run[0] is kind:
            run = (run[0], run[1], place)
            continue
        if run:
            yield run
        run = (kind, place, place) if kind else None
    if run:
        yield run
