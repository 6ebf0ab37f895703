"""The books that all sources keep: what was sent of what, and what comes next.

A source mostly knows what became of what it sent before (``Known``) and goes on from there; now and then it errs
(``Slip``). All numbers come from the history, so the same history sends the same bytes.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any
from uuid import UUID

from tests.machine.people import documents, houses
from tests.machine.steps import STEPS
from tests.support.story import example

Body = dict[str, Any]
Look = Callable[[str, str], "Known"]
CHINA = timezone(timedelta(hours=8))

golden = cache(example)
"""A golden example as a record, to be copied and never changed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a source knows of its entity: the highest version decided, the status, the house it is decided with, and how
    many of its records are not decided yet."""

    highest: int = 0
    status: str | None = None
    house_code: str | None = None
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """An event ready to be sent by its principal."""

    principal: str
    subject: str
    body: Body


@dataclass(frozen=True, slots=True)
class Slip:
    """How a source errs: ``version`` is added to the right one; ``wild``: any step, legal or not; ``baseline``: stock
    data; ``form``: one of ``FORMS``."""

    version: int = 0
    wild: bool = False
    baseline: bool = False
    form: str | None = None


RIGHT = Slip()
FORMS = ("status", "filing_no", "house", "foreign", "source")
"""What else can be wrong: the stated status, the filing number, the house; somebody else's entity or name."""

OTHERS: Mapping[str, str] = {
    "bureau": "court",
    "court": "police",
    "bank.icbc": "bank.ccb",
    "bank.ccb": "fund",
    "fund": "bureau",
    "registry": "tax",
}
"""Who takes an entity for his own that is not."""


class Books:
    """The sources' own books. ``look`` tells what became of an entity; ``clock`` is everybody's."""

    def __init__(self, run: int, clock: Callable[[], datetime], look: Look) -> None:
        self.run = run
        self.houses = houses(run)
        self.documents = documents(run)
        self.sent: list[Event] = []
        self._clock = clock
        self._look = look
        self._ids = random.Random(f"event ids of run {run}")
        self._last: dict[tuple[str, str], Event] = {}
        self._assumed: dict[tuple[str, str], str] = {}

    @property
    def today(self) -> date:
        return self._clock().astimezone(CHINA).date()

    def entities(self, subject: str) -> list[str]:
        """What was ever sent of a subject, in the order of its first event."""
        return [entity_id for kind, entity_id in self._last if kind == subject]

    def new_id(self, subject: str) -> str:
        return f"{subject[:2].upper()}-{self.run}-{len(self.entities(subject))}"

    def begin(self, principal: str, subject: str, event_type: str, body: Body, slip: Slip = RIGHT) -> Event:
        """The first event of a new entity."""
        return self._event(principal, subject, event_type, body, 1 + abs(slip.version), slip)

    def go_on(
        self,
        subject: str,
        which: int,
        step: int,
        change: Callable[[Body, str], Body] = lambda body, _event: body,
        slip: Slip = RIGHT,
    ) -> Event | None:
        """The next event of an entity sent before, counted from the last. None if there is none, or nothing more can happen to it."""
        known = self.entities(subject)
        if not known:
            return None
        entity_id = known[-1 - which % len(known)]
        last = self._last[subject, entity_id]
        told = self._look(subject, entity_id)
        status = self._assumed[subject, entity_id] if told.undecided else told.status or "NONE"
        steps = STEPS[subject]
        fit = (
            list(steps) if slip.wild else [name for name, (allowed, _) in steps.items() if status in allowed]
        )
        if not fit:
            return None
        event_type = fit[step % len(fit)]
        body = change(last.body, event_type)
        version = max(1, told.highest + told.undecided + 1 + slip.version)
        return self._event(last.principal, subject, event_type, body, version, slip)

    def again(self, which: int, *, altered: bool) -> Event | None:
        """An event sent before once more: the same bytes, or others under the same event id."""
        if not self.sent:
            return None
        event = self.sent[which % len(self.sent)]
        if not altered:
            return event
        return Event(event.principal, event.subject, event.body | {"group_id": "G-again"})

    def _event(
        self, principal: str, subject: str, event_type: str, body: Body, version: int, slip: Slip
    ) -> Event:
        target = STEPS[subject][event_type][1]
        own = {
            "event_id": str(UUID(int=self._ids.getrandbits(128), version=4)),
            "event_type": event_type,
            "version": version,
            "source": principal,
            "occurred_at": self._clock(),
            "baseline": slip.baseline,
        }
        if "contract_status" in body:
            own["contract_status"] = target
        event = Event(principal, subject, body | own)
        self._last[subject, body["entity_id"]] = event
        self._assumed[subject, body["entity_id"]] = target
        if slip.form is not None:
            event = self._wrong(event, slip.form)
        self.sent.append(event)
        return event

    def _wrong(self, event: Event, form: str) -> Event:
        """The event as a source sends it that errs in this; unchanged where there is nothing to err in."""
        body, other = event.body, OTHERS.get(event.principal, "bureau")
        if form == "foreign":
            return Event(other, event.subject, body | {"source": other})
        wrong: Body = {"source": other} if form == "source" else {}
        if form == "status" and "contract_status" in body:
            wrong = {"contract_status": "DRAFT" if body["contract_status"] != "DRAFT" else "SIGNED"}
        elif form == "filing_no" and body.get("filing_no"):
            wrong = {"filing_no": f"{body['filing_no']}-B"}
        elif (
            form == "house"
            and event.subject != "unit"
            and (body.get("house_code") or event.subject == "seizure")
        ):
            elsewhere = self.houses[0 if body["house_code"] != self.houses[0].code else 1]
            wrong = {"house_code": elsewhere.code}
        return Event(event.principal, event.subject, body | wrong)
