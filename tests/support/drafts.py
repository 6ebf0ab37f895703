"""The decisions alone, over memory: records in at a given time, the requests that they lead to decided right after.

All slots lie in one workspace, so what one asks of another is decided as a record of its own, as in the real exchange.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from broker.admission.decide import Law, decide
from broker.admission.model import Body, Candidate, Emission, EntityKey, Outcome, Place, Request, Verdict
from broker.admission.requests import request_key
from broker.admission.timers import Timer, timer_of
from broker.admission.workspace import Workspace
from broker.slots import slot_key, slot_of
from schemas.catalogue import INTERNAL, load_catalogue
from schemas.policies import load_policy
from tests.support.story import example

CHINA = ZoneInfo("Asia/Shanghai")
HOUSE = "41140200100120034000502033"
SLOTS = 4

_EXAMPLES = {
    "unit": ("bureau", "registered"),
    "sale": ("bureau", "presale"),
    "seizure": ("court", "seized"),
    "defaulter": ("court", "listed"),
    "title": ("registry", "pre-notice"),
}


def china(text: str) -> datetime:
    """A moment by the clock in China: ``2021-06-01`` (noon) or ``2021-06-01T09:00:00.001``."""
    moment = datetime.fromisoformat(text if "T" in text else f"{text}T12:00")
    return moment.replace(tzinfo=CHINA).astimezone(UTC)


def day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


class Exchange:
    """Decides one record after another, at ``now``, which never goes back."""

    def __init__(self, now: str = "2021-01-01") -> None:
        self.workspace = Workspace()
        self.law = Law(load_catalogue(), load_policy(), lambda _candidate, _now: ())
        self.now = china(now)
        self.emissions: list[Emission] = []
        self.asked: list[tuple[Request, Verdict]] = []
        self._offset = 0

    # -- deciding -----------------------------------------------------------------------------------------------------

    def at(self, text: str) -> "Exchange":
        """Let time pass."""
        self.now = max(self.now, china(text))
        return self

    def send(self, subject: str, event_type: str, entity_id: str, **changes: Any) -> Verdict:
        """A record of its source: of something known as it last stood, of something new by its golden example."""
        principal, name = _EXAMPLES[subject]
        known = self.workspace.entities.get(EntityKey(subject, entity_id))
        body = (known.state if known else None) or example(subject, name) | {"entity_id": entity_id}
        own = {
            "event_id": str(uuid.uuid4()),
            "event_type": event_type,
            "source": principal,
            "version": (known.highest_version if known else 0) + 1,
            "occurred_at": self.now,
        }
        verdict = self.decide(principal, subject, body | own | changes)
        self.settle(verdict.requests)
        return verdict

    def decide(self, principal: str, subject: str, body: Body) -> Verdict:
        """One decision, and nothing else."""
        catalogue = self.law.catalogue
        key = request_key if principal == INTERNAL else slot_key
        self._offset += 1
        place = Place(f"intake.{principal}", slot_of(key(catalogue, subject, body), SLOTS), self._offset)
        # What the exchange fills in is no part of what was sent.
        candidate = Candidate(place, body["event_id"], principal, subject, body)
        verdict = decide(candidate, self.workspace, self.law, self.now)
        self.workspace.apply(candidate, verdict, SLOTS)
        self.emissions += verdict.revisions
        return verdict

    def settle(self, requests: Sequence[Request]) -> None:
        """Decide what the exchange has asked of itself, and what comes of that."""
        waiting = list(requests)
        while waiting:
            request = waiting.pop(0)
            verdict = self.decide(INTERNAL, request.subject, request.body)
            self.asked.append((request, verdict))
            waiting += verdict.requests

    def sweep(self) -> list[Verdict]:
        """Ask for all that is due and has not happened yet, the earliest first."""
        due = [(timer, key) for key, timer in self.timers() if timer.due_at <= self.now]
        verdicts = [self.decide(INTERNAL, key.subject, self.call(key, timer)) for timer, key in sorted(due)]
        for verdict in verdicts:
            self.settle(verdict.requests)
        return verdicts

    def timers(self) -> Iterator[tuple[EntityKey, Timer]]:
        for key, emission in self.workspace.revised.items():
            if timer := timer_of(emission):
                yield key, timer

    def call(self, key: EntityKey, timer: Timer) -> Body:
        """The sweep's request for a timer."""
        event = {"event_id": timer.event_id, "event_type": timer.event_type, "occurred_at": timer.due_at}
        return self.state(*key) | event

    # -- the court and the others --------------------------------------------------------------------------------------

    def unit(self, event_type: str = "REGISTERED", house: str = HOUSE, **changes: Any) -> Verdict:
        return self.send("unit", event_type, house, house_code=house, **changes)

    def seize(
        self, name: str, served: str, *, start: str | None = None, end: str | None = None, **more: Any
    ) -> Verdict:
        """A notice of seizure, by default of the house, formal and without a stated term."""
        stated: Body = {
            "seizure_id": name,
            "served_at": china(served),
            "start_date": day(start),
            "end_date": day(end),
            "house_code": HOUSE,
            "realty_unit_no": None,
            "contract_no": None,
            "kind": "1",
        }
        return self.send("seizure", "SEIZED", name, **(stated | more))

    def renew(self, name: str, end: str | None, **more: Any) -> Verdict:
        return self.send("seizure", "RENEWED", name, end_date=day(end), **more)

    def change(self, name: str, **changes: Any) -> Verdict:
        return self.send("seizure", "CHANGED", name, **changes)

    def release(self, name: str, disposal: str | None = None) -> Verdict:
        return self.send("seizure", "RELEASED", name, disposal=disposal)

    def title(self, kind: str = "TITLE", rights: str = "1", event_type: str = "REGISTERED") -> Verdict:
        own = {"house_code": HOUSE, "title_kind": kind, "rights_status_code": rights}
        return self.send("title", event_type, f"T-{kind}", **own)

    # -- what came of it -------------------------------------------------------------------------------------------------

    def state(self, subject: str, entity_id: str) -> Body:
        return self.workspace.entities[EntityKey(subject, entity_id)].known

    def status(self, name: str) -> str | None:
        return self.workspace.entities[EntityKey("seizure", name)].status

    def term(self, name: str) -> tuple[str, str] | None:
        """From and until, as text."""
        state = self.state("seizure", name)
        begin, until = state["effective_from"], state["effective_until"]
        return None if begin is None else (begin.isoformat(), until.isoformat())

    def queue(self, house: str = HOUSE) -> list[tuple[str, str]]:
        """Who has a place, with his effective kind, in order of place."""
        names = [key.entity_id for key in self.workspace.claims(house) if key.subject == "seizure"]
        states = [self.state("seizure", name) for name in names]
        placed = sorted(
            (s["queue_place"], s["entity_id"], s["effective_kind"]) for s in states if s["queue_place"]
        )
        assert [place for place, *_ in placed] == list(range(1, len(placed) + 1))
        return [(name, kind) for _, name, kind in placed]

    def conflicts(self) -> list[tuple[str, list[str]]]:
        """The open ones, by kind and sides."""
        return [
            (emission.body["kind"], sorted(side["entity_id"] for side in emission.body["sides"]))
            for key, emission in sorted(self.workspace.revised.items())
            if key.subject == "conflict" and emission.status == "OPEN"
        ]


def deeds(emissions: Sequence[Emission], subject: str = "seizure") -> list[tuple[str, str]]:
    """Who went through what, in order."""
    return [(e.key.entity_id, e.body["event_type"]) for e in emissions if e.key.subject == subject]


def codes(verdict: Verdict) -> list[str]:
    """The reasons; an accepted record may have some too, which warn."""
    return [item.code for item in verdict.reasons]


def accepted(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.ACCEPTED


def timer_id(name: str, last_day: str) -> str:
    """The id of the event that ends a term, as it is told to all: written out once more, so that it cannot drift."""
    midnight = datetime.combine(date.fromisoformat(last_day) + timedelta(days=1), datetime.min.time(), CHINA)
    return str(uuid5(NAMESPACE_URL, f"qianbei:{name}:EXPIRED:{midnight.astimezone(UTC).isoformat()}"))
