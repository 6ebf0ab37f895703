"""What a department's code gets to see: one decoded record, and the newest state of each entity.

Records arrive at least once: after a crash the last batch may come again. ``revision`` grows by entity, so a handler
that keeps only what is newer (``Newest``) has the effect of each record once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from schemas.derive import LEFT

__all__ = ["LEFT", "DepartmentRecord", "Handler", "Newest"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DepartmentRecord:
    """One record of a ``dept.*`` topic. ``value`` holds all its fields; with ``left`` they are null but for the key."""

    topic: str
    partition: int
    offset: int
    entity_id: str
    revision: int
    event_type: str
    value: dict[str, Any]
    left: bool

    @property
    def subject(self) -> str:
        """``dept.bank.icbc.sale.v1`` -> ``sale``."""
        return self.topic.split(".")[-2]

    @property
    def place(self) -> str:
        """Where it lies, for messages and logs; never a personal value."""
        return f"{self.topic}/{self.partition} at offset {self.offset}"


Handler = Callable[[DepartmentRecord], None]


@dataclass(slots=True)
class Newest(Generic[T]):
    """The newest state of each entity. An entity that is gone is remembered by its revision, so it cannot come back."""

    _states: dict[str, tuple[int, T | None]] = field(default_factory=dict)

    def put(self, record: DepartmentRecord, state: T | None) -> bool:
        """Keep the state (None: gone) if the record is newer than what is known; say whether it was."""
        known = self._states.get(record.entity_id)
        if known is not None and known[0] >= record.revision:
            return False
        self._states[record.entity_id] = (record.revision, state)
        return True

    def get(self, entity_id: str) -> T | None:
        """The entity's state, or None if it is unknown or gone."""
        known = self._states.get(entity_id)
        return known[1] if known else None

    def __iter__(self) -> Iterator[T]:
        return (state for _, state in self._states.values() if state is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
