"""Handing a batch to a handler: in order, with bounded retries, nothing swallowed and nothing skipped.

::

    SubscriptionError
    ├── UndecodableRecord     the bytes are no record of a registered schema; names the place
    └── HandlerFailed         the handler kept failing on one record; names the place, its cause is the last error

Both stop the subscription. What was handled before is committed; the record itself is not, so a restart meets it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from broker.errors import QianbeiError
from broker.kafka import TopicPartition
from broker.runner import Stop
from consumers.records import DepartmentRecord, Handler


class SubscriptionError(QianbeiError):
    """A subscription cannot go on; someone must look at the record that the message names."""


class UndecodableRecord(SubscriptionError):
    """A record's bytes cannot be decoded."""


class HandlerFailed(SubscriptionError):
    """The handler failed on a record as often as the subscription's retries allow."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How long a failing handler is tried again: at most ``attempts`` times and not begun after ``within_s`` seconds.

    The pause begins at ``pause_s`` and doubles.
    """

    attempts: int = 5
    pause_s: float = 0.2
    within_s: float = 30.0


@dataclass(slots=True)
class Progress:
    """The offset after the last handled record of each partition: what may be committed."""

    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    handled: int = 0

    def done(self, record: DepartmentRecord) -> None:
        """Count a record as handled."""
        self.offsets[TopicPartition(record.topic, record.partition)] = record.offset + 1
        self.handled += 1


def deliver(
    records: Iterable[DepartmentRecord],
    handler: Handler,
    progress: Progress,
    stop: Stop,
    retries: Retries,
    clock: Callable[[], float],
) -> None:
    """Hand over each record and note it in ``progress``. Ends early, between two records, when ``stop`` is set.

    Raises HandlerFailed; ``progress`` then says how far it came.
    """
    for record in records:
        if stop.is_set() or not _handled(record, handler, stop, retries, clock):
            return
        progress.done(record)


def _handled(
    record: DepartmentRecord, handler: Handler, stop: Stop, retries: Retries, clock: Callable[[], float]
) -> bool:
    """Whether the handler took the record; False only if it was told to stop between two attempts."""
    begun, pause = clock(), retries.pause_s
    for attempt in range(1, retries.attempts + 1):
        try:
            handler(record)
        except Exception as error:
            # A handler is foreign code: whatever it raises is tried again, and in the end stops the subscription.
            if attempt == retries.attempts or clock() - begun + pause > retries.within_s:
                raise HandlerFailed(
                    f"{record.place}: the handler failed {attempt} times, last with {type(error).__name__}. "
                    "Nothing from this record on is committed: mend the handler and start again"
                ) from error
        else:
            return True
        stop.wait(pause)
        if stop.is_set():
            return False
        pause *= 2
    raise AssertionError("at least one attempt is made")
