"""Sending plans in the order of their keys, each after the one before it was decided, and what became of each."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from time import monotonic
from types import TracebackType
from typing import Self

from broker.admission.model import Place
from broker.codec import Decoder
from broker.kafka import Connection, IdempotentProducer, PartitionReader, Record
from broker.registry import Registry
from broker.released import decoder, topic_subject
from broker.topics import OPERATOR, REDRIVE, REDRIVER, decision_topic, quarantine_topic
from producers.first_decisions import FirstDecisions
from producers.publisher import Decision, read_decision
from qianbei.redrive.choosing import lanes
from qianbei.redrive.planning import Plan
from qianbei.site import Site

_POLL_S = 0.1
AT_ONCE = 200
"""So many keys are under way at once."""


class Fate(StrEnum):
    """What became of a plan."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    DUPLICATE = "DUPLICATE"
    QUARANTINED = "QUARANTINED"
    UNFIT = "UNFIT"
    """Not sent: it would only be quarantined again."""
    WAITS = "WAITS"
    """Not sent: one before it of the same key was not accepted."""
    UNDECIDED = "UNDECIDED"
    """Sent, and no answer has come in time. It is not lost."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a plan. ``place`` is where it lies in ``intake.redrive``, None if it was not sent. ``standing`` is the
    decision that stands: of a duplicate the first one, as far as that could be found. ``detail`` says why it was not
    decided."""

    plan: Plan
    fate: Fate
    place: Place | None = None
    decision: Decision | None = None
    standing: Decision | None = None
    detail: str = ""

    @property
    def accepted(self) -> bool:
        """Whether what its source said stands accepted, now or before."""
        return self.standing is not None and self.standing.accepted


Say = Callable[[Reply], None]


def redrive(site: Site, plans: Sequence[Plan], say: Say, *, timeout_s: float) -> list[Reply]:
    """Send what is fit and wait for each outcome; ``say`` hears of each as it comes.

    Nothing of a key is sent before what goes before it was accepted: else a later version would be refused for a gap, and
    that decision could not be taken back. Raises Unavailable, AccessDenied or Indefinite; then what was sent is decided
    all the same, and redriving it again makes duplicates.
    """
    replies: list[Reply] = []

    def note(found: Sequence[Reply]) -> None:
        for reply in found:
            replies.append(reply)
            say(reply)

    open_lanes = lanes(plans)
    if not any(plan.unfit is None for plan in plans):
        note([_unsent(plan) for lane in open_lanes for plan in lane])
        return replies
    with Channel(site, {plan.case.principal for plan in plans}) as channel:
        while open_lanes:
            now, later = open_lanes[:AT_ONCE], open_lanes[AT_ONCE:]
            heads = [lane[0] for lane in now]
            found = _in_order_of(heads, channel.ask([p for p in heads if p.unfit is None], timeout_s))
            note(found)
            waits = [plan for lane, head in zip(now, found, strict=True) for plan in _held_up(lane, head)]
            note([_waiting(plan) for plan in waits])
            go_on = [lane[1:] for lane, head in zip(now, found, strict=True) if head.accepted]
            open_lanes = [*filter(None, go_on), *later]
    return replies


def _in_order_of(heads: Sequence[Plan], answered: Mapping[str, Reply]) -> list[Reply]:
    return [answered.get(plan.held.place) or _unsent(plan) for plan in heads]


def _held_up(lane: Sequence[Plan], head: Reply) -> Sequence[Plan]:
    return () if head.accepted else lane[1:]


def _unsent(plan: Plan) -> Reply:
    assert plan.unfit is not None, "what is fit is sent"
    return Reply(plan, Fate.UNFIT, detail=f"{plan.unfit.code}: {plan.unfit.detail}")


def _waiting(plan: Plan) -> Reply:
    return (
        _unsent(plan)
        if plan.unfit
        else Reply(plan, Fate.WAITS, detail="an earlier record of its key was not accepted")
    )


class Channel:
    """Sends as the user that may write ``intake.redrive``, reads the answers as the operator. Use it in a ``with`` block."""

    def __init__(self, site: Site, principals: Collection[str]) -> None:
        self._site = site
        self._principals = sorted(principals)
        self._stack = ExitStack()
        self._decisions: Decoder
        self._quarantine: Decoder
        self._producer: IdempotentProducer
        self._reader: PartitionReader

    def __enter__(self) -> Self:
        settings = self._site.settings(OPERATOR)
        decided = [decision_topic(name) for name in self._principals]
        set_apart = [quarantine_topic(name) for name in (*self._principals, REDRIVE)]
        with ExitStack() as stack:
            with Registry(settings.registry_url) as registry:
                self._decisions = decoder(registry, [topic_subject(topic, "decision") for topic in decided])
                self._quarantine = decoder(
                    registry, [topic_subject(topic, "quarantine") for topic in set_apart]
                )
            self._producer = stack.enter_context(
                IdempotentProducer(Connection.of(self._site.settings(REDRIVER)))
            )
            self._reader = stack.enter_context(PartitionReader(Connection.of(settings)))
            # Answers are read from where the topics end now: nothing has been sent yet.
            partitions = [p for topic in (*decided, *set_apart) for p in self._reader.partitions_of(topic)]
            self._reader.assign(partitions)
            for partition, offset in self._reader.end_offsets(partitions).items():
                self._reader.seek(partition, offset)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    def ask(self, plans: Sequence[Plan], timeout_s: float) -> dict[str, Reply]:
        """Send these and wait for what becomes of each: the answers by what was sent in again."""
        receipts = [(plan, self._producer.send(plan.message)) for plan in plans]
        sent = {
            Place(plan.message.topic, plan.message.partition, receipt()): plan for plan, receipt in receipts
        }
        answered = dict(self._answers(sent, monotonic() + timeout_s))
        late = {
            place: Reply(plan, Fate.UNDECIDED, place, detail="no answer yet; see that admission runs")
            for place, plan in sent.items()
            if place not in answered
        }
        found = self._standing([*answered.values(), *late.values()])
        return {reply.plan.held.place: reply for reply in found}

    def _answers(self, sent: Mapping[Place, Plan], deadline: float) -> Iterator[tuple[Place, Reply]]:
        left = dict(sent)
        while left and monotonic() < deadline:
            for record in self._reader.poll(_POLL_S):
                reply = self._read(record, left)
                if reply is not None and reply.place is not None:
                    del left[reply.place]
                    yield reply.place, reply

    def _read(self, record: Record, sent: Mapping[Place, Plan]) -> Reply | None:
        """The answer that a record is to one of these; None if it is to something else."""
        if record.topic.startswith("decision."):
            decision = read_decision(self._decisions, record)
            place = Place(*decision.place)
            return Reply(sent[place], Fate(decision.outcome), place, decision) if place in sent else None
        body = self._quarantine.decode(record.value)[1]
        place = Place(body["intake_topic"], body["intake_partition"], body["intake_offset"])
        detail = f"{body['reason']}: {body['detail']}"
        return Reply(sent[place], Fate.QUARANTINED, place, detail=detail) if place in sent else None

    def _standing(self, replies: Sequence[Reply]) -> list[Reply]:
        """The same with the decisions that stand: those behind duplicates are looked up."""
        standing: dict[str, Decision] = {}
        for principal in self._principals:
            mine = [r.decision for r in replies if r.decision and r.plan.case.principal == principal]
            if any(decision.outcome == "DUPLICATE" for decision in mine):
                with FirstDecisions(self._site.settings(OPERATOR), principal) as firsts:
                    standing |= firsts.of(mine)
        return [
            replace(r, standing=standing.get(r.decision.decision_id, r.decision)) if r.decision else r
            for r in replies
        ]
