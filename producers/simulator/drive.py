"""Sends a plan to a running stack: many sources at once, one thread, bounded in flight, at a rate if one is asked for."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

from broker.codec import wire_header
from broker.kafka import Connection, IdempotentProducer, Outgoing
from broker.registry import Registry
from broker.released import intake_subject, lookup, topic_subject
from broker.settings import Settings
from broker.topics import decision_topic
from producers.simulator.dirt import DEFAULT_RATES
from producers.simulator.ledger import Ledger, Planned
from producers.simulator.model_tables import LIFECYCLES
from producers.simulator.numbers import slot_of
from producers.simulator.stream import plan

Headers = Mapping[str, bytes]
Progress = Callable[[int], None]

MAX_IN_FLIGHT = 2_000
_OPENING = clock_time(1)
_YEAR = timedelta(days=365)
_HOLD_EVERY = 100
_HOLD_S = 0.05
_PACE_S = 0.002


def drive(
    settings: Settings,
    seed: int,
    events: int,
    *,
    rate: float | None = None,
    dirt: Mapping[str, float] = DEFAULT_RATES,
    account: Callable[[str], Settings] | None = None,
    progress: Progress | None = None,
    hold: Callable[[], bool] | None = None,
    stop: Callable[[], bool] = lambda: False,
    begin: datetime | None = None,
) -> Ledger:
    """Send the plan of ``seed`` and return the ledger of what was sent, every record of it acknowledged.

    The city's year begins at ``begin``, so long ago by default that it is over today: what a court seized or listed in
    it is in force, and what it seized or listed for some weeks has run out. So a seed sent again makes duplicates only
    with the same ``begin``.

    ``account`` gives each principal's own settings, so that each source writes as itself; without it ``settings`` must be
    of a user who may write to every intake topic. ``rate`` is records a second, none for as fast as it goes. ``progress``
    is told how many were sent. While ``hold`` says so, nothing is sent: a caller keeps the backlog short with it, since
    with a long one the order in which topics are read is no more like life. As soon as ``stop`` says so, the plan ends, and
    the ledger is of what was sent until then. Raises what the clients raise; then part of
    the plan has been sent.
    """
    with Registry(settings.registry_url) as registry:
        headers = wire_headers(registry)
    ledger = Ledger()
    with ExitStack() as stack:
        send = _Senders(stack, settings, account).send
        receipts: deque[Callable[[], int]] = deque()
        for number, planned in enumerate(
            _paced(plan(seed, events, dirt, settings.slots, begin or a_year_ago()), rate, hold), start=1
        ):
            receipts.append(send(planned, outgoing(planned, headers, settings.slots, ledger)))
            if len(receipts) > MAX_IN_FLIGHT:
                receipts.popleft()()
            if progress is not None:
                progress(number)
            if stop():
                break
        while receipts:
            receipts.popleft()()
    return ledger


def a_year_ago() -> datetime:
    """When a city begins whose year is over: 09:00 in China, so many days before today that all of it is past."""
    return datetime.combine(datetime.now(UTC).date(), _OPENING, UTC) - _YEAR


def planned_ledger(
    settings: Settings,
    seed: int,
    events: int,
    dirt: Mapping[str, float] = DEFAULT_RATES,
    begin: datetime | None = None,
) -> Ledger:
    """The ledger that ``drive`` returns for the same arguments, without sending anything."""
    with Registry(settings.registry_url) as registry:
        headers = wire_headers(registry)
    ledger = Ledger()
    for planned in plan(seed, events, dirt, settings.slots, begin or a_year_ago()):
        ledger.add(planned, wire_value(planned, headers))
    return ledger


def wire_headers(registry: Registry) -> dict[str, bytes]:
    """The five bytes before the records of each subject, and before decisions, which no intake topic takes."""
    subjects = {subject: intake_subject(subject) for subject in LIFECYCLES}
    subjects["decision"] = topic_subject(decision_topic("bureau"), "decision")
    return {
        record: wire_header(max(lookup(registry, subject), key=lambda found: found.version).schema_id)
        for record, subject in subjects.items()
    }


def wire_value(planned: Planned, headers: Headers) -> bytes | None:
    """The bytes of a planned record as they are sent."""
    if planned.schema is None or planned.body is None:
        return planned.body
    return headers[planned.schema] + planned.body


def outgoing(planned: Planned, headers: Headers, slots: int, ledger: Ledger) -> Outgoing:
    """A planned record as a message, entered in the ledger."""
    value = wire_value(planned, headers)
    ledger.add(planned, value)
    partition = slot_of(planned.key or b"", slots) if planned.partition is None else planned.partition
    return Outgoing(planned.topic, partition, planned.key, value)


class _Senders:
    """The producers: one for each principal, opened when it first speaks, or one for all."""

    def __init__(
        self, stack: ExitStack, settings: Settings, account: Callable[[str], Settings] | None
    ) -> None:
        self._stack = stack
        self._settings = settings
        self._account = account
        self._open: dict[str, IdempotentProducer] = {}

    def send(self, planned: Planned, message: Outgoing) -> Callable[[], int]:
        user = planned.principal if self._account else ""
        producer = self._open.get(user)
        if producer is None:
            settings = self._account(user) if self._account else self._settings
            producer = self._stack.enter_context(IdempotentProducer(Connection.of(settings)))
            self._open[user] = producer
        return producer.send(message)


def _paced(
    records: Iterable[Planned], rate: float | None, hold: Callable[[], bool] | None
) -> Iterator[Planned]:
    begun = time.monotonic()
    for number, planned in enumerate(records):
        if hold is not None and number % _HOLD_EVERY == 0:
            while hold():
                time.sleep(_HOLD_S)
        if rate is not None:
            ahead = begun + number / rate - time.monotonic()
            if ahead > _PACE_S:
                time.sleep(ahead)
        yield planned
