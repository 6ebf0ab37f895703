"""Histories on the real Postgres: the sources of ``histories``, and a scheduler that disturbs."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.machine.books import Event, Known
from tests.machine.compare import Differs, differences, kept_differs, overdue
from tests.machine.coverage import Coverage
from tests.machine.exchange import INSTANCES, Disturbance, Exchange
from tests.machine.histories import Sources
from tests.machine.knowledge import decoder
from tests.machine.model import Model
from tests.machine.observed import read_story
from tests.machine.people import BEGIN

INSTANCE = st.integers(0, INSTANCES - 1)
OWNERS = st.lists(INSTANCE, min_size=3, max_size=3)
POINT = st.integers(0, 40)


class OnPostgres:
    """The backend of ``histories.Backend``."""

    run = 0

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.coverage = Coverage()

    def begin(self) -> None:
        self.exchange.begin(BEGIN)

    def clock(self) -> datetime:
        return self.exchange.now

    def look(self, subject: str, entity_id: str) -> Known:
        return self.exchange.look(subject, entity_id)

    def send(self, event: Event) -> None:
        self.exchange.send(event)

    def send_raw(self, principal: str, slot: int, key: bytes, value: bytes) -> None:
        self.exchange.send_raw(principal, slot, key, value)

    def flow(self) -> None:
        for n in range(INSTANCES):
            self.exchange.step(n, limit=50)

    def jump(self, hours: int) -> None:
        self.exchange.now += timedelta(hours=hours)

    def sweep(self) -> None:
        for n in range(INSTANCES):
            self.exchange.sweep(n)
        self.flow()

    def check(self) -> None:
        if self.exchange.failure is not None:
            return  # it is told already
        self.exchange.settle()
        story = read_story(self.exchange.log.everything(), decoder())
        self.coverage.note(story)
        model = Model()
        found = differences(story, self.exchange.order, model)
        found += kept_differs(self._claims(), self._entities(), story, model)
        found += overdue(model, self.exchange.now)
        if found:
            raise Differs("\n".join(found[:12]))

    def _claims(self) -> list[Any]:
        query = "SELECT house_code, subject, entity_id, status FROM admission.claim"
        return self.exchange.own.execute(query).fetchall()

    def _entities(self) -> list[Any]:
        query = (
            "SELECT subject, entity_id, source, house_code, highest_version, revision, status"
            " FROM admission.entity"
        )
        return self.exchange.own.execute(query).fetchall()


class Disturbed(Sources):
    """Sources and a scheduler: who steps next, how far, what is in the way."""

    backend: ClassVar[OnPostgres]

    @property
    def exchange(self) -> Exchange:
        return self.backend.exchange

    @rule(n=INSTANCE, limit=st.integers(1, 6), first=st.integers(0, 30))
    def step(self, n: int, limit: int, first: int) -> None:
        self.exchange.step(n, limit, first)

    @rule(n=INSTANCE, limit=st.integers(1, 6), at=POINT, other=INSTANCE, owners=st.none() | OWNERS)
    def overtake(self, n: int, limit: int, at: int, other: int, owners: list[int] | None) -> None:
        """Another instance takes a step, and perhaps slots, while one is in the middle of its own."""

        def meanwhile() -> None:
            if owners is not None:
                self.exchange.move(owners)
            self.exchange.step(other, limit=50)

        self.exchange.step(n, limit, disturbance=Disturbance(at, meanwhile))

    @rule(n=INSTANCE, at=POINT, kind=st.sampled_from(("step", "step", "sweep", "between")))
    def crash(self, n: int, at: int, kind: str) -> None:
        """An instance crashes: between two steps, or at a point of one; before or after the commit, or as it publishes."""
        if kind == "step":
            self.exchange.step(n, limit=4, disturbance=Disturbance(at))
        elif kind == "sweep":
            self.exchange.sweep(n, Disturbance(at % 8))
        else:
            self.exchange.crash(n)

    @rule(n=INSTANCE)
    def ask(self, n: int) -> None:
        """An instance asks for what is due; who decides on it, and by which clock, is open."""
        self.exchange.sweep(n)

    @rule(n=INSTANCE, owners=OWNERS, seconds=st.none() | st.integers(-90, 90))
    def move(self, n: int, owners: list[int], seconds: int | None) -> None:
        """Slots move, or the clock of an instance is set ahead or behind."""
        if seconds is None:
            self.exchange.move(owners)
        else:
            self.exchange.instances[n].skew = timedelta(seconds=seconds)
