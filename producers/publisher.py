"""How a source sends its events and learns what was decided of them.

Vocabulary. An event in *JSON form* is plain JSON (see ``schemas.jsonform``); *prepared* it is checked and encoded; *sent*
it lies in the source's intake topic at a *place*, acknowledged by Kafka; its *decision* is the exchange's answer.

Guarantees. Nothing is sent that is not of the schema's form, or that the catalogue does not let this source send. Each
event goes to the slot of its house or entity. ``send`` returns only when Kafka has acknowledged. When a call fails, the
same prepared event may be sent again: the exchange recognises equal event ids with equal bytes and answers DUPLICATE.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

from broker.codec import Decoder, Encode
from broker.errors import AccessDenied, Unavailable
from broker.kafka import Connection, IdempotentProducer, Outgoing, PartitionReader, Record
from broker.registry import Registry
from broker.released import decoder, encode_newest, intake_subject, topic_subject
from broker.settings import Settings
from broker.slots import slot_key, slot_of
from broker.topics import decision_topic, intake_topic
from producers.events import checked_record, sendable
from schemas.catalogue import Catalogue
from schemas.said import said

MAX_UNCLAIMED = 20_000
_POLL_S = 0.2


class NotDecided(Unavailable):
    """The event is safe in the intake, but its decision has not come in time."""


class Place(NamedTuple):
    """Where an event lies in the intake."""

    topic: str
    partition: int
    offset: int


class Reason(NamedTuple):
    """Why something was refused, or what to look at (WARN)."""

    code: str
    severity: str
    zh: str
    en: str
    field: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the exchange decided on one event. ``outcome`` is ACCEPTED, REFUSED or DUPLICATE (of ``first_decision_id``)."""

    decision_id: str
    outcome: str
    event_id: str
    subject: str
    event_type: str
    entity_id: str
    version: int
    revision: int | None
    recorded_at: datetime
    place: Place
    reasons: tuple[Reason, ...] = ()
    first_decision_id: str | None = None

    @property
    def accepted(self) -> bool:
        return self.outcome == "ACCEPTED"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event that is fit to be sent."""

    subject: str
    event_id: str
    entity_id: str
    message: Outgoing


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that Kafka has acknowledged."""

    prepared: Prepared
    place: Place


class Publisher:
    """Sends the events of one principal and reads its decisions. Use it in a ``with`` block, from one thread."""

    def __init__(
        self,
        settings: Settings,
        principal: str,
        *,
        catalogue: Catalogue | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.principal = principal
        self._settings = settings
        self._given = catalogue
        self._catalogue: Catalogue
        self._clock = clock
        self._stack = ExitStack()
        self._encoders: dict[str, Encode] = {}
        self._unclaimed: OrderedDict[Place, Decision] = OrderedDict()
        self._decoder: Decoder
        self._producer: IdempotentProducer
        self._reader: PartitionReader

    def __enter__(self) -> Self:
        """Raises ConfigError for an unknown principal, AccessDenied or Unavailable if a server does not let us in."""
        self._catalogue = self._given or self._settings.installation().catalogue
        sends = sendable(self._catalogue, self.principal)
        connection = Connection.of(self._settings)
        with ExitStack() as stack:
            with Registry(self._settings.registry_url) as registry:
                self._encoders = {
                    subject: encode_newest(registry, intake_subject(subject)) for subject in sends
                }
                self._decoder = decoder(registry, [topic_subject(decision_topic(self.principal), "decision")])
            self._producer = stack.enter_context(IdempotentProducer(connection))
            self._reader = stack.enter_context(PartitionReader(connection))
            self._follow_decisions()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    @property
    def catalogue(self) -> Catalogue:
        """The principals and subjects that are known here, while it is open."""
        return self._catalogue

    # --- sending ----------------------------------------------------------------------------------------------------

    def prepare(self, subject: str, event: Mapping[str, Any]) -> Prepared:
        """Check and encode an event in JSON form; ``source`` may be left out. Raises InvalidEvent with all problems."""
        record = checked_record(self._catalogue, self.principal, subject, event)
        key = slot_key(self._catalogue, subject, record)
        slot = slot_of(key, self._settings.slots)
        message = Outgoing(intake_topic(self.principal), slot, key.encode(), self._encoders[subject](record))
        return Prepared(subject, record["event_id"], record["entity_id"], message)

    def send(self, prepared: Prepared) -> Sent:
        """Send one event and wait for Kafka's acknowledgement."""
        return self.send_all([prepared])[0]

    def send_all(self, events: Iterable[Prepared]) -> list[Sent]:
        """Send several events in order, then wait for all acknowledgements.

        Raises Unavailable or Indefinite; then all of them may be sent again, in the same order.
        """
        receipts = [(prepared, self._producer.send(prepared.message)) for prepared in events]
        return [
            Sent(prepared, Place(prepared.message.topic, prepared.message.partition, receipt()))
            for prepared, receipt in receipts
        ]

    def publish(self, subject: str, event: Mapping[str, Any], *, timeout_s: float = 30.0) -> Decision:
        """Prepare, send and wait for the decision. Raises InvalidEvent, NotDecided or what ``send_all`` raises."""
        return self.decisions([self.send(self.prepare(subject, event))], timeout_s=timeout_s)[0]

    # --- decisions --------------------------------------------------------------------------------------------------

    def decisions(self, sent: Sequence[Sent], *, timeout_s: float = 30.0) -> list[Decision]:
        """The decisions on these events, in their order. Raises NotDecided if one is missing after ``timeout_s``."""
        found = self.decided(sent, timeout_s=timeout_s)
        missing = [event for event in sent if event.place not in found]
        if missing:
            place = missing[0].place
            raise NotDecided(
                said(
                    "{count} of {count2} events were not decided within {timeout_s:g} s; the first lies "
                    "in {topic}/{partition} at offset {offset} and is not lost. Check with `qianbei "
                    "status` that admission runs, and with `qianbei quarantine list` that it could be "
                    "read",
                    count=len(missing),
                    count2=len(sent),
                    timeout_s=timeout_s,
                    topic=place.topic,
                    partition=place.partition,
                    offset=place.offset,
                )
            )
        return [found[event.place] for event in sent]

    def decided(self, sent: Iterable[Sent], *, timeout_s: float) -> dict[Place, Decision]:
        """Those decisions on these events that come within ``timeout_s``; zero asks for what is there."""
        wanted = {event.place for event in sent}
        found: dict[Place, Decision] = {}
        deadline = self._clock() + timeout_s
        while True:
            for place in wanted & self._unclaimed.keys():
                found[place] = self._unclaimed.pop(place)
                wanted.discard(place)
            left = deadline - self._clock()
            if not wanted or left < 0:
                return found
            for record in self._reader.poll(min(_POLL_S, left)):
                self._keep(read_decision(self._decoder, record))

    def _keep(self, decision: Decision) -> None:
        self._unclaimed[decision.place] = decision
        # Decisions that nobody asks for, such as another process's, must not fill the memory.
        while len(self._unclaimed) > MAX_UNCLAIMED:
            self._unclaimed.popitem(last=False)

    def _follow_decisions(self) -> None:
        topic = decision_topic(self.principal)
        partitions = self._reader.partitions_of(topic)
        if not partitions:
            raise AccessDenied(
                said(
                    "{topic} does not exist, or {kafka_username} may not read it",
                    topic=topic,
                    kafka_username=self._settings.kafka_username,
                )
            )
        self._reader.assign(partitions)
        for partition, offset in self._reader.end_offsets(partitions).items():
            self._reader.seek(partition, offset)


def read_decision(reader: Decoder, record: Record) -> Decision:
    """A decision from its topic."""
    _, body = reader.decode(record.value)
    return Decision(
        decision_id=body["decision_id"],
        outcome=body["outcome"],
        event_id=body["event_id"],
        subject=body["subject"],
        event_type=body["event_type"],
        entity_id=body["entity_id"],
        version=body["version"],
        revision=body["revision"],
        recorded_at=body["recorded_at"],
        place=Place(body["intake_topic"], body["intake_partition"], body["intake_offset"]),
        reasons=tuple(
            Reason(r["code"], r["severity"], r["zh"], r["en"], r["field"]) for r in body["reasons"]
        ),
        first_decision_id=body["first_decision_id"],
    )
