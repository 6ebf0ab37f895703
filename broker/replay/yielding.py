"""A replay gives way: while the services fall behind live records, it waits.

The processor it leaves to them anyway. What the broker does for a replay no priority divides, and where there is no processor
to spare, live records would wait for it.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from broker.kafka import Admin, Connection, PartitionReader
from broker.topics import ADMISSION, ROUTING, intake_topics, routed_topics
from schemas.installation import Installation

LOOK_S = 0.25
WINDOW_S = 2.0
"""Over which a service's speed is taken: several of its batches."""
BEHIND_S = 0.5
"""Of a service's own work; what it has under way at any time is less."""
FEW = 50
"""So few records are no backlog, however slowly they come."""
MOST_WAIT_S = 5.0
"""Then it goes on for a moment: a backlog of hours may not stop a replay altogether."""


class Paced(Protocol):
    """What bounds how fast records are read."""

    def spend(self) -> None:
        """One record more; waits if that is too early."""


class Standing(NamedTuple):
    """Where a service is: how many records it has handled since any time, and how many it has yet to handle."""

    handled: int
    behind: int


Look = Callable[[], Mapping[str, Standing]]


def falls_behind(seen: Sequence[tuple[float, Standing]]) -> bool:
    """Whether a service has more to do than it does in ``BEHIND_S``; ``seen`` is what was seen of it, by time in seconds.

    One that does nothing is not there, or has nothing to do: nobody is disturbed.
    """
    (begun, first), (at, now) = seen[0], seen[-1]
    moved = now.handled - first.handled
    if moved <= 0 or now.behind <= FEW:
        return False
    return now.behind > BEHIND_S * moved / (at - begun)


@dataclass(slots=True)
class GivingWay:
    """A pace that also waits while any service falls behind. ``sleep`` says true to give up waiting."""

    pace: Paced
    look: Look
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    _next: float = 0.0
    _seen: dict[str, deque[tuple[float, Standing]]] = field(default_factory=dict)

    def spend(self) -> None:
        """One record more; waits if that is too early, or if a service falls behind."""
        self.pace.spend()
        now = self.clock()
        if now < self._next:
            return
        while self._late() and self.clock() < now + MOST_WAIT_S:
            if self.sleep(LOOK_S):
                break
        self._next = self.clock() + LOOK_S

    def _late(self) -> bool:
        at = self.clock()
        for service, standing in self.look().items():
            seen = self._seen.setdefault(service, deque())
            seen.append((at, standing))
            while seen[0][0] < at - WINDOW_S:
                seen.popleft()
        return any(falls_behind(seen) for seen in self._seen.values())


@contextmanager
def looking(connection: Connection, installation: Installation) -> Iterator[Look]:
    """Where admission and routing are, on the way from intake to the departments. The user needs DESCRIBE on their groups.

    Looking raises AccessDenied or Unavailable.
    """
    topics = {
        ADMISSION: intake_topics(installation.catalogue),
        ROUTING: routed_topics(installation.grants),
    }
    with Admin(connection) as admin, PartitionReader(connection) as reader:
        # Where a service has committed nothing yet, it begins.
        begins = {
            service: reader.beginning_offsets([p for topic in its for p in reader.partitions_of(topic)])
            for service, its in topics.items()
        }

        def standing(service: str) -> Standing:
            committed = admin.group_offsets(service)
            reached = {p: committed.get(p, begin) for p, begin in begins[service].items()}
            ends = reader.end_offsets(reached)
            # The marker behind a partition's last record is nothing to be handled.
            return Standing(sum(reached.values()), sum(max(0, ends[p] - at - 1) for p, at in reached.items()))

        yield lambda: {service: standing(service) for service in begins}
