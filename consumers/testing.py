"""An exchange in memory, for an agency's own tests: the real entitlements, projection and codec, and no server.

    exchange = MemoryExchange()
    exchange.put("sale", sale, interested=["bank.icbc"])
    subscription = Subscription(exchange.servers("tax"), "tax-prefill", ["dept.tax.sale.v1"])

What is put in is a revision as admission would accept it; what each department's topics get is decided by the catalogue
of entitlements, as on the exchange, and a department sees its own topics alone. One process is one thread of it: of a
group's members the newest owns all partitions, and writes of the others fail as those of a fenced process do.
"""

import json
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from broker.cloudevents import cloud_event
from broker.codec import encoder
from broker.errors import AccessDenied, OwnershipLost
from broker.kafka import Outgoing, Record, TopicPartition, partition_of
from broker.released import exchange_subject
from broker.routing.plan import Plan, make_plan
from broker.topics import dead_letter_topic, exchange_topic
from consumers.feed import Feed, Positions
from schemas.entitlements import grants, load_entitlements, newest_schemas
from schemas.files import latest_version, load_schema, parsed, released_versions
from schemas.jsonform import from_json
from schemas.said import said

Schema = Mapping[str, Any]


class MemoryRegistry:
    """Schemas by id; what is registered again has the id that it had."""

    def __init__(self) -> None:
        self._schemas: list[dict[str, Any]] = []
        self._ids: dict[tuple[str, str], int] = {}

    def register(self, subject: str, schema: Schema) -> int:
        """The id of a schema under a subject."""
        key = (subject, json.dumps(schema, sort_keys=True))
        if key not in self._ids:
            self._schemas.append(dict(schema))
            self._ids[key] = len(self._schemas)
        return self._ids[key]

    def lookup(self, subject: str, schema: Schema) -> int | None:
        """As ``broker.registry.Registry.lookup``."""
        return self._ids.get((subject, json.dumps(schema, sort_keys=True)))

    def schema(self, schema_id: int, /) -> dict[str, Any] | None:
        """The schema of an id."""
        return self._schemas[schema_id - 1] if 0 < schema_id <= len(self._schemas) else None


@dataclass(slots=True)
class _Group:
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    members: list[object] = field(default_factory=list)
    generation: int = 0


class MemoryExchange:
    """Topics, schemas and groups in memory. Safe for threads."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions = partitions
        self.registry = MemoryRegistry()
        self._changed = threading.Condition()
        self._logs: dict[str, list[list[Record]]] = {}
        self._groups: dict[str, _Group] = {}
        self._interested: dict[tuple[str, str], list[str]] = {}
        self._revisions: dict[tuple[str, str], int] = {}
        self._plan = self._deployed()

    def _deployed(self) -> Plan:
        """Register every schema, make the departments' topics, and plan the projection."""
        newest = newest_schemas()
        for subject in newest:
            for version in released_versions(subject):
                self.registry.register(exchange_subject(subject).name, load_schema(subject, version))
        granted = grants(load_entitlements())
        for grant in granted:
            self.registry.register(f"{grant.topic}-value", grant.schema(newest[grant.subject]))
            self.make(grant.topic)
            self.make(dead_letter_topic(grant.department))
        return make_plan(self.registry, granted)

    # --- what a test does ---------------------------------------------------------------------------------------------

    def put(
        self,
        subject: str,
        value: Mapping[str, Any],
        *,
        interested: Collection[str] = (),
        key: str | None = None,
    ) -> int:
        """Let a revision of an entity be accepted, and gives its number; ``value`` is in JSON form (docs/integrating.md).

        ``interested``: the banks, or the fund, that the record now names. ``key``: its house code, where it has one,
        else its entity's id. Raises JsonFormError for what does not fit the subject's schema.
        """
        body = from_json(load_schema(subject, latest_version(subject)), dict(value))
        entity = (subject, str(body["entity_id"]))
        revision = self._revisions.get(entity, 0) + 1
        body |= {
            "revision": revision,
            "recorded_at": datetime.now(UTC),
            "decision_id": str(uuid.uuid4()),
            "interested": sorted(interested),
            "interested_before": self._interested.get(entity, []),
        }
        known = {name: body[name] for name in _names(subject) if name in body}
        encode = encoder(
            _known(
                self.registry.lookup(
                    exchange_subject(subject).name, load_schema(subject, latest_version(subject))
                )
            ),
            parsed(subject, latest_version(subject)),
        )
        slot = partition_of((key or body.get("house_code") or entity[1]).encode(), self.partitions)
        record = Record(
            exchange_topic(subject), slot, 0, 0, entity[1].encode(), encode(known), cloud_event(body, subject)
        )
        self._revisions[entity], self._interested[entity] = revision, sorted(interested)
        for message in self._plan.messages([record]):
            self.append(message)
        return revision

    def append(self, message: Outgoing) -> Record:
        """Write a record as it is, also one that cannot be decoded."""
        with self._changed:
            log = self._log(message.topic)[message.partition]
            record = Record(
                message.topic,
                message.partition,
                len(log),
                int(time.time() * 1000),
                message.key,
                message.value,
                message.headers,
            )
            log.append(record)
            self._changed.notify_all()
        return record

    def make(self, topic: str) -> None:
        """Make a topic, if it is not there."""
        self._logs.setdefault(topic, [[] for _ in range(self.partitions)])

    def servers(self, department: str) -> "MemoryServers":
        """The exchange as a department sees it: its own topics."""
        return MemoryServers(self, department)

    # --- what its clients do ------------------------------------------------------------------------------------------

    def _log(self, topic: str) -> list[list[Record]]:
        return self._logs[topic]

    def has(self, topic: str) -> bool:
        """Whether there is such a topic."""
        return topic in self._logs

    def read(self, topic: str, partition: int, offset: int, most: int) -> list[Record]:
        """At most so many records from an offset on."""
        with self._changed:
            return self._log(topic)[partition][offset : offset + most]

    def end(self, partition: TopicPartition) -> int:
        """Where a partition ends."""
        with self._changed:
            return len(self._log(partition.topic)[partition.partition])

    def wait(self, timeout_s: float) -> None:
        """Wait until something is written, or a group moves, or the time is over."""
        with self._changed:
            self._changed.wait(timeout_s)

    def join(self, name: str, member: object) -> _Group:
        """Become the newest member of a group."""
        with self._changed:
            group = self._groups.setdefault(name, _Group())
            group.members.append(member)
            group.generation += 1
            self._changed.notify_all()
            return group

    def leave(self, group: _Group, member: object) -> None:
        """Leave a group; the member before it takes over."""
        with self._changed:
            group.members.remove(member)
            group.generation += 1
            self._changed.notify_all()

    def write(self, group: _Group, generation: int, messages: Sequence[Outgoing], offsets: Positions) -> None:
        """Write records and a group's offsets, both or neither. Raises OwnershipLost."""
        with self._changed:
            if group.generation != generation:
                raise OwnershipLost(said("another member has taken over"))
            for message in messages:
                self.append(message)
            group.offsets |= offsets


class MemoryFeed:
    """A ``Feed`` of one group."""

    def __init__(
        self, exchange: MemoryExchange, group: str, topics: Sequence[str], dead_letters: str | None
    ) -> None:
        self._exchange = exchange
        self._partitions = [TopicPartition(t, n) for t in topics for n in range(exchange.partitions)]
        self._dead_letters = dead_letters
        self._group = exchange.join(group, self)
        self._generation = 0
        self._at: dict[TopicPartition, int] = {}
        self._letters: dict[int, int] = {}

    def close(self) -> None:
        """Leave the group."""
        self._exchange.leave(self._group, self)

    def schema(self, schema_id: int, /) -> dict[str, Any] | None:
        """From the exchange's registry."""
        return self._exchange.registry.schema(schema_id)

    @property
    def moved(self) -> bool:
        """Whether members came or went."""
        return self._generation != self._group.generation

    def poll(self, timeout_s: float, max_records: int) -> list[Record]:
        """As ``Feed.poll``; the partitions in their order."""
        if not self.moved and not (found := self._next(max_records)):
            self._exchange.wait(timeout_s)
            found = self._next(max_records)
        return [] if self.moved else found

    def _next(self, most: int) -> list[Record]:
        found: list[Record] = []
        for p, offset in self._at.items():
            some = self._exchange.read(*p, offset, most - len(found))
            self._at[p] = offset + len(some)
            found += some
        return found

    def take_over(self) -> Positions | None:
        """All partitions, if we are the newest member."""
        self._generation = self._group.generation
        mine = self._partitions if self._group.members[-1] is self else []
        self._at = {p: self._group.offsets.get(p, 0) for p in mine}
        return dict(self._at)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there."""
        self._at[partition] = offset

    def commit(self, offsets: Positions) -> None:
        """Write down the group's positions."""
        self._exchange.write(self._group, self._generation, (), offsets)

    def publish(self, letters: Sequence[Outgoing], offsets: Positions) -> None:
        """Both or neither."""
        self._exchange.write(self._group, self._generation, letters, offsets)

    def all_letters(self, slots: Iterable[int]) -> Iterator[Record]:
        """All that are there, then follow."""
        self._letters = dict.fromkeys(slots, 0)
        return iter(self.new_letters())

    def new_letters(self) -> list[Record]:
        """Those since."""
        found: list[Record] = []
        for slot, offset in self._letters.items():
            assert self._dead_letters is not None
            some = self._exchange.read(self._dead_letters, slot, offset, 1_000_000)
            self._letters[slot] = offset + len(some)
            found += some
        return found

    def bounds(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """From 0: nothing is ever forgotten."""
        return {p: (0, self._exchange.end(p)) for p in partitions}


class MemoryServers:
    """``Servers`` of one department."""

    def __init__(self, exchange: MemoryExchange, department: str) -> None:
        self._exchange = exchange
        self._department = department

    @contextmanager
    def feed(self, group: str, topics: Sequence[str], dead_letters: str | None) -> Iterator[Feed]:
        """Join the group. Raises AccessDenied for a topic that is not the department's."""
        for topic in topics if dead_letters is None else (*topics, dead_letters):
            self._check(topic)
        feed = MemoryFeed(self._exchange, group, topics, dead_letters)
        try:
            yield feed
        finally:
            feed.close()

    def read(self, topic: str) -> Iterator[Record]:
        """All of a topic."""
        self._check(topic)
        for n in range(self._exchange.partitions):
            yield from self._exchange.read(topic, n, 0, 1_000_000)

    def write(self, messages: Sequence[Outgoing]) -> None:
        """Write records; a department may write its own dead letters alone."""
        for message in messages:
            if message.topic != dead_letter_topic(self._department):
                raise AccessDenied(
                    said(
                        "{department} may not write to {topic}",
                        department=self._department,
                        topic=message.topic,
                    )
                )
            self._exchange.append(message)

    def _check(self, topic: str) -> None:
        own = (
            topic.startswith(f"dept.{self._department}.")
            and topic.count(".") == self._department.count(".") + 3
        )
        if not self._exchange.has(topic) or not (own or topic == dead_letter_topic(self._department)):
            raise AccessDenied(
                said(
                    "{topic} does not exist, or {department} may not read it",
                    topic=topic,
                    department=self._department,
                )
            )


def _names(subject: str) -> list[str]:
    return [field["name"] for field in load_schema(subject, latest_version(subject))["fields"]]


def _known(schema_id: int | None) -> int:
    assert schema_id is not None, "every released schema was registered at the beginning"
    return schema_id
