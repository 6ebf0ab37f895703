"""In what a decision and the one of today differ: outcome and reasons, and the fields of what was written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from broker.admission.intake import Quarantined
from broker.admission.model import Emission, Verdict
from broker.replay.past import QUARANTINED, Past
from schemas.files import CLEAR

NOT_ASKED = "NOT_ASKED"
"""What the exchange asked of itself in one course of things and not in the other."""
_ENVELOPE = {"key_id", "nonce", "ciphertext"}


class Ground(NamedTuple):
    """A reason, as far as two decisions are compared by it; ``rule_version`` is told, not compared."""

    severity: str
    code: str
    field: str | None
    rule_version: str | None = None

    @property
    def compared(self) -> tuple[str, str, str | None]:
        return self[:3]


@dataclass(frozen=True, slots=True)
class Ruled:
    """An outcome with its reasons."""

    outcome: str
    grounds: tuple[Ground, ...] = ()

    @property
    def compared(self) -> tuple[str, frozenset[tuple[str, str, str | None]]]:
        """What makes two of them the same."""
        return self.outcome, frozenset(ground.compared for ground in self.grounds)

    @property
    def codes(self) -> tuple[str, ...]:
        """The outcome, with the codes by which it was refused or set apart: what is counted."""
        return self.outcome, *sorted({g.code for g in self.grounds if g.severity != "WARN"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that would be another. ``fields``: of what it wrote, ``subject entity_id: field``.

    ``same_evidence``: whether today's looked at the same facts of other slots; another stage or rule may look at others.
    """

    place: str
    slot: int
    slot_seq: int | None
    decision_id: str
    recorded_at: datetime
    principal: str
    subject: str
    event_type: str
    entity_id: str
    before: Ruled
    after: Ruled
    fields: tuple[str, ...] = ()
    same_evidence: bool = True


def ruled_then(past: Past) -> Ruled:
    """How it was decided."""
    body = past.body
    if past.outcome == QUARANTINED:
        return Ruled(QUARANTINED, (Ground(QUARANTINED, body["reason"], None),))
    return Ruled(
        past.outcome,
        tuple(
            Ground(one["severity"], one["code"], one["field"], one["rule_version"]) for one in body["reasons"]
        ),
    )


def ruled_now(found: Verdict | Quarantined) -> Ruled:
    """How it would be decided."""
    if isinstance(found, Quarantined):
        return Ruled(QUARANTINED, (Ground(QUARANTINED, found.reason, None),))
    grounds = (Ground(one.severity.value, one.code, one.field, one.rule_version) for one in found.reasons)
    return Ruled(found.outcome.value, tuple(grounds))


def different_fields(then: Sequence[Emission], now: Sequence[Emission]) -> Iterator[str]:
    """Where what was written differs from what would be; of a revision that one side lacks, its name alone."""
    before = {(one.key, one.revision): one for one in then}
    after = {(one.key, one.revision): one for one in now}
    for key, revision in sorted(before.keys() | after.keys()):
        one, other = before.get((key, revision)), after.get((key, revision))
        name = f"{key.subject} {key.entity_id}"
        if one is None or other is None:
            yield f"{name}: revision {revision}"
        else:
            yield from (f"{name}: {field}" for field in _unequal(one.body, other.body))


def _unequal(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in one if not _same(one[name], other.get(name)))


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal. What is encrypted cannot be compared and counts as equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() == _ENVELOPE == other.keys() and {one["key_id"], other["key_id"]} != {CLEAR}:
            return True
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
