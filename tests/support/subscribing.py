"""A department of the tests' own, on Kafka or in memory: one suite for both."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from broker.kafka import Admin, Connection, IdempotentProducer, Outgoing
from broker.registry import Registry
from broker.settings import Settings
from broker.topics import dead_letter_topic
from consumers.delivery import Retries
from consumers.feed import Servers
from consumers.health import Health
from consumers.kafka_feed import KafkaServers
from consumers.records import DepartmentRecord
from consumers.subscription import Subscription
from consumers.testing import MemoryExchange
from tests.support.exchange import Exchange, until
from tests.support.folding import wire
from tests.support.topics import remove_topics

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Toy",
    "namespace": "cn.qianbei.dept.Toys",
    "fields": [
        {"name": "entity_id", "type": "string"},
        {"name": "revision", "type": "long"},
        {"name": "event_type", "type": "string"},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}
QUICK = Retries(attempts=2, pause_s=0.01)


class World(Protocol):
    """Where a department's topics lie."""

    department: str
    topic: str

    def servers(self) -> Servers: ...

    def append(self, message: Outgoing) -> None: ...

    def schema_id(self) -> int: ...


@dataclass
class InMemory:
    """The exchange that the SDK ships."""

    department: str = "toys"
    exchange: MemoryExchange = field(default_factory=MemoryExchange)

    def __post_init__(self) -> None:
        self.topic = f"dept.{self.department}.toy.v1"
        self.exchange.make(self.topic)
        self.exchange.make(dead_letter_topic(self.department))

    def servers(self) -> Servers:
        return self.exchange.servers(self.department)

    def append(self, message: Outgoing) -> None:
        self.exchange.append(message)

    def schema_id(self) -> int:
        return self.exchange.registry.register(f"{self.topic}-value", SCHEMA)


@dataclass
class OnKafka:
    """Topics of their own on the shared exchange, read as its administrator."""

    settings: Settings
    department: str = field(default_factory=lambda: f"toys{secrets.token_hex(3)}")

    def __post_init__(self) -> None:
        self.topic = f"dept.{self.department}.toy.v1"
        with Admin(Connection.of(self.settings)) as admin:
            admin.create_topics({self.topic: {}, dead_letter_topic(self.department): {}}, 4, 1)

    def servers(self) -> Servers:
        return KafkaServers(self.settings)

    def append(self, message: Outgoing) -> None:
        with IdempotentProducer(Connection.of(self.settings)) as producer:
            producer.send(message)()

    def schema_id(self) -> int:
        with Registry(self.settings.registry_url) as registry:
            return registry.register(f"{self.topic}-value", SCHEMA)


@contextmanager
def world_on(kind: str, exchange: Callable[[], Exchange]) -> Iterator[World]:
    if kind == "memory":
        yield InMemory()
        return
    with on_kafka(exchange()) as world:
        yield world


@contextmanager
def on_kafka(exchange: Exchange) -> Iterator[OnKafka]:
    """A world on the shared exchange; it leaves no topic behind, which nobody is entitled to."""
    world = OnKafka(exchange.site.admin)
    try:
        yield world
    finally:
        remove_topics(exchange.site.admin, world.department)


@dataclass
class Handler:
    """Remembers what it got, and fails while told to."""

    refuses: set[tuple[str, int]] = field(default_factory=set)
    seen: list[tuple[str, int]] = field(default_factory=list)
    error: type[Exception] = ValueError
    failures: int = 0

    def __call__(self, record: DepartmentRecord) -> None:
        one = (record.entity_id, record.revision)
        if one in self.refuses:
            self.failures += 1
            raise self.error(f"{one} with a value that must not be printed: 411499199003070015")
        self.seen.append(one)

    def of(self, entity: str) -> list[int]:
        return [revision for key, revision in self.seen if key == entity]


def write(world: World, entity: str, *revisions: int, value: bytes | None = None, partition: int = 0) -> None:
    """Records of one entity, in order."""
    schema_id = world.schema_id()
    for revision in revisions:
        body = {
            "entity_id": entity,
            "revision": revision,
            "event_type": "FILED",
            "note": f"{entity} {revision}",
        }
        made = wire(body, SCHEMA, schema_id) if value is None else value
        headers = (("qb_revision", str(revision).encode()),)
        world.append(Outgoing(world.topic, partition, entity.encode(), made, headers))


def subscription(world: World, group: str = "main", **options: Any) -> Subscription:
    return Subscription(
        world.servers(), f"{world.department}-{group}", [world.topic], **{"retries": QUICK, **options}
    )


@contextmanager
def running(work: Callable[[threading.Event, Health], None]) -> Iterator[Health]:
    """Something that runs until it is stopped, in a thread. What it raised is raised at the end."""
    stop, health, raised = threading.Event(), Health(), list[BaseException]()

    def guarded() -> None:
        try:
            work(stop, health)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            raised.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield health
    finally:
        stop.set()
        thread.join(60)
    if raised:
        raise raised[0]


@contextmanager
def handling(world: World, handler: Handler, group: str = "main", **options: Any) -> Iterator[Health]:
    """A subscription that runs meanwhile."""
    one = subscription(world, group, **options)
    with running(lambda stop, health: one.run(handler, stop, health)) as health:
        yield health


def until_seen(handler: Handler, entity: str, *revisions: int) -> None:
    until(f"{entity} {revisions}", lambda: handler.of(entity) == list(revisions), 30)
