"""One decision as an entry of a story."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from qianbei.explain import words
from qianbei.explain.model import Change, Entry, Fact, Json, Redriven, Request, Why, Words
from qianbei.inspect.reading import place_of


class Revision(NamedTuple):
    """What a record of the exchange is known by."""

    subject: str
    entity_id: str
    revision: int

    @classmethod
    def of(cls, effect: Json) -> Self:
        """From what a decision says that it wrote."""
        return cls(effect["topic"].removeprefix("exchange."), effect["entity_id"], effect["revision"])


def entry_of(
    decision: Json, came: Json | None, written: Mapping[Revision, Json], asked: Iterable[Json]
) -> Entry:
    """An entry from a decision, the record that it decided, the revisions that it wrote and the requests it led to."""
    subject, event_type = decision["subject"], decision["event_type"]
    return Entry(
        decision_id=decision["decision_id"],
        recorded_at=decision["recorded_at"],
        slot=decision["slot"],
        slot_seq=decision["slot_seq"],
        place=place_of(decision["intake_topic"], decision["intake_partition"], decision["intake_offset"]),
        principal=decision["principal"],
        occurred_at=came["occurred_at"] if came else None,
        event_id=decision["event_id"],
        subject=subject,
        event_type=event_type,
        entity_id=decision["entity_id"],
        version=decision["version"],
        what=words.event(subject, event_type),
        content=words.content(came),
        outcome=decision["outcome"],
        revision=decision.get("revision"),
        first_decision_id=decision.get("first_decision_id"),
        reasons=tuple(_why(reason) for reason in decision["reasons"]),
        seen=tuple(_fact(one) for one in decision["seen"]),
        changes=tuple(_changes(decision, written)),
        requests=tuple(_request(one) for one in asked),
        redriven=_redriven(decision.get("redriven")),
    )


def _redriven(origin: Json | None) -> Redriven | None:
    if origin is None:
        return None
    place = place_of(origin["intake_topic"], origin["intake_partition"], origin["intake_offset"])
    return Redriven(place, origin["operator"], origin["reason"], origin["redriven_at"], origin["edited"])


def _fact(one: Json) -> Fact:
    return Fact(one["subject"], one["entity_id"], one.get("revision"))


def _why(reason: Json) -> Why:
    return Why(
        reason["code"],
        reason["severity"],
        Words(reason["zh"], reason["en"]),
        reason["legal_basis"],
        reason.get("rule_version"),
        reason.get("field"),
        tuple(_fact(one) for one in reason["evidence"]),
    )


def _changes(decision: Json, written: Mapping[Revision, Json]) -> Iterable[Change]:
    mine = (decision["subject"], decision["entity_id"], decision.get("revision"))
    for effect in decision["effects"]:
        key = Revision.of(effect)
        record = written.get(key)
        event_type = record["event_type"] if record else ""
        what, detail = words.event(key.subject, event_type), words.change(key.subject, record)
        yield Change(Fact(*key), event_type, what, detail, key == mine)


def _request(decision: Json) -> Request:
    subject, event_type = decision["subject"], decision["event_type"]
    return Request(
        decision["decision_id"],
        decision["recorded_at"],
        decision["slot"],
        subject,
        event_type,
        decision["entity_id"],
        decision["outcome"],
        words.event(subject, event_type),
    )
