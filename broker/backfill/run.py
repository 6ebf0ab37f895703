"""The process that fills topics: one partition after the other, each to its end, until routing has joined them all.

It keeps nothing: what is left to do stands in the marks, so it may be killed and run again at any time. A second run fences
the first where both are at the same partition, and the first one ends.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from broker.backfill.filling import BATCH, line, stretch
from broker.backfill.marks import WITHIN, Mark, State, marks_in
from broker.errors import ConfigError, OwnershipLost, Unavailable
from broker.kafka import Connection, Groups, PartitionReader, TopicPartition
from broker.kafka.takeover import resume
from broker.protected import Reveal
from broker.registry import SchemaIds
from broker.routing.plan import Plan, make_plan
from broker.runner import Stop
from broker.topics import ROUTING, fill_group
from schemas.entitlements import Grant
from schemas.said import said

NEAR = 100
"""So many offsets before the end a partition is ready to be joined; routing fetches the rest."""
RATE = 2_000
LOOK_S = 0.3
PATIENCE_S = 60.0
YIELD_S = 10.0

Part = tuple[str, TopicPartition]
"""A department topic, and one partition of the exchange topic that it is filled from."""
Tell = Callable[[int, int], None]
"""Told how many offsets are done, of how many."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Filled:
    """What a run did: exchange records read, and records written; ``joined``: whether nothing is left to do."""

    topics: tuple[str, ...]
    read: int
    written: int
    joined: bool


def plans_of(registry: SchemaIds, grants: Sequence[Grant], reveal: Reveal) -> dict[str, Plan]:
    """A plan for each grant alone, by topic. Raises as ``make_plan``."""
    return {grant.topic: make_plan(registry, [grant], reveal) for grant in grants}


def fillable(groups: Groups, grants: Sequence[Grant]) -> list[Grant]:
    """Those of the grants whose topics have marks.

    Raises ConfigError if none has: a topic that routing sends to from the first record on cannot be filled behind that.
    """
    marked = groups.committed(fill_group(grant.topic) for grant in grants)
    found = [grant for grant in grants if marked[fill_group(grant.topic)]]
    if not found:
        raise ConfigError(
            said(
                "{topics}: nothing is to be filled. A topic is filled if it was granted with --backfill, or deployed when "
                "its exchange topic had records already; one that records were routed to cannot be: raise the version of its "
                "subject in the entitlement, and grant or deploy that",
                topics=", ".join(grant.topic for grant in grants) or "—",
            )
        )
    return found


@dataclass(slots=True)
class Backfill:
    """One run over the topics of ``plans``. ``run`` does it."""

    connection: Connection
    groups: Groups
    reader: PartitionReader
    plans: dict[str, Plan]
    rate: int
    stop: Stop
    tell: Tell
    say: Say
    read: int = 0
    written: int = 0
    next_batch: float = 0.0
    told_at: float = 0.0
    waiting_since: float | None = None
    moved_at: float = field(default_factory=time.monotonic)

    def run(self) -> Filled:
        """Fill until every partition is joined, ``stop`` is set, or another run goes on in our place.

        Raises OwnershipLost or Unavailable if nothing was possible for a minute, ConfigError for marks of somebody else.
        """
        while not self.stop.is_set():
            part = None
            try:
                marks = self._marks()
                self._tell(marks)
                left = {part: mark for part, mark in marks.items() if mark.state is not State.JOINED}
                if not left:
                    return self._filled(joined=True)
                part = self._next(left)
                if part is None:
                    self._wait_for_routing(len(left))
                else:
                    self._fill(part)
            except (OwnershipLost, Unavailable):
                # Routing took it over, another run did, or Kafka does not answer: the marks will tell.
                if time.monotonic() > self.moved_at + PATIENCE_S:
                    raise
                if part is None:
                    self.stop.wait(LOOK_S)
                elif self._moves_without_us(part):
                    self.say(said("another run fills {topic}, and goes on from here", topic=part[0]))
                    break
        return self._filled(joined=False)

    def _moves_without_us(self, part: Part) -> bool:
        """Whether another run fills this partition: nobody else moves a mark that says so.

        We wait long enough for it to begin: two runs that each took the line back at once would get nowhere.
        """
        before, until = self._mark(part), time.monotonic() + YIELD_S
        while time.monotonic() < until and not self.stop.is_set():
            self.stop.wait(LOOK_S)
            now = self._mark(part)
            if before is None or now is None or now.state is not State.FILLING:
                return False
            if now.offset > before.offset:
                return True
        return False

    def _mark(self, part: Part) -> Mark | None:
        """None if that cannot be told now."""
        try:
            return self._marks().get(part)
        except Unavailable:
            return None

    def _wait_for_routing(self, count: int) -> None:
        self.moved_at = now = time.monotonic()
        self.waiting_since = now if self.waiting_since is None else self.waiting_since
        if now > self.waiting_since + PATIENCE_S:
            self.waiting_since = None
            self.say(said("waiting for routing to join {count} partitions: does it run?", count=count))
        self.stop.wait(LOOK_S)

    def _filled(self, *, joined: bool) -> Filled:
        return Filled(tuple(self.plans), self.read, self.written, joined)

    def _marks(self) -> dict[Part, Mark]:
        return {
            (topic, source): mark
            for topic, marks in marks_in(self.groups, self.plans).items()
            for source, mark in marks.items()
        }

    def _tell(self, marks: dict[Part, Mark]) -> None:
        ends = self.reader.end_offsets({source for _, source in marks})
        of = sum(ends[source] for _, source in marks)
        done = sum(
            ends[source] if mark.state is State.JOINED else min(mark.offset, ends[source])
            for (_, source), mark in marks.items()
        )
        self.tell(done, of)
        self.told_at = time.monotonic()

    def _next(self, left: dict[Part, Mark]) -> Part | None:
        """What to fill next; what routing may join is left to it."""
        routed = self.groups.committed([ROUTING])[ROUTING]
        for part, mark in sorted(left.items()):
            position = routed[part[1]].offset if part[1] in routed else 0
            if mark.state is State.FILLING or position - mark.offset > WITHIN:
                return part
        return None

    def _fill(self, part: Part) -> None:
        """One partition, until it is near its end and marked ready."""
        topic, source = part
        with line(self.connection, topic, source) as held:
            mark = held.mark()
            while mark is not None and mark.state is not State.JOINED and not self.stop.is_set():
                end = self._end(source, mark.offset)
                if end - mark.offset <= NEAR:
                    held.fill(self.plans[topic], [], Mark(mark.offset, State.READY))
                    return
                for records, behind in stretch(self.reader, source, mark.offset, end, self._most):
                    mark = Mark(behind, State.FILLING)
                    self.written += held.fill(self.plans[topic], records, mark)
                    self._moved(len(records))
                    if time.monotonic() > self.told_at + LOOK_S:
                        self._tell(self._marks())
                    if self.stop.is_set():
                        return

    def _end(self, source: TopicPartition, offset: int) -> int:
        """Where it ends now. Raises StateAheadOfLog or StateBehindLog if the mark is not of this log."""
        end, begin = (
            self.reader.end_offsets([source])[source],
            self.reader.beginning_offsets([source])[source],
        )
        resume({source: offset}, {source: (begin, end)}, said("retire the topic and raise its version"))
        return end

    def _moved(self, count: int) -> None:
        """Count, and wait as the rate demands."""
        now = time.monotonic()
        self.read += count
        self.moved_at, self.waiting_since = now, None
        self.next_batch = max(self.next_batch, now) + count / self.rate
        if self.next_batch > now + 1 / self.rate:
            self.stop.wait(self.next_batch - now)

    def _most(self) -> int:
        """How many records a batch has at most, so that a slow rate is kept in small steps."""
        return max(1, min(BATCH, self.rate // 4))


def backfill(
    connection: Connection,
    registry: SchemaIds,
    grants: Sequence[Grant],
    reveal: Reveal,
    *,
    rate: int,
    stop: Stop,
    tell: Tell,
    say: Say,
) -> Filled:
    """Fill these grants' topics from history, at most ``rate`` exchange records a second; ``reveal`` opens protected values.

    Raises as ``Backfill.run``.
    """
    with Groups(connection) as groups, PartitionReader(connection) as reader:
        plans = plans_of(registry, fillable(groups, grants), reveal)
        return Backfill(connection, groups, reader, plans, rate, stop, tell, say).run()
