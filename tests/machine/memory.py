"""The decisions alone: the real law over one workspace in memory, without Postgres, instances or crashes.

Many times as fast as the whole, and blind to what only the whole can get wrong. It is for the planted mutations, which
are all of the law.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from broker.admission.batch import in_slot_order
from broker.admission.model import EntityKey, Request
from broker.admission.service import Knowledge
from broker.admission.store import SlotCursor
from broker.admission.timers import Timer, timer_of
from broker.admission.workspace import Workspace
from broker.kafka import Outgoing, Record, TopicPartition
from broker.slots import slot_key, slot_of
from broker.topics import intake_topic
from schemas.catalogue import load_catalogue
from tests.machine.books import Event, Known
from tests.machine.compare import Differs, differences, kept_differs, overdue
from tests.machine.knowledge import encoders, knowledge
from tests.machine.log import Log
from tests.machine.model import Model
from tests.machine.observed import Story, read_story
from tests.machine.people import BEGIN, SLOTS

MOST_ROUNDS = 60


class InMemory:
    """The backend of ``histories.Backend``."""

    run = 0

    @property
    def known(self) -> Knowledge:
        """What it decides by."""
        return knowledge(SLOTS)

    def begin(self) -> None:
        self.now = BEGIN
        self.log = Log(lambda: int(self.now.timestamp() * 1000))
        self.workspace = Workspace()
        self.order: list[tuple[int, int]] = []
        self._cursors = {slot: SlotCursor(1, 1, None) for slot in range(SLOTS)}
        self._read: dict[TopicPartition, int] = {}
        self._places: dict[tuple[str, str], list[tuple[TopicPartition, int]]] = {}
        self._asked: set[str] = set()

    def clock(self) -> datetime:
        return self.now

    def look(self, subject: str, entity_id: str) -> Known:
        places = self._places.get((subject, entity_id), ())
        undecided = sum(offset >= self._read.get(partition, 0) for partition, offset in places)
        entity = self.workspace.entities.get(EntityKey(subject, entity_id))
        if entity is None:
            return Known(0, None, None, undecided)
        return Known(entity.highest_version, entity.status, entity.house_code, undecided)

    def send(self, event: Event) -> None:
        key = slot_key(load_catalogue(), event.subject, event.body)
        slot, topic = slot_of(key, SLOTS), intake_topic(event.principal)
        value = encoders()[event.subject](event.body)
        offset = self.log.append(Outgoing(topic, slot, key.encode(), value))
        name = (event.subject, event.body["entity_id"])
        self._places.setdefault(name, []).append((TopicPartition(topic, slot), offset))
        self.now += timedelta(milliseconds=1)

    def send_raw(self, principal: str, slot: int, key: bytes, value: bytes) -> None:
        self.log.append(Outgoing(intake_topic(principal), slot, key, value))

    def flow(self) -> None:
        """Decide what lies there. What that asks for lies there for the next time."""
        records: list[Record] = []
        for partition in self.log.topics("intake."):
            new = self.log.read(partition, self._read.get(partition, 0))
            self._read[partition] = self._read.get(partition, 0) + len(new)
            records += new
        if not records:
            return
        self.now += timedelta(milliseconds=7)
        decider = self.known.decider
        reads = [(record, self.known.read(record)) for record in in_slot_order(records)]
        before = {slot: cursor.next_seq for slot, cursor in self._cursors.items()}
        decisions = decider.decide_all(reads, self.workspace, self._cursors, self.now)
        self._cursors = decisions.cursors
        for record, _ in reads:
            self.order.append((record.partition, before[record.partition]))
            before[record.partition] += 1
        for row in decisions.outbox:
            self.log.append(row.message)

    def jump(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    def sweep(self) -> None:
        self._ask()
        self.flow()

    def _ask(self) -> bool:
        due = [(key, timer) for key, timer in self._timers() if timer.event_id not in self._asked]
        for key, timer in due:
            self._asked.add(timer.event_id)
            state = self.workspace.entities[key].known
            event = {"event_id": timer.event_id, "event_type": timer.event_type, "occurred_at": timer.due_at}
            self.log.append(self.known.decider.request(Request(key.subject, state | event)))
        return bool(due)

    def _timers(self) -> Iterator[tuple[EntityKey, Timer]]:
        for key, emission in sorted(self.workspace.revised.items()):
            timer = timer_of(emission)
            if timer is not None and timer.due_at <= self.now:
                yield key, timer

    def check(self) -> None:
        story, model = self.told()
        found = differences(story, self.order, model)
        found += kept_differs(self._claims(), self._entities(), story, model)
        found += overdue(model, self.now)
        if found:
            raise Differs("\n".join(found[:12]))

    def told(self) -> tuple[Story, Model]:
        """Everything sent is decided, and what the exchange has written of it."""
        self.settle()
        return read_story(self.log.everything(), self.known.states), Model()

    def settle(self) -> None:
        """Everything sent is decided."""
        for _ in range(MOST_ROUNDS):
            self.flow()
            if not self._waiting() and not self._ask():
                return
        raise AssertionError("the exchange does not settle")

    def _waiting(self) -> bool:
        return any(self.log.end(p) > self._read.get(p, 0) for p in self.log.topics("intake."))

    def _claims(self) -> list[tuple[Any, ...]]:
        return [
            (house, *key, claim.status)
            for house, claims in self.workspace.claimed.items()
            for key, claim in claims.items()
        ]

    def _entities(self) -> list[tuple[Any, ...]]:
        return [
            (*key, e.source, e.house_code, e.highest_version, e.revision, e.status)
            for key, e in self.workspace.entities.items()
        ]
