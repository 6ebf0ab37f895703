"""Instances of the real admission on a real Postgres, over the in-process log, stepped one at a time by a plan.

Everything runs in one thread. A *point* is where an instance touches the outer world: a statement, a commit, a call of
the log. At one point of a step the plan may *crash* the instance, or let *others* run before it goes on. Others that
meet a lock of the waiting instance give up after `LOCK_WAIT`, as an unavailable database: that is what they would do
against a frozen owner, and it keeps every history the same however fast the machine is.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self, cast

import psycopg

from broker.admission.sealing import Sealer
from broker.admission.service import AdmissionSession
from broker.errors import OwnershipLost, Unavailable
from broker.kafka import GroupConsumer, Outgoing, TopicPartition, TransactionalProducer
from broker.metrics import ServiceMetrics
from broker.slots import slot_key, slot_of
from broker.topics import intake_topic
from schemas.catalogue import load_catalogue
from tests.machine.books import Event, Known
from tests.machine.knowledge import encoders, knowledge
from tests.machine.log import Log, LogConsumer, LogProducer
from tests.machine.people import SLOTS

LOCK_WAIT = "40ms"
INSTANCES = 3
NEVER = float("inf")
PAUSE = timedelta(minutes=2)
"""Long enough that a sweep asks again for what came to nothing."""
TABLES = ("intake_position", "entity", "decision", "claim", "outbox", "fact", "timer")
TOPICS = [intake_topic(principal) for principal in load_catalogue().principals]


class Crashed(BaseException):
    """An instance ended at this point, as by ``kill -9``. No code of the exchange may catch it."""


@dataclass
class Disturbance:
    """What happens at the ``at``-th point of a step: a crash, or what others do meanwhile."""

    at: int
    others: Callable[[], None] | None = None


class PointedConnection(psycopg.Connection[Any]):
    """A connection that calls ``point`` before each statement and around each commit."""

    point: Callable[[str], None]

    @classmethod
    def opened(cls, dsn: str, point: Callable[[str], None]) -> Self:
        connection = cls.connect(dsn, autocommit=True, options=f"-c TimeZone=UTC -c lock_timeout={LOCK_WAIT}")
        connection.point = point
        return connection

    def execute(self, query: Any, *args: Any, **more: Any) -> Any:
        self.point("statement")
        return super().execute(query, *args, **more)

    @contextmanager
    def transaction(self, *args: Any, **more: Any) -> Iterator[psycopg.Transaction]:
        with super().transaction(*args, **more) as transaction:
            yield transaction
            self.point("commit")
        self.point("committed")


@dataclass
class Instance:
    """One process of admission: at most one session, begun anew after whatever ended the last."""

    name: str
    db: PointedConnection
    skew: timedelta = timedelta()
    session: AdmissionSession | None = None
    consumer: LogConsumer | None = None
    disturbance: Disturbance | None = None
    points: int = 0
    busy: bool = False


@dataclass
class Exchange:
    """The log, the database and the instances. ``order`` is the order in which decisions were committed: slot and
    sequence of each; it is an order in which they could have been made one after another. ``sealer``: how protected values are
    encrypted, if they are."""

    dsn: str
    now: datetime
    log: Log = field(init=False)
    instances: list[Instance] = field(default_factory=list)
    order: list[tuple[int, int]] = field(default_factory=list)
    sent: dict[tuple[str, str], list[tuple[TopicPartition, int]]] = field(default_factory=dict)
    sealer: Callable[[], Sealer] | None = None
    crashes: int = 0
    ended: list[str] = field(default_factory=list)
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self.log = Log(lambda: int(self.now.timestamp() * 1000))

    @classmethod
    @contextmanager
    def opened(cls, dsn: str, now: datetime) -> Iterator[Self]:
        """An exchange whose connections are closed at the end."""
        exchange = cls(dsn, now)
        with psycopg.connect(dsn, autocommit=True, options="-c TimeZone=UTC") as own:
            exchange.own = own
            for n in range(INSTANCES):
                exchange.instances.append(exchange._instance(f"admission-{n}"))
            try:
                yield exchange
            finally:
                for instance in exchange.instances:
                    instance.db.close()

    own: psycopg.Connection[Any] = field(init=False, repr=False)

    def _instance(self, name: str) -> Instance:
        instance = Instance(name, PointedConnection.opened(self.dsn, lambda _where: None))
        instance.db.point = lambda where: self._point(instance, where)
        return instance

    def begin(self, now: datetime) -> None:
        """A new history: an empty log and an empty database."""
        self.now = now
        self.__post_init__()
        self.order.clear()
        self.ended.clear()
        self.failure = None
        self.sent.clear()
        self.crashes = 0
        for instance in self.instances:
            instance.session, instance.skew, instance.disturbance = None, timedelta(), None
        deletes = ";".join(f"DELETE FROM admission.{table}" for table in TABLES)
        self.own.execute(
            f"{deletes}; UPDATE admission.slot SET epoch = 0, next_seq = 1, last_recorded_at = NULL, instance = NULL"
        )
        self._next = dict.fromkeys(range(SLOTS), 1)
        self.move([0, 1, 2])

    # -- the outer world -----------------------------------------------------------------------------------------------

    def send(self, event: Event) -> None:
        """An event, as its source sends it."""
        key = slot_key(load_catalogue(), event.subject, event.body)
        value = encoders()[event.subject](event.body)
        slot = slot_of(key, SLOTS)
        topic = intake_topic(event.principal)
        offset = self.log.append(Outgoing(topic, slot, key.encode(), value))
        places = self.sent.setdefault((event.subject, event.body["entity_id"]), [])
        places.append((TopicPartition(topic, slot), offset))
        self.now += timedelta(milliseconds=1)

    def send_raw(self, principal: str, slot: int, key: bytes, value: bytes) -> None:
        """Bytes that no honest source sends."""
        self.log.append(Outgoing(intake_topic(principal), slot, key, value))

    def look(self, subject: str, entity_id: str) -> Known:
        """What is known of an entity, and how many of its records are not decided yet."""
        row = self.own.execute(
            "SELECT highest_version, status, house_code FROM admission.entity WHERE subject = %s AND entity_id = %s",
            (subject, entity_id),
        ).fetchone()
        done = self._positions()
        places = self.sent.get((subject, entity_id), ())
        undecided = sum(offset >= done.get(partition, 0) for partition, offset in places)
        highest, status, house_code = row or (0, None, None)
        return Known(highest, status, house_code, undecided)

    def _positions(self) -> Mapping[TopicPartition, int]:
        rows = self.own.execute("SELECT topic, partition, next_offset FROM admission.intake_position")
        return {TopicPartition(topic, partition): offset for topic, partition, offset in rows}

    def backlog(self) -> int:
        """How many intake records are not decided yet."""
        done = self._positions()
        return sum(len(self.log.read(p, done.get(p, 0))) for p in self.log.topics("intake."))

    # -- the scheduler ---------------------------------------------------------------------------------------------------

    def move(self, owners: list[int]) -> None:
        """Each slot to an instance, by number, in a new generation of the group."""
        owned: dict[str, list[int]] = {f"admission-{n}": [] for n in range(INSTANCES)}
        for slot, n in enumerate(owners):
            owned[f"admission-{n % INSTANCES}"].append(slot)
        self.log.assign(owned, TOPICS)

    def step(self, n: int, limit: int = 1, first: int = 0, disturbance: Disturbance | None = None) -> None:
        """One step of an instance: at most ``limit`` records, or taking over what was assigned to it."""
        self._run(n, disturbance, lambda session: self._stepped(session, n, limit, first))

    def _stepped(self, session: AdmissionSession, n: int, limit: int, first: int) -> None:
        consumer = self.instances[n].consumer
        assert consumer is not None
        consumer.limit, consumer.first = limit, first
        if consumer.moved:
            session.step()
        session.step()

    def sweep(self, n: int, disturbance: Disturbance | None = None) -> None:
        """One instance asks for what is due in its slots."""
        self._run(n, disturbance, lambda session: session.sweep())

    def crash(self, n: int) -> None:
        """An instance ends between two steps."""
        if not self.instances[n].busy:
            self.instances[n].session = None

    def _run(
        self, n: int, disturbance: Disturbance | None, work: Callable[[AdmissionSession], object]
    ) -> None:
        instance = self.instances[n]
        if instance.busy:
            return
        instance.busy, instance.points, instance.disturbance = True, 0, disturbance
        self.now += timedelta(milliseconds=7)
        try:
            session = instance.session or self._session(instance)
            session._next_sweep = NEVER
            work(session)
        except Crashed:
            self.crashes += 1
            instance.session = None
        except (Unavailable, OwnershipLost) as error:
            instance.session = None
            self.ended.append(repr(error.__cause__ or error))
        except Exception as error:
            self.failure = error
            raise
        finally:
            instance.busy, instance.disturbance = False, None

    def _session(self, instance: Instance) -> AdmissionSession:
        def point(where: str) -> None:
            self._point(instance, where)

        producer = LogProducer(self.log, instance.name, point)
        instance.consumer = LogConsumer(self.log, instance.name, point)
        instance.session = AdmissionSession(
            replace(knowledge(SLOTS), sealer=self.sealer),
            cast(GroupConsumer, instance.consumer),
            cast(TransactionalProducer, producer),
            instance.db,
            self.dsn,
            instance.name,
            ServiceMetrics("admission"),
            lambda: self.now + instance.skew,
        )
        return instance.session

    def _point(self, instance: Instance, where: str) -> None:
        if where == "committed":
            self._note_order()
        instance.points += 1
        planned = instance.disturbance
        if planned is None or instance.points - 1 != planned.at:
            return
        instance.disturbance = None
        if planned.others is None:
            raise Crashed
        planned.others()

    def _note_order(self) -> None:
        rows = self.own.execute("SELECT slot, next_seq FROM admission.slot ORDER BY slot").fetchall()
        for slot, after in rows:
            self.order += [(slot, seq) for seq in range(self._next[slot], after)]
            self._next[slot] = after

    def settle(self) -> None:
        """Everything sent is decided and published, and nothing is due any more: all instances run undisturbed."""
        self.now += PAUSE
        for _ in range(60):
            for n in range(INSTANCES):
                self.instances[n].skew = timedelta()
                self.step(n, limit=50)
            if not self.backlog():
                for n in range(INSTANCES):
                    self.sweep(n)
                if not self.backlog() and not self._unpublished():
                    return
        left = {p: len(self.log.read(p, self._positions().get(p, 0))) for p in self.log.topics("intake.")}
        behind = {p: (self.log.offsets.get(p), at) for p, at in self._positions().items()}
        raise AssertionError(f"the exchange does not settle: {left} {behind} {self.ended[-3:]}")

    def _unpublished(self) -> bool:
        return any(self.log.offsets.get(p, 0) != offset for p, offset in self._positions().items())
