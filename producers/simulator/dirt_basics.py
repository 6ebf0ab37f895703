"""What all kinds of dirt are made of: the right record, and the same event again in another shape."""

from collections.abc import Callable, Iterable
from typing import Any

from producers.simulator.ledger import Planned
from producers.simulator.town import Happen, Town

Kind = Callable[[Town, Happen], Iterable[Planned] | None]
"""Takes a happening and gives all records to send in its place, itself among them; None where the kind does not fit."""


def right(happen: Happen) -> Planned:
    """The record as it should be."""
    return happen.dossier.event(happen.event_type, happen.changes)


def again(happen: Happen, kind: str, ahead: int, **changes: Any) -> Planned:
    """The same event once more after the right one, with a version that is ``ahead`` of it, which it does not use up."""
    return happen.dossier.stray(kind, happen.event_type, changes, happen.dossier.version + ahead)
