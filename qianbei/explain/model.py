"""The words of a story. Frozen, and free of any server; every text stands in Chinese and in English."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

Json = dict[str, Any]


class Words(NamedTuple):
    """A text in both languages."""

    zh: str
    en: str


class Matter(StrEnum):
    """What a story is about."""

    EVENT = "event"
    HOUSE = "house"
    CONTRACT = "contract"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something at a revision; ``revision`` None: it was looked for and was not there."""

    subject: str
    entity_id: str
    revision: int | None


@dataclass(frozen=True, slots=True)
class Why:
    """One reason of a decision. ``rule_version`` is the edition of the rule, None if it rests on no rule."""

    code: str
    severity: str
    text: Words
    legal_basis: str
    rule_version: str | None
    field: str | None
    evidence: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A revision that a decision wrote. ``own``: the decided record itself; else it followed, or was due before it."""

    fact: Fact
    event_type: str
    what: Words
    detail: Words
    own: bool


@dataclass(frozen=True, slots=True)
class Request:
    """What the exchange asked of itself because of an entry, and what became of it."""

    decision_id: str
    recorded_at: str
    slot: int
    subject: str
    event_type: str
    entity_id: str
    outcome: str
    what: Words


@dataclass(frozen=True, slots=True)
class Redriven:
    """That an operator had sent a quarantined record in again. ``place`` is where its source's own record lies."""

    place: str
    operator: str
    reason: str
    at: str
    edited: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision. Times are ISO 8601 in UTC; ``occurred_at`` None: the record is no longer kept.

    ``slot`` and ``slot_seq`` give the order of decision, ``place`` where the record lies in the intake.
    """

    decision_id: str
    recorded_at: str
    slot: int
    slot_seq: int
    place: str
    principal: str
    occurred_at: str | None
    event_id: str
    subject: str
    event_type: str
    entity_id: str
    version: int
    what: Words
    content: Words
    outcome: str
    revision: int | None
    first_decision_id: str | None
    reasons: tuple[Why, ...]
    seen: tuple[Fact, ...]
    changes: tuple[Change, ...]
    requests: tuple[Request, ...] = ()
    redriven: Redriven | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A timeline. ``about`` is what was asked for."""

    about: str
    matter: Matter
    entries: Sequence[Entry]

    @property
    def refused(self) -> Sequence[Entry]:
        """The entries that tell of a refusal."""
        return tuple(entry for entry in self.entries if entry.outcome == "REFUSED")

    def as_dict(self) -> Json:
        """As JSON types."""
        entries = [_plain(asdict(entry)) for entry in self.entries]
        return {"about": self.about, "matter": self.matter.value, "entries": entries}


def _plain(value: Any) -> Any:
    """Texts become objects by language, tuples lists."""
    if isinstance(value, Words):
        return {"zh": value.zh, "en": value.en}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
