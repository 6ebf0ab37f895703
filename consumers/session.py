"""One membership of a subscription: what is polled is handed over, held, or handed over again. A step goes:

1. poll; on a moved assignment take the partitions over instead, and read what is held of them;
2. hand over again, in their order, the records of one key that somebody asked for (a *redrive*);
3. hand over what was polled; a record that fails, and every later one of its key, becomes a dead letter;
4. write down how far it came: letters and offsets in one Kafka transaction, so that no record can be in neither.

Which keys are held follows from the letters alone, so a successor holds the same ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from broker.errors import OwnershipLost, QianbeiError
from broker.kafka import Outgoing, Record, TopicPartition
from broker.kafka.takeover import resume
from broker.runner import Stop
from consumers import letters
from consumers.decoding import SchemaDecoder
from consumers.delivery import (
    BatchLost,
    HandlerFailed,
    Retries,
    TooManyHeld,
    UndecodableRecord,
    attempt,
    error_type,
)
from consumers.feed import Feed
from consumers.health import Health
from consumers.letters import WAITING, Held, HeldKey, Holding, Letter
from consumers.target import Target
from schemas.said import said

POLL_S = 0.5
MAX_BATCH = 500
Log = structlog.typing.FilteringBoundLogger


@dataclass(frozen=True, slots=True)
class Terms:
    """What a subscription was asked for. ``dead_letters`` is the topic of those; None: a failure stops it."""

    group: str
    topics: tuple[str, ...]
    dead_letters: str | None
    retries: Retries
    most_held: int
    clock: Callable[[], float]


@dataclass(slots=True)
class Batch:
    """What has come of some records so far: how far they are done, and the letters that let the failed ones pass."""

    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    letters: list[Outgoing] = field(default_factory=list)
    held: set[HeldKey] = field(default_factory=set)
    handled: int = 0

    def passed(self, record: Record) -> None:
        """The record need not come again."""
        self.offsets[TopicPartition(record.topic, record.partition)] = record.offset + 1


class SubscriptionSession:
    """From joining the group until anything goes wrong."""

    def __init__(
        self, feed: Feed, target: Target, terms: Terms, stop: Stop, health: Health, log: Log
    ) -> None:
        self._feed = feed
        self._target = target
        self._terms = terms
        self._stop = stop
        self._health = health
        self._log = log
        self._decoder = SchemaDecoder(feed)
        self._holding = Holding()
        self._at: dict[TopicPartition, int] = {}

    def step(self) -> int:
        """Handle at most one batch and write down how far it came."""
        records = self._feed.poll(POLL_S, MAX_BATCH)
        if self._feed.moved:
            self._take_over()
            return 0
        handled = self._redrive() + self._handle(records)
        self._health.stepped(handled, keys=len(self._holding), records=self._holding.records)
        return handled

    # --- what was polled ----------------------------------------------------------------------------------------------

    def _handle(self, records: Sequence[Record]) -> int:
        batch = Batch()
        try:
            for record in records:
                if self._stop.is_set() or not self._pass(record, batch):
                    break
        except (BatchLost, OwnershipLost):
            raise
        except QianbeiError:
            # What was handled is done, and only what comes after it is to be met again.
            self._keep(batch)
            raise
        self._keep(batch)
        return batch.handled

    def _pass(self, record: Record, batch: Batch) -> bool:
        """Hand over or hold one record; False only if told to stop meanwhile."""
        about = HeldKey(self._terms.group, record.topic, record.key)
        if about in batch.held or self._holding.of(about):
            self._hold(record, about, WAITING, batch)
        else:
            try:
                if not self._taken(record, None):
                    return False
                batch.handled += 1
            except (UndecodableRecord, HandlerFailed) as error:
                if self._terms.dead_letters is None:
                    raise
                self._log.warning("held", reason=error_type(error), detail=str(error))
                self._hold(record, about, error_type(error), batch)
        batch.passed(record)
        return True

    def _hold(self, record: Record, about: HeldKey, error: str, batch: Batch) -> None:
        batch.held.add(about)
        if self._holding.has(about, record.offset):
            return  # Its letter was written before a crash that came between the letter and the target's own position.
        if self._holding.records + len(batch.letters) >= self._terms.most_held:
            raise TooManyHeld(
                said(
                    "{most_held} records of {group} are held in {dead_letters}: mend the handler, start "
                    "again, and `qianbei dead-letters redrive` them",
                    most_held=self._terms.most_held,
                    group=self._terms.group,
                    dead_letters=self._terms.dead_letters,
                )
            )
        assert self._terms.dead_letters is not None
        batch.letters.append(letters.held(self._terms.dead_letters, self._terms.group, record, error))

    def _keep(self, batch: Batch) -> None:
        if batch.letters:
            # The letters first: were the target's position to go before them, a crash between would lose the records.
            self._publish(batch.letters, batch.offsets)
            self._target.keep(batch.offsets)
        else:
            self._target.keep(batch.offsets)
            if batch.offsets:
                self._feed.commit(batch.offsets)
        self._at |= batch.offsets
        self._health.counted("held", len(batch.letters))

    # --- again --------------------------------------------------------------------------------------------------------

    def _redrive(self) -> int:
        """Hand over again what is held of one key that was asked for; gives how many records were handled."""
        if self._terms.dead_letters is None:
            return 0
        self._holding.apply(self._feed.new_letters())
        wanted = self._holding.requested()
        return self._redrive_key(*wanted[0]) if wanted else 0

    def _redrive_key(self, about: HeldKey, held: Held) -> int:
        done: list[Letter] = []
        answers: list[Outgoing] = []
        for letter in held.letters.values():
            try:
                if not self._taken(letter.record, letter):
                    break
            except (UndecodableRecord, HandlerFailed) as error:
                self._log.warning("failed again", reason=error_type(error), detail=str(error))
                answers.append(letters.failed(letter, error_type(error)))
                break
            done.append(letter)
        # The target first: it knows which letters it took, so a crash between repeats nothing.
        self._target.keep({})
        if done:
            answers.insert(0, letters.redriven(done[-1]))
        if answers:
            # With a position that is as it was, so that only the owner of the partition can write this.
            mine = TopicPartition(about.topic, held.first.record.partition)
            self._publish(answers, {mine: self._at[mine]})
        self._health.counted("redriven", len(done))
        return len(done)

    # --- both ---------------------------------------------------------------------------------------------------------

    def _taken(self, record: Record, letter: Letter | None) -> bool:
        decoded = self._decoder.decode(record)
        terms = self._terms
        return attempt(
            lambda: self._target.take(decoded, letter), decoded.place, self._stop, terms.retries, terms.clock
        )

    def _publish(self, messages: Sequence[Outgoing], offsets: Mapping[TopicPartition, int]) -> None:
        self._feed.publish(messages, offsets)
        self._holding.apply(self._feed.new_letters())

    # --- taking over --------------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        self._at = {}
        self._holding = Holding()
        positions = self._feed.take_over()
        if positions is None:
            return
        # A target that remembers is the truth: it moved together with what it took.
        remembered = self._target.claim(positions)
        if remembered is not None:
            positions = resume(
                remembered,
                self._feed.bounds(positions),
                "restore the topic, or begin with a target that is empty",
            )
            for partition, offset in positions.items():
                self._feed.seek(partition, offset)
        if self._terms.dead_letters is not None:
            self._holding = Holding(lambda about, n: self._is_ours(about, n, positions))
            self._holding.apply(self._feed.all_letters({p.partition for p in positions}))
        self._at = dict(positions)

    def _is_ours(self, about: HeldKey, partition: int, owned: Mapping[TopicPartition, int]) -> bool:
        return about.group == self._terms.group and TopicPartition(about.topic, partition) in owned
