"""Admission without servers: batches are decided in memory, and what the exchange asks of itself comes round again.

The records of all sources wait in lanes, one a topic and slot. Each batch takes from some of them, in the order in which
admission takes them; so sources race, and slots run apart. The clock goes on with each batch, and terms end on the way.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from broker.admission.batch import Decider, in_slot_order
from broker.admission.checks import compile_all
from broker.admission.decide import Law
from broker.admission.intake import Quarantined, read
from broker.admission.model import Emission, Request
from broker.admission.records import Encoders
from broker.admission.store import SlotCursor
from broker.admission.timers import timer_of
from broker.admission.workspace import Workspace
from broker.codec import MAX_RECORD_BYTES, Decoder, Released, encoder, wire_header
from broker.kafka import Outgoing, Record
from broker.protected import fill_party_refs, party_lists, party_ref
from broker.released import OWN_MAX_BYTES
from broker.topics import decision_topic, quarantine_topics
from producers.simulator.ledger import Ledger
from producers.simulator.model_compare import (
    Observed,
    observed_decision,
    observed_quarantine,
    revision_of,
)
from producers.simulator.model_words import Revision
from schemas.catalogue import load_catalogue
from schemas.files import ANSWERS, latest_version, load_schema, parsed, released_versions
from schemas.policies import load_policy

PARTY_KEY = b"a key of no exchange"
_RECORDS = (*load_catalogue().subjects, *ANSWERS)
_EVERY_HOUR_OR_SO = timedelta(minutes=47)


def _id(record: str, version: int) -> int:
    return 100 * (1 + _RECORDS.index(record)) + version


@cache
def headers() -> Mapping[str, bytes]:
    """The bytes before each record in its newest version."""
    return {record: wire_header(_id(record, latest_version(record))) for record in _RECORDS}


@cache
def _decoder(max_bytes: int = MAX_RECORD_BYTES) -> Decoder:
    known = [Released(r, v, _id(r, v), parsed(r, v)) for r in _RECORDS for v in released_versions(r)]
    return Decoder({found.schema_id: found for found in known}, max_bytes=max_bytes)


@cache
def _decider(slots: int) -> Decider:
    catalogue = load_catalogue()
    law = Law(catalogue, load_policy(), compile_all({s: _newest(s) for s in catalogue.subjects}))
    made = {r: encoder(_id(r, latest_version(r)), parsed(r, latest_version(r))) for r in _RECORDS}
    answers = {decision_topic(p): made["decision"] for p in catalogue.principals}
    answers |= dict.fromkeys(quarantine_topics(catalogue), made["quarantine"])
    revisions = {subject: made[subject] for subject in catalogue.subjects}
    return Decider(law, Encoders(revisions, revisions, answers), slots)


def _newest(subject: str) -> dict[str, Any]:
    return load_schema(subject, latest_version(subject))


@cache
def _party_lists() -> Mapping[str, Iterable[str]]:
    return {subject: party_lists(_newest(subject)) for subject in load_catalogue().subjects}


def parties_of(ledger: Ledger) -> dict[str, tuple[str, str]]:
    """The document of each party reference that admission can come upon."""
    facts = (sent.facts for sent in ledger.entries.values() if sent.facts)
    parties = {party for one in facts for party in one.terms.get("parties", ())}
    return {party_ref(PARTY_KEY, *party): party for party in parties}


@dataclass
class InMemory:
    """The exchange, with a scheduler that is deterministic by ``rng``."""

    rng: Random
    slots: int
    now: datetime
    observed: list[Observed] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    _workspace: Workspace = field(default_factory=Workspace)
    _cursors: dict[int, SlotCursor] = field(default_factory=dict)
    _lanes: dict[tuple[str, int], deque[Record]] = field(default_factory=lambda: defaultdict(deque))
    _sent: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    _asked: set[str] = field(default_factory=set)
    _appended: int = 0

    def __post_init__(self) -> None:
        self._cursors = {slot: SlotCursor(1, 1, None) for slot in range(self.slots)}

    def append(self, message: Outgoing) -> None:
        """A record enters its intake topic."""
        lane = (message.topic, message.partition)
        self._appended += 1
        self._lanes[lane].append(
            Record(*lane, self._sent[lane], self._appended, message.key, message.value, ())
        )
        self._sent[lane] += 1

    def settle(self) -> None:
        """Decide until nothing is left."""
        while self.waiting or self.sweep():
            self.step()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lanes.values()))

    def step(self) -> None:
        """One batch, from some of the lanes."""
        self.now += _EVERY_HOUR_OR_SO
        lanes = [lane for lane in sorted(self._lanes) if self._lanes[lane]]
        chosen = self.rng.sample(lanes, self.rng.randrange(1, len(lanes) + 1)) if lanes else []
        batch = [record for lane in chosen for record in self._taken(self._lanes[lane])]
        reads = [(record, self._read(record)) for record in in_slot_order(batch)]
        decisions = _decider(self.slots).decide_all(reads, self._workspace, self._cursors, self.now)
        self._cursors = decisions.cursors
        for row in decisions.outbox:
            self._published(row.message)

    def sweep(self) -> bool:
        """Ask for what is due and was not asked for. Says whether anything was."""
        due = [request for request in self._due() if request.body["event_id"] not in self._asked]
        for request in due:
            self._asked.add(request.body["event_id"])
            self.append(_decider(self.slots).request(request))
        return bool(due)

    def _due(self) -> Iterator[Request]:
        for key in sorted(self._workspace.entities):
            entity = self._workspace.entities[key]
            state = entity.state
            if key.subject not in ("seizure", "defaulter") or state is None:
                continue
            timer = timer_of(Emission(key, state, entity.status))
            if timer is not None and timer.due_at <= self.now:
                event = {"event_id": timer.event_id, "event_type": timer.event_type}
                yield Request(key.subject, state | event | {"occurred_at": timer.due_at})

    def _taken(self, lane: deque[Record]) -> Iterator[Record]:
        for _ in range(min(len(lane), self.rng.randrange(1, 12))):
            yield lane.popleft()

    def _read(self, record: Record) -> Any:
        found = read(record, _decoder(), load_catalogue(), self.slots)
        if not isinstance(found, Quarantined):
            fill_party_refs(found.body, PARTY_KEY, _party_lists()[found.subject])
        return found

    def _published(self, message: Outgoing) -> None:
        kind, _, rest = message.topic.partition(".")
        if kind == "intake":
            self.append(message)
            return
        body = _decoder(OWN_MAX_BYTES).decode(message.value)[1]
        if kind == "decision":
            self.observed.append(observed_decision(body))
        elif kind == "quarantine":
            self.observed.append(observed_quarantine(body))
        else:
            self.revisions.append(revision_of(rest, body))
