"""What is known at a moment of history, in memory: as admission's tables, for all slots at once.

States are kept as bytes and decoded when a decision asks for them.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from broker.admission.model import Candidate, EntityKey, Verdict
from broker.admission.records import Encoders
from broker.admission.store import Recall
from broker.admission.timers import Timer, timer_of
from broker.admission.workspace import Workspace
from broker.codec import Decoder
from broker.slots import slot_of


@dataclass(slots=True)
class World:
    """Apply verdicts in order; ``view`` is what the next decision sees."""

    states: Decoder
    encoders: Encoders
    slots: int
    view: Workspace = field(default_factory=Workspace)
    timers: dict[EntityKey, Timer] = field(default_factory=dict)
    _due: list[tuple[datetime, str, EntityKey]] = field(default_factory=list)

    def apply(self, candidate: Candidate, verdict: Verdict) -> None:
        """Let a verdict have happened."""
        view = self.view
        view.apply(candidate, verdict, self.slots)
        for emission in verdict.revisions:
            value = self.encoders.exchange[emission.key.subject](emission.body)
            view.entities[emission.key] = view.entities[emission.key].with_(recall=Recall(value, self.states))
            self._set_timer(emission.key, timer_of(emission))
        # What a batch would write: kept, it would be the whole history in memory.
        for written in (view.changed, view.claims_changed, view.revised, view.origins_new, view.wire):
            written.clear()

    def bind(self, key: EntityKey, house_code: str) -> None:
        """An entity whose house has become known."""
        known = self.view.entities.get(key)
        if known is not None and known.house_code is None:
            self.view.entities[key] = known.with_(house_code=house_code, slot=slot_of(house_code, self.slots))

    def due(self, at: datetime) -> Iterator[tuple[EntityKey, Timer]]:
        """The timers that are due at a time, the earliest first, each once."""
        while self._due and self._due[0][0] <= at:
            _, event_id, key = heapq.heappop(self._due)
            timer = self.timers.get(key)
            if timer is not None and timer.event_id == event_id:
                yield key, timer

    def _set_timer(self, key: EntityKey, timer: Timer | None) -> None:
        if timer is None:
            self.timers.pop(key, None)
        elif self.timers.get(key) != timer:
            self.timers[key] = timer
            heapq.heappush(self._due, (timer.due_at, timer.event_id, key))
