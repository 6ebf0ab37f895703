"""Today's rules on yesterday's records, in a dry run: which past decisions would differ.

By *evidence* each decision is made anew on what was known when it was made: whatever today's rules say, what was decided
then is what the next one sees. By *history* the decisions of today are followed: a sale that would have been refused is not
there for the next one, what the exchange would not have asked of itself is not decided, and what it would have asked is.
Sources are taken to have sent what they sent.

Nothing is written anywhere; decisions are the pure function that admission decides by, at the time that they were made.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from broker.admission.decide import decide
from broker.admission.intake import Quarantined
from broker.admission.model import Body, Candidate, EntityKey, Outcome, Request, Verdict
from broker.admission.reasons import REASONS
from broker.admission.service import Knowledge
from broker.admission.timers import EXPIRED
from broker.kafka import Record
from broker.replay.differing import (
    NOT_ASKED,
    Difference,
    Ruled,
    different_fields,
    ruled_now,
    ruled_then,
)
from broker.replay.past import QUARANTINED, InOrder, Past
from broker.replay.world import World
from broker.topics import intake_topic
from schemas.catalogue import INTERNAL

_FIRST_STAGE_THAT_ADVANCES = 3
_SWEPT = timedelta(seconds=2)
"""So long after its time a timer has been asked for by the sweep at the latest, where no record has let it happen."""
_ON_ITS_WAY = timedelta(minutes=1)
"""So long what was asked by a decision that was not made anew may be on its way."""
Told = Callable[[Past], None]


class By(Enum):
    """What the next decision sees."""

    EVIDENCE = "evidence"
    HISTORY = "history"


@dataclass(slots=True)
class Redeciding:
    """One run. ``asked_then`` are the ids of all events that the exchange made by itself in the past.

    ``since``: what was decided before is taken as it was. ``counts``: by (outcome and codes then, those of today).
    """

    knowledge: Knowledge
    by: By
    asked_then: frozenset[str] = frozenset()
    since: datetime | None = None
    counts: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=Counter)
    unjudged: int = 0
    """Decisions whose record has reached its retention, or that were made before ``since``: taken as they were."""
    other_evidence: int = 0
    """By evidence: decisions that looked at other facts of other slots than then, whether they differ or not."""

    def differences(self, pasts: InOrder, tell: Told = lambda _past: None) -> Iterator[Difference]:
        """Decide everything anew, and give what differs."""
        decider = self.knowledge.decider
        world = World(self.knowledge.states, decider.encoders, decider.slots)
        course = _Course(self.knowledge, world, self.asked_then)
        for past in pasts:
            tell(past)
            if past.came is None or (self.since is not None and past.recorded_at < self.since):
                self.unjudged += 1
                course.take_over(past, None)
            elif self.by is By.EVIDENCE:
                yield from self._counted(course.by_evidence(past))
            else:
                yield from self._counted(course.by_history(past))
        if self.by is By.HISTORY:
            yield from self._counted(course.rest())

    def _counted(self, found: Iterable[Difference]) -> Iterator[Difference]:
        for one in found:
            self.counts[one.before.codes, one.after.codes] += 1
            self.other_evidence += not one.same_evidence
            if one.before.compared != one.after.compared or one.fields:
                yield one


@dataclass(slots=True)
class _Course:
    """The course of things. Every decision is given, also one that is the same."""

    knowledge: Knowledge
    world: World
    asked_then: frozenset[str]
    _asked: dict[str, Record] = field(default_factory=dict)
    _waiting: deque[tuple[Record, str]] = field(default_factory=deque)
    _last: dict[int, datetime] = field(default_factory=dict)
    _made: int = 0
    _taken_over: datetime | None = None

    # -- by evidence -------------------------------------------------------------------------------------------------

    def by_evidence(self, past: Past) -> Iterator[Difference]:
        """Decide on what was known then."""
        assert past.came is not None
        found = self.knowledge.read(past.came)
        if isinstance(found, Quarantined):
            yield _difference(past, ruled_now(found))
            self.take_over(past, None)
            return
        verdict = decide(found, self.world.view, self.knowledge.decider.law, past.recorded_at)
        fields = tuple(self._different_fields(past, verdict))
        seen = frozenset((one.subject, one.entity_id, one.revision) for one in verdict.seen)
        yield replace(_difference(past, ruled_now(verdict), fields), same_evidence=seen == past.seen)
        self.take_over(past, verdict)

    def _different_fields(self, past: Past, verdict: Verdict) -> Iterator[str]:
        encode, decoders = self.knowledge.decider.encoders.exchange, self.knowledge.states
        written = [(one, encode[one.key.subject](one.body)) for one in verdict.revisions]
        if [value for _, value in written] != [one.value for one in past.written]:
            now = [replace(one, body=decoders.decode(value)[1]) for one, value in written]
            yield from different_fields(past.effects, now)

    def take_over(self, past: Past, today: Verdict | None) -> None:
        """Let happen what happened. ``today``: what would have been decided, which tells what was handed over."""
        if past.outcome == QUARANTINED:
            return
        candidate = self._candidate(past)
        key, house = candidate.key, candidate.house_code
        if candidate.principal == INTERNAL and candidate.subject == "seizure" and house is not None:
            self.world.bind(key, house)
        self._taken_over = past.recorded_at
        self.world.apply(candidate, _verdict_then(past, today))

    def _candidate(self, past: Past) -> Candidate:
        found = None if past.came is None else self.knowledge.read(past.came)
        if isinstance(found, Candidate):
            return found
        body = past.body
        names = ("event_id", "event_type", "entity_id", "version")
        told: Body = {name: body[name] for name in names}
        own = next((e for e in past.effects if e.key == EntityKey(body["subject"], body["entity_id"])), None)
        told |= {"house_code": None if own is None else own.body.get("house_code")}
        return Candidate(past.place, body["intake_sha256"], body["principal"], body["subject"], told)

    # -- by history --------------------------------------------------------------------------------------------------

    def by_history(self, past: Past) -> Iterator[Difference]:
        """Decide on what would be known, after all that would have been asked for by then."""
        assert past.came is not None
        yield from self._swept(past.recorded_at - _SWEPT)
        came = past.came if past.came.topic != intake_topic(INTERNAL) else self._asked_now(past, past.came)
        if came is None:
            yield _difference(past, Ruled(NOT_ASKED))
            return
        yield _difference(past, self._decided(came, past.recorded_at))
        yield from self._answered(past.recorded_at)

    def rest(self) -> Iterator[Difference]:
        """What is due by the end."""
        if self._last:
            yield from self._swept(max(self._last.values()) - _SWEPT)

    def _decided(self, came: Record, at: datetime) -> Ruled:
        found = self.knowledge.read(came)
        if isinstance(found, Quarantined):
            return ruled_now(found)
        self._last[came.partition] = at = max(at, self._last.get(came.partition, at))
        decider = self.knowledge.decider
        verdict = decide(found, self.world.view, decider.law, at)
        self.world.apply(found, verdict)
        for request in verdict.requests:
            self._ask(request, str(found.place))
        return ruled_now(verdict)

    def _ask(self, request: Request, cause: str) -> None:
        """What was asked then too is decided where it was decided then; what was not, at once."""
        event_id = str(request.body["event_id"])
        message = self.knowledge.decider.request(request)
        self._made += 1  # a place that no record has
        record = Record(message.topic, message.partition, -self._made, 0, message.key, message.value, ())
        if event_id in self.asked_then:
            self._asked[event_id] = record
        else:
            self._waiting.append((record, cause))

    def _answered(self, at: datetime) -> Iterator[Difference]:
        while self._waiting:
            record, cause = self._waiting.popleft()
            found = self.knowledge.read(record)
            assert isinstance(found, Candidate)
            yield _difference_now(found, cause, at, self._decided(record, at))

    def _swept(self, until: datetime) -> Iterator[Difference]:
        """Timers that are due by then. One that has ended something in the past too does it where it did then."""
        for key, timer in self.world.due(until):
            if timer.event_id not in self.asked_then:
                self._ask(self._expiring(key, timer.event_id, timer.due_at), f"{key.subject} {key.entity_id}")
                yield from self._answered(timer.due_at)

    def _expiring(self, key: EntityKey, event_id: str, due_at: datetime) -> Request:
        state = self.world.view.entities[key].known
        event = {"event_id": event_id, "event_type": EXPIRED, "occurred_at": due_at}
        return Request(key.subject, state | event)

    def _asked_now(self, past: Past, came: Record) -> Record | None:
        """The request as it would be put; None if it would not be."""
        body = past.body
        event_id, key = body["event_id"], EntityKey(body["subject"], body["entity_id"])
        if (record := self._asked.pop(event_id, None)) is not None:
            return came._replace(value=record.value, key=record.key)
        if body["event_type"] == EXPIRED:
            timer = self.world.timers.get(key)
            running = timer is not None and timer.event_id == event_id
            return came if running or self.world.view.decided(INTERNAL, event_id) else None
        if self.world.view.decided(INTERNAL, event_id) or self._was_on_its_way(past):
            return came
        return None

    def _was_on_its_way(self, past: Past) -> bool:
        """Whether who asked may be among the decisions that were not made anew."""
        return self._taken_over is not None and past.recorded_at < self._taken_over + _ON_ITS_WAY


def _verdict_then(past: Past, today: Verdict | None) -> Verdict:
    """The verdict as it was, as far as anything follows from it."""
    body = past.body
    stages = [REASONS[one["code"]].stage for one in body["reasons"] if one["severity"] == "REFUSE"]
    internal = body["principal"] == INTERNAL
    outcome = Outcome(past.outcome)
    return Verdict(
        outcome,
        body["decision_id"],
        past.recorded_at,
        advances=not internal
        and outcome is not Outcome.DUPLICATE
        and all(stage >= _FIRST_STAGE_THAT_ADVANCES for stage in stages),
        emissions=past.effects,
        handed_over=today.handed_over if today is not None and outcome is Outcome.ACCEPTED else {},
    )


def _difference(past: Past, now: Ruled, fields: tuple[str, ...] = ()) -> Difference:
    body: Mapping[str, str] = past.body
    quarantined = past.outcome == QUARANTINED
    return Difference(
        str(past.place),
        past.slot,
        past.seq,
        "" if quarantined else body["decision_id"],
        past.recorded_at,
        past.place.topic.removeprefix("intake.") if quarantined else body["principal"],
        "" if quarantined else body["subject"],
        "" if quarantined else body["event_type"],
        "" if quarantined else body["entity_id"],
        ruled_then(past),
        now,
        fields,
    )


def _difference_now(found: Candidate, cause: str, at: datetime, now: Ruled) -> Difference:
    """What was not asked then. Its place is that of what asks for it."""
    return Difference(
        cause,
        found.place.partition,
        None,
        "",
        at,
        INTERNAL,
        found.subject,
        found.event_type,
        found.key.entity_id,
        Ruled(NOT_ASKED),
        now,
    )
