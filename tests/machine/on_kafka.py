"""Histories on a real Kafka: the services as processes, their own clocks and sweeps, and now and then a ``kill -9``.

All histories share one exchange, with other tests as well; each has people and houses of its own (``run``), and what is
compared is what concerns them. Time does not jump here: what is over is so by its dates.
"""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from broker.codec import Decoder
from broker.errors import DecodeError
from broker.kafka import Connection, PartitionReader, Record, TopicPartition
from broker.registry import Registry
from broker.released import decoder, exchange_subject, intake_subject, topic_subject
from broker.topics import decision_topic, exchange_topic, intake_topic, quarantine_topic
from schemas.catalogue import load_catalogue
from tests.machine.books import Event, Known
from tests.machine.compare import Differs, differences, kept_differs
from tests.machine.coverage import Coverage
from tests.machine.histories import Sources
from tests.machine.model import Model
from tests.machine.observed import Story, read_story
from tests.machine.people import houses
from tests.support.exchange import Exchange
from tests.support.story import Event as Sent
from tests.support.story import Sender, sender

ADMISSIONS = 2
PATIENCE_S = 90.0
_PRINCIPALS = tuple(p for p in load_catalogue().principals if p != "internal")


class OnKafka:
    """The backend of ``histories.Backend``."""

    def __init__(
        self, exchange: Exchange, door: Sender, db: psycopg.Connection[Any], logs: "Logs", run: int
    ) -> None:
        self.exchange = exchange
        self.run = run
        self.coverage = Coverage()
        self._door, self._db, self._logs = door, db, logs

    @classmethod
    @contextmanager
    def opened(cls, exchange: Exchange, run: int) -> Iterator[Self]:
        """With its connections, which are closed at the end. ``run``: the number before that of the first history."""
        with ExitStack() as stack:
            door = stack.enter_context(sender(exchange.site, *_PRINCIPALS))
            db = stack.enter_context(psycopg.connect(exchange.site.admin.dsn(), autocommit=True))
            reader = stack.enter_context(
                PartitionReader(Connection.of(exchange.site.settings("qb-operator")))
            )
            yield cls(exchange, door, db, Logs(reader, _decoder(exchange)), run)

    def begin(self) -> None:
        self.run += 1
        self._sent: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self.exchange.ensure_services(ADMISSIONS)

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def look(self, subject: str, entity_id: str) -> Known:
        row = self._db.execute(
            "SELECT highest_version, status, house_code FROM admission.entity WHERE subject = %s AND entity_id = %s",
            (subject, entity_id),
        ).fetchone()
        highest, status, house_code = row or (0, None, None)
        return Known(highest, status, house_code, self._undecided(self._sent.get((subject, entity_id), ())))

    def send(self, event: Event) -> None:
        name = (event.principal, event.body["event_id"])
        self._sent.setdefault((event.subject, event.body["entity_id"]), set()).add(name)
        self._door.send(Sent(event.principal, event.subject, event.body))

    def send_raw(self, principal: str, slot: int, key: bytes, value: bytes) -> None:
        """Others count what is quarantined here."""

    def flow(self) -> None:
        """Everything sent is decided."""
        _wait("decisions", lambda: not self._undecided(set().union(*self._sent.values())))

    def _undecided(self, names: Collection[tuple[str, str]]) -> int:
        told = sorted(names)
        row = self._db.execute(
            "SELECT count(*) FROM unnest(%s::text[], %s::text[]) AS k(principal, event_id)"
            " JOIN admission.decision USING (principal, event_id)",
            ([principal for principal, _ in told], [event_id for _, event_id in told]),
        ).fetchone()
        assert row is not None
        return len(told) - int(row[0])

    def jump(self, hours: int) -> None:
        """Time goes its own way here."""

    def sweep(self) -> None:
        """The services ask by themselves."""

    def kill(self, n: int) -> None:
        """``kill -9`` an instance of admission, and start it again."""
        self.exchange.kill(f"admission-{n}")
        self.exchange.restart("admission", n)

    def check(self) -> None:
        self.flow()
        _wait("an exchange at rest", self._at_rest)
        story, model = read_story(self._mine(), self._logs.decoder, whole=False), Model()
        self.coverage.note(story)
        found = differences(story, _order(story), model)
        found += kept_differs(self._claims(), self._entities(model), story, model)
        if found:
            raise Differs("\n".join(found[:12]))

    def _at_rest(self) -> bool:
        """Nothing of ours is due, and all that lies in an intake is decided and published."""
        due = self._db.execute(
            "SELECT 1 FROM admission.timer WHERE due_at <= now() AND (house_code = ANY(%s) OR entity_id LIKE %s)",
            (self._codes(), f"__-{self.run}-%"),
        ).fetchall()
        if due:
            return False
        time.sleep(0.2)  # a transaction is seen in one topic a moment before the other
        if self._logs.read_on():
            return False
        return not read_story(self._mine(), self._logs.decoder, whole=False).problems

    def _codes(self) -> list[str]:
        return [house.code for house in houses(self.run)]

    def _mine(self) -> dict[TopicPartition, list[Record]]:
        return self._logs.of(self._codes(), f"-{self.run}-")

    def _claims(self) -> list[Any]:
        query = (
            "SELECT house_code, subject, entity_id, status FROM admission.claim WHERE house_code = ANY(%s)"
        )
        return self._db.execute(query, (self._codes(),)).fetchall()

    def _entities(self, model: Model) -> list[Any]:
        ids = [name for subject, name in model.state.things if subject not in ("conflict", "notice")]
        return self._db.execute(
            "SELECT subject, entity_id, source, house_code, highest_version, revision, status FROM admission.entity"
            " WHERE entity_id = ANY(%s) OR (subject IN ('conflict', 'notice') AND house_code = ANY(%s))",
            (ids, self._codes()),
        ).fetchall()


def _order(story: Story) -> list[tuple[int, int]]:
    """An order in which the decisions could have been made one after another: that of their times. Whoever decides on what
    another changes waits for him, and looks at the clock only then; in one batch slot comes after slot."""

    def when(at: tuple[int, int]) -> tuple[Any, ...]:
        answer = story.by_seq[at].answer
        return (datetime.max.replace(tzinfo=UTC) if answer is None else answer["recorded_at"], *at)

    return sorted(story.by_seq, key=when)


def _wait(what: str, done: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:.0f} s"
        time.sleep(0.02)


def _decoder(exchange: Exchange) -> Decoder:
    catalogue = load_catalogue()
    with Registry(exchange.site.admin.registry_url) as registry:
        subjects = [intake_subject(s) for s in catalogue.subjects]
        subjects += [exchange_subject(s) for s in catalogue.subjects]
        for principal in catalogue.principals:
            subjects.append(topic_subject(decision_topic(principal), "decision"))
            subjects.append(topic_subject(quarantine_topic(principal), "quarantine"))
        return decoder(registry, subjects)


class Logs:
    """The topics of an exchange, read on and on."""

    def __init__(self, reader: PartitionReader, known: Decoder) -> None:
        self.decoder = known
        self._reader = reader
        catalogue = load_catalogue()
        names = [topic(p) for p in catalogue.principals for topic in (intake_topic, decision_topic)]
        names += [exchange_topic(subject) for subject in catalogue.subjects]
        self._partitions = [p for name in names for p in reader.partitions_of(name)]
        reader.assign(self._partitions)
        # What lies there already is of others.
        for partition, end in reader.end_offsets(self._partitions).items():
            reader.seek(partition, end)
        self._records: list[tuple[Record, dict[str, Any]]] = []

    def read_on(self) -> int:
        """Read up to the present ends. How many records that brought."""
        ends, before = self._reader.end_offsets(self._partitions), len(self._records)
        while any(self._reader.position(p) < end for p, end in ends.items()):
            self._records += self._decoded(self._reader.poll(0.05))
        return len(self._records) - before

    def _decoded(self, records: Iterable[Record]) -> Iterator[tuple[Record, dict[str, Any]]]:
        for record in records:
            try:
                yield record, self.decoder.decode(record.value)[1]
            except DecodeError:
                continue  # quarantined, and of no history in particular

    def of(self, codes: Collection[str], mark: str) -> dict[TopicPartition, list[Record]]:
        """The records of one history: on its houses, or of entities that bear its mark."""
        ours = {
            (record.topic, record.partition, record.offset)
            for record, body in self._records
            if "intake_topic" not in body and _concerns(body, codes, mark)
        }
        found: dict[TopicPartition, list[Record]] = {}
        for record, body in self._records:
            if _place(record, body) in ours:
                found.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
        return found


def _concerns(body: dict[str, Any], codes: Collection[str], mark: str) -> bool:
    named = (body["entity_id"], body.get("house_code"))
    return mark in named[0] or any(name in codes for name in named)


def _place(record: Record, body: dict[str, Any]) -> tuple[str, int, int]:
    """Where a record lies; a decision, where that lies which it decides on."""
    if "intake_topic" in body:
        return body["intake_topic"], body["intake_partition"], body["intake_offset"]
    return record.topic, record.partition, record.offset


class Killed(Sources):
    """Sources, and one ``kill -9`` a history at most."""

    backend: ClassVar[OnKafka]

    def __init__(self) -> None:
        super().__init__()
        self.killed = False

    @precondition(lambda self: not self.killed)
    @rule(n=st.integers(0, ADMISSIONS - 1))
    def kill(self, n: int) -> None:
        self.killed = True
        self.backend.kill(n)
