"""Whether what was decided is what had to be: the model against the recorded decisions, record by record."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from producers.simulator.ledger import Ledger
from producers.simulator.model import INTERNAL, Model
from producers.simulator.model_order import arrange
from producers.simulator.model_words import (
    QUARANTINED,
    Asked,
    Decided,
    Expected,
    Internal,
    Revision,
    Seen,
)

Place = tuple[str, int, int]
_SHOWN = 5

UNFORESEEN = frozenset({"signal"})
"""Subjects that the account leaves out: what a lender's anti-money-laundering desk is told bears on no decision."""


class Observed(NamedTuple):
    """One recorded decision. ``effects``: topic, entity id and revision of every record that it brought about."""

    place: Decided
    outcome: str
    codes: frozenset[str]
    revision: int | None = None
    effects: frozenset[tuple[str, str, int]] = frozenset()

    @property
    def is_internal(self) -> bool:
        """Whether it is on something that the exchange asked of itself, and on no record of a source."""
        return self.place.internal is not None


class Difference(NamedTuple):
    """Something that is not as it must be: its kind, the intake place (or topic and slot) and both sides."""

    kind: str
    where: str
    expected: str
    observed: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: expected {self.expected}, found {self.observed}"


@dataclass(frozen=True, slots=True)
class Account:
    """The model's account of a run, and how the recorded decisions differ from it."""

    expected: tuple[Expected, ...]
    differences: tuple[Difference, ...]

    def outcomes(self) -> Counter[str]:
        """How many records of sources each outcome must have had, lower case: accepted, refused, duplicate, quarantined."""
        return Counter(item.outcome.lower() for item in self._of_sources())

    def reasons(self) -> Counter[str]:
        """How often each reason code must have been given to a source."""
        return Counter(code for item in self._of_sources() for code in item.codes)

    def conflicts(self) -> dict[str, int]:
        """How many conflicts must have been raised and resolved."""
        made = Counter(r.event_type for r in self.revisions() if r.subject == "conflict")
        return {"raised": made["RAISED"], "resolved": made["RESOLVED"]}

    def revisions(self) -> list[Revision]:
        """All records that must be on the exchange topics, in no order between slots."""
        return [revision for item in self.expected for revision in item.all_revisions]

    def _of_sources(self) -> Iterable[Expected]:
        return (item for item in self.expected if item.place.internal is None)


def observed_decision(record: Mapping[str, Any]) -> Observed:
    """From a record of ``decision.*``."""
    return Observed(
        _place(record),
        record["outcome"],
        frozenset(reason["code"] for reason in record["reasons"]),
        record["revision"],
        frozenset(
            (effect["topic"], effect["entity_id"], effect["revision"])
            for effect in record["effects"]
            if effect["topic"].removeprefix("exchange.") not in UNFORESEEN
        ),
    )


def observed_quarantine(record: Mapping[str, Any]) -> Observed:
    """From a record of ``quarantine.*``."""
    return Observed(_place(record), QUARANTINED, frozenset({record["reason"]}))


def _place(record: Mapping[str, Any]) -> Decided:
    internal = None
    if record.get("principal") == INTERNAL:
        internal = Internal(record["subject"], record["event_type"], record["entity_id"], record["event_id"])
    return Decided(
        record["slot"],
        record["slot_seq"],
        record["intake_topic"],
        record["intake_partition"],
        record["intake_offset"],
        record["intake_sha256"],
        record["recorded_at"],
        tuple(Seen(s["subject"], s["entity_id"], s["revision"]) for s in record.get("seen", ())),
        internal,
    )


def account(
    ledger: Ledger, observed: Iterable[Observed], parties: Mapping[str, tuple[str, str]] | None = None
) -> Account:
    """Judge a whole run: all records of the ledger, decided in the recorded order.

    ``parties`` as for ``Model``. Raises LookupError if something was decided that the ledger does not hold: then the ledger
    is not of this stack.
    """
    found = sorted(observed, key=lambda item: item.place[:2])
    order = arrange([item.place for item in found], _writes(found))
    model = Model(ledger, parties)
    expected = model.judge(order.decisions)
    differences = (
        *order_faults(item.place for item in found),
        *(
            Difference("ORDER", _shown(place), "a place in one order", "it saw what came later")
            for place in order.torn
        ),
        *_undecided(ledger, found),
        *_unanswered(model.open.values()),
        *compare(expected, found),
    )
    return Account(tuple(expected), differences)


def _writes(found: Sequence[Observed]) -> dict[tuple[tuple[str, str], int], int]:
    return {
        ((topic.removeprefix("exchange."), entity_id), revision): at
        for at, item in enumerate(found)
        for topic, entity_id, revision in item.effects
    }


def compare(expected: Iterable[Expected], observed: Iterable[Observed]) -> list[Difference]:
    """Decision by decision: outcome, reason codes, revision, effects, and whether it saw what it says it saw."""
    by_place = {_intake(item.place): item for item in observed}
    differences: list[Difference] = []
    for item in expected:
        found = by_place.get(_intake(item.place))
        if found is None:
            differences.append(Difference("MISSING", _shown(item.place), item.outcome, "no decision"))
        else:
            differences += _one(item, found)
    return differences


def _one(expected: Expected, found: Observed) -> Iterable[Difference]:
    where = _shown(expected.place)
    if expected.unseen:
        yield Difference("SEEN", where, "otherwise in this order", str(expected.unseen))
    if expected.outcome != found.outcome or expected.codes != found.codes:
        yield Difference(
            "DECISION", where, _words(expected.outcome, expected.codes), _words(found.outcome, found.codes)
        )
        return
    if expected.revision != found.revision:
        yield Difference("REVISION", where, str(expected.revision), str(found.revision))
    effects = {(f"exchange.{r.subject}", r.entity_id, r.revision) for r in expected.all_revisions}
    if effects != found.effects:
        missing, surplus = effects - found.effects, found.effects - effects
        yield Difference("EFFECTS", where, f"also {sorted(missing)}", f"instead {sorted(surplus)}")


def order_faults(order: Iterable[Decided]) -> list[Difference]:
    """Whether the order can be one: slot = partition, ``slot_seq`` 1, 2, 3 …, offsets rising in each slot and topic."""
    differences: list[Difference] = []
    sequence: dict[int, int] = {}
    offsets: dict[tuple[int, str], int] = {}
    for item in sorted(order, key=lambda place: place[:2]):
        where = _shown(item)
        if item.slot != item.partition:
            differences.append(Difference("SLOT", where, str(item.partition), str(item.slot)))
        following = sequence.get(item.slot, 0) + 1
        if item.slot_seq != following:
            differences.append(Difference("SLOT_SEQ", where, str(following), str(item.slot_seq)))
        sequence[item.slot] = item.slot_seq
        before = offsets.get((item.slot, item.topic), -1)
        if item.offset <= before:
            differences.append(
                Difference("OFFSET_ORDER", where, f"an offset above {before}", str(item.offset))
            )
        offsets[item.slot, item.topic] = item.offset
    return differences


def compare_revisions(account: Account, found: Iterable[Revision]) -> list[Difference]:
    """The exchange topics against the account: each revision once, with event, status and interested organisations."""
    wanted = {(r.subject, r.entity_id, r.revision): r for r in account.revisions()}
    differences: list[Difference] = []
    for revision in found:
        if revision.subject in UNFORESEEN:
            continue
        key = (revision.subject, revision.entity_id, revision.revision)
        expected = wanted.pop(key, None)
        if expected != revision:
            differences.append(Difference("EXCHANGE", "/".join(map(str, key)), str(expected), str(revision)))
    return differences + [
        Difference("EXCHANGE", "/".join(map(str, key)), str(revision), "not there")
        for key, revision in wanted.items()
    ]


def revision_of(subject: str, record: Mapping[str, Any]) -> Revision:
    """From a record of ``exchange.<subject>``."""
    return Revision(
        subject,
        record["entity_id"],
        record["revision"],
        record["event_type"],
        record["event_id"],
        record["contract_status"] if "contract_status" in record else record["status"],
        tuple(record["interested"] or ()),
        tuple(record["interested_before"] or ()),
    )


def _undecided(ledger: Ledger, found: Iterable[Observed]) -> list[Difference]:
    """Each value must have been decided as often as it was sent."""
    decided = Counter((item.place.topic, item.place.sha256) for item in found)
    return [
        Difference(
            "CONSERVATION", f"{topic} {digest[:12]}", f"{sent.times} decisions", str(decided[topic, digest])
        )
        for (topic, digest), sent in ledger.entries.items()
        if decided[topic, digest] != sent.times
    ]


def _unanswered(asked: Iterable[Asked]) -> list[Difference]:
    """What decisions asked of other slots must have been decided there."""
    return [
        Difference(
            "UNANSWERED", f"{a.word.subject} {a.word.entity_id}", f"a decision on {a.word.event_type}", "none"
        )
        for a in asked
    ]


def summary(differences: Iterable[Difference]) -> str:
    """The first few differences and how many of each kind there are."""
    found = list(differences)
    counts = Counter(item.kind for item in found)
    lines = [f"{count} × {kind}" for kind, count in counts.most_common()]
    return "\n".join([*lines, *map(str, found[:_SHOWN])])


def _intake(place: Decided) -> Place:
    return place.topic, place.partition, place.offset


def _shown(place: Decided) -> str:
    return f"{place.topic}/{place.partition}/{place.offset}"


def _words(outcome: str, codes: frozenset[str]) -> str:
    return f"{outcome} ({', '.join(sorted(codes))})" if codes else outcome
