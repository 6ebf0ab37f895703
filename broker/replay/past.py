"""What was decided, as the topics tell it: each slot's decisions in their order, with what came in and what was written.

Decisions and revisions are kept for ever, what came in only for some time: then ``came`` is None. A number of ``slot_seq``
may lack where quarantine records have reached their retention. Where one lacks otherwise, the exchange is still writing, and
the history of that slot ends there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from broker.admission.model import Emission, EntityKey, Place
from broker.codec import Decoder
from broker.errors import ConfigError
from broker.kafka import PartitionReader, Record
from broker.replay.cursors import Cursor, Cursors
from broker.replay.reading import whole
from broker.topics import decision_topic, exchange_topic, intake_topics, quarantine_topics
from schemas.catalogue import Catalogue
from schemas.said import said

QUARANTINED = "QUARANTINED"


@dataclass(frozen=True)
class Past:
    """One decision or quarantining. ``body`` is its record; ``written`` its revisions, in order."""

    slot: int
    seq: int
    outcome: str
    body: Mapping[str, Any]
    came: Record | None
    written: tuple["Written", ...] = ()

    @property
    def place(self) -> Place:
        """Where its record lay in the intake."""
        body = self.body
        return Place(body["intake_topic"], body["intake_partition"], body["intake_offset"])

    @property
    def recorded_at(self) -> datetime:
        at = self.body["recorded_at"]
        assert isinstance(at, datetime)
        return at

    @property
    def effects(self) -> tuple[Emission, ...]:
        """The revisions that it wrote."""
        return tuple(one.emission for one in self.written)

    @cached_property
    def saw(self) -> Mapping[EntityKey, int]:
        """The revisions that it looked at, but for those that it wrote itself."""
        own = {one.key for one in self.effects}
        evidence = (one for reason in self.body.get("reasons", ()) for one in reason["evidence"])
        found = (
            (EntityKey(one["subject"], one["entity_id"]), one["revision"])
            for one in (*self.body.get("seen", ()), *evidence)
        )
        return {key: revision for key, revision in found if revision is not None and key not in own}

    @property
    def seen(self) -> frozenset[tuple[str, str, int | None]]:
        """All that it noted to have looked at in other slots, absence included."""
        return frozenset(
            (one["subject"], one["entity_id"], one["revision"]) for one in self.body.get("seen", ())
        )


@dataclass(frozen=True, slots=True)
class Written:
    """A revision, with its bytes on the exchange."""

    emission: Emission
    value: bytes


@dataclass(slots=True)
class SlotPast:
    """One slot's history, read as it is asked for."""

    slot: int
    outcomes: Sequence[Cursor]
    intake: Mapping[str, Cursor]
    exchange: Mapping[str, Cursor]
    decoders: "Decoders"
    cut: bool
    """Whether retention has taken quarantine records of this slot away."""
    _heads: dict[int, tuple[int, str, Mapping[str, Any]]] = field(default_factory=dict)
    stopped: bool = False
    """Whether a number lacks: the exchange is still writing what comes then."""
    _last: int = 0

    def next(self) -> Past | None:
        """The next decision of the slot, None at the end."""
        for number, cursor in enumerate(self.outcomes):
            if number not in self._heads and (record := cursor.take()) is not None:
                self._heads[number] = self._read(record)
        if not self._heads:
            return None
        number = min(self._heads, key=lambda one: self._heads[one][0])
        seq, outcome, body = self._heads.pop(number)
        if seq != self._last + 1 and not self.cut:
            self.stopped = True
            return None
        self._last = seq
        return Past(self.slot, seq, outcome, body, self._came(body), tuple(self._written(body)))

    def _read(self, record: Record) -> tuple[int, str, Mapping[str, Any]]:
        body = self.decoders.outcomes.decode(record.value)[1]
        return body["slot_seq"], body.get("outcome", QUARANTINED), body

    def _came(self, body: Mapping[str, Any]) -> Record | None:
        cursor = self.intake.get(body["intake_topic"])
        return None if cursor is None else cursor.at(body["intake_offset"])

    def _written(self, body: Mapping[str, Any]) -> Iterator[Written]:
        for effect in body.get("effects", ()):
            record = self.exchange[effect["topic"]].take()
            written = None if record is None else self.decoders.written(record)
            if written is None or (written.emission.key.entity_id, written.emission.revision) != (
                effect["entity_id"],
                effect["revision"],
            ):
                raise ConfigError(
                    said(
                        "decision {seq} of slot {slot} wrote revision {revision} of {entity} to {topic}, which is not "
                        "in its place there: run `qianbei verify`",
                        seq=body["slot_seq"],
                        slot=self.slot,
                        revision=effect["revision"],
                        entity=effect["entity_id"],
                        topic=effect["topic"],
                    )
                )
            yield written


@dataclass(frozen=True, slots=True)
class Decoders:
    """``outcomes`` reads decisions and quarantine records, ``states`` records of the exchange."""

    outcomes: Decoder
    states: Decoder

    def written(self, record: Record) -> Written:
        """A revision as it lies on the exchange."""
        subject, body = self.states.decode(record.value)
        assert record.value is not None
        status = body["status"] if "status" in body else body["contract_status"]
        return Written(Emission(EntityKey(subject, body["entity_id"]), body, status), record.value)


def slot_pasts(
    reader: PartitionReader, catalogue: Catalogue, decoders: Decoders, slots: int
) -> list[SlotPast]:
    """The history of each slot, up to where it has come now. Raises as the reader."""
    outcomes = [*map(decision_topic, catalogue.principals), *quarantine_topics(catalogue)]
    exchange = [exchange_topic(subject) for subject in catalogue.subjects]
    shared = Cursors(reader)
    # The outcomes' ends first: what they speak of is there then.
    for topics in (outcomes, exchange, intake_topics(catalogue)):
        shared.add(whole(reader, [p for topic in topics for p in reader.partitions_of(topic)]))
    return [_slot_past(shared, decoders, slot) for slot in range(slots)]


def _slot_past(shared: Cursors, decoders: Decoders, slot: int) -> SlotPast:
    own = [cursor for p, cursor in shared.cursors.items() if p.partition == slot]

    def of(*kinds: str) -> dict[str, Cursor]:
        return {c.partition.topic: c for c in own if c.partition.topic.partition(".")[0] in kinds}

    cut = any(cursor.span.first > 0 for cursor in of("quarantine").values())
    return SlotPast(
        slot, list(of("decision", "quarantine").values()), of("intake"), of("exchange"), decoders, cut
    )


@dataclass(slots=True)
class InOrder:
    """The decisions of all slots by their clocks, but for what one says it saw of another: that lies before it, and what
    came later of the same entity behind it. What was not there when it was looked for may have been there before, so that
    clocks alone tell.
    """

    pasts: Sequence[SlotPast]
    unordered: int = 0
    """Decisions that could not be put so: the log is not whole, or clocks and evidence contradict each other."""
    _heads: dict[int, Past] = field(default_factory=dict)
    _revisions: dict[EntityKey, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Past]:
        for past in self.pasts:
            self._advance(past.slot)
        while self._heads:
            chosen = self._chosen()
            del self._heads[chosen.slot]
            for one in chosen.effects:
                self._revisions[one.key] = one.revision
            yield chosen
            self._advance(chosen.slot)

    def _advance(self, slot: int) -> None:
        if (found := self.pasts[slot].next()) is not None:
            self._heads[slot] = found

    def _chosen(self) -> Past:
        by_clock = sorted(self._heads.values(), key=lambda one: (one.recorded_at, one.slot))
        ready = [one for one in by_clock if self._has_seen_to(one)]
        for one in ready:
            if not any(_before(other, one) for other in ready if other is not one):
                return one
        self.unordered += 1
        return (ready or by_clock)[0]

    def _has_seen_to(self, one: Past) -> bool:
        return all(self._revisions.get(key, 0) >= revision for key, revision in one.saw.items())


def _before(other: Past, one: Past) -> bool:
    """Whether the other saw an earlier revision than this one wrote, and so was decided before it."""
    return any(effect.revision > other.saw.get(effect.key, effect.revision) for effect in one.effects)
