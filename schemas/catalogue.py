"""The catalogue: subjects with their lifecycles, and principals with what they may send.

Vocabulary. A *subject* is a kind of record (``sale``), an *entity* one thing of that kind, an *event type*
what happened to it (``FILED``), its *status* where that left it. A *principal* is one organisation that sends
or receives. The file ``catalogue.yaml`` beside this module is the only source.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from schemas.said import said

NONE = "NONE"
"""The status of an entity that is not known yet."""

SAME = "SAME"
"""As a target of a transition: the entity keeps its status."""

QUEUE = "QUEUE"
"""As a target of a transition: the place among the seizures of the house decides (HELD, WAITING or EFFECTIVE)."""

QUEUE_STATUSES = frozenset({"HELD", "WAITING", "EFFECTIVE"})
"""Statuses in which a seizure stands; at most one of a house is EFFECTIVE."""

LIVE_STATUSES = frozenset({"SIGNED", "FILED", "AMENDED"})
"""Contract statuses that lock the unit: there is at most one live sale on a unit."""

INTERNAL = "internal"
"""The exchange itself, as a principal."""

_PATH = Path(__file__).with_name("catalogue.yaml")


_K = TypeVar("_K")
_V = TypeVar("_V")


def _named(mapping: Any) -> Any:
    """Give each entry its key as its name. What is no mapping of mappings is left for pydantic to refuse."""
    if not isinstance(mapping, dict):
        return mapping
    return {
        key: {**entry, "name": key} if isinstance(entry, dict) else entry for key, entry in mapping.items()
    }


def _frozen(mapping: Mapping[_K, _V]) -> Mapping[_K, _V]:
    return MappingProxyType(dict(mapping))


class UnknownNameError(LookupError):
    """A subject, event type or principal that the catalogue does not hold."""


class KeyKind(StrEnum):
    """What a record is keyed by; the key's partition is the slot in which the record is decided."""

    HOUSE_CODE = "house_code"
    """The house, so that all about one unit is decided in order. Without a house code: the entity's id."""
    ENTITY_ID = "entity_id"
    """The entity's own id."""


class MadeBy(StrEnum):
    """Who may bring an event into being."""

    SOURCE = "source"
    """A principal, if its ``sends`` lists the event type."""
    EXCHANGE = "exchange"
    """The exchange alone, as the effect of another event."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transition(_Model):
    """One event type of a subject: the statuses it is allowed in (``NONE``: unknown), the one it leads to."""

    allowed_from: Annotated[frozenset[str], Field(alias="from", min_length=1)]
    to: str
    zh: str
    en: str
    by: MadeBy = MadeBy.SOURCE

    def leads_from(self, status: str) -> str | None:
        """Return the status after this event, or None if it is not allowed in ``status``. ``QUEUE`` is returned as it is."""
        if status not in self.allowed_from:
            return None
        return status if self.to == SAME else self.to


class Subject(_Model):
    """A kind of record. ``latest``: whether compaction keeps its newest state in Postgres."""

    name: str
    zh: str
    en: str
    key: KeyKind
    latest: bool
    lifecycle: Annotated[Mapping[str, Transition], AfterValidator(_frozen)]

    @property
    def event_types(self) -> tuple[str, ...]:
        return tuple(self.lifecycle)

    @property
    def source_event_types(self) -> tuple[str, ...]:
        """The event types that a principal can send; the rest are made by the exchange."""
        return tuple(name for name, transition in self.lifecycle.items() if transition.by is MadeBy.SOURCE)

    @property
    def statuses(self) -> frozenset[str]:
        """All statuses an entity can have, ``NONE`` apart."""
        sources = (transition.allowed_from for transition in self.lifecycle.values())
        return frozenset(self.statuses_reached().union(*sources) - {NONE, SAME})

    def transition(self, event_type: str) -> Transition:
        """Return the transition of an event type; raise UnknownNameError if the subject does not have it."""
        try:
            return self.lifecycle[event_type]
        except KeyError:
            known = ", ".join(self.lifecycle)
            raise UnknownNameError(
                said(
                    "{name} has no event type {event_type}; it has {known}",
                    name=self.name,
                    event_type=event_type,
                    known=known,
                )
            ) from None

    def next_status(self, event_type: str, status: str) -> str | None:
        """Return the status after ``event_type`` in ``status`` (``NONE``: unknown); None if it is illegal."""
        return self.transition(event_type).leads_from(status)

    def statuses_reached(self) -> set[str]:
        """The statuses that an event leads to."""
        targets = {transition.to for transition in self.lifecycle.values()}
        return (targets | QUEUE_STATUSES) - {QUEUE} if QUEUE in targets else targets

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        reached = {NONE} | self.statuses_reached()
        for event_type, transition in self.lifecycle.items():
            if unreached := transition.allowed_from - reached:
                raise ValueError(f"{event_type}: no event leads to {', '.join(sorted(unreached))}")
        return self


class Principal(_Model):
    """One organisation. ``uscc``: the code by which contracts name it, which makes it interested in them. ``answers``: the
    subjects whose corrections it receives and answers.

    One that is ``revoked`` no longer logs in, sends or reads; what it sent before keeps its name.
    """

    name: str
    zh: str
    en: str
    uscc: str | None = None
    revoked: bool = False
    answers: frozenset[str] = frozenset()
    sends: Annotated[Mapping[str, frozenset[str]], AfterValidator(_frozen)]


class Catalogue(_Model):
    """Subjects and principals by name, in the order of the file."""

    subjects: Annotated[Mapping[str, Subject], BeforeValidator(_named), AfterValidator(_frozen)]
    principals: Annotated[Mapping[str, Principal], BeforeValidator(_named), AfterValidator(_frozen)]
    _by_uscc: Mapping[str, Principal] = PrivateAttr(default_factory=dict)

    def subject(self, name: str) -> Subject:
        """Return the subject of that name, or raise UnknownNameError."""
        try:
            return self.subjects[name]
        except KeyError:
            raise UnknownNameError(
                said("no subject {name}; there are {subjects}", name=name, subjects=", ".join(self.subjects))
            ) from None

    def principal(self, name: str) -> Principal:
        """Return the principal of that name, or raise UnknownNameError."""
        try:
            return self.principals[name]
        except KeyError:
            raise UnknownNameError(
                said(
                    "no principal {name}; there are {principals}",
                    name=name,
                    principals=", ".join(self.principals),
                )
            ) from None

    @property
    def members(self) -> tuple[str, ...]:
        """The principals that log in: all but the exchange itself and those that are revoked."""
        return tuple(n for n, p in self.principals.items() if n != INTERNAL and not p.revoked)

    def may_send(self, principal: str, subject: str, event_type: str) -> bool:
        """Say whether ``principal`` may send that event; unknown names may not."""
        sender = self.principals.get(principal)
        return sender is not None and event_type in sender.sends.get(subject, frozenset())

    def may_answer(self, principal: str, subject: str) -> bool:
        """Say whether ``principal`` answers what is reported as wrong with records of that subject."""
        found = self.principals.get(principal)
        return found is not None and not found.revoked and subject in found.answers

    def answering(self, subject: str) -> list[str]:
        """The principals that answer for a subject, in the order of their names."""
        return sorted(name for name in self.principals if self.may_answer(name, subject))

    def principal_by_uscc(self, uscc: str) -> Principal | None:
        """Return the principal that contracts name by this unified social credit code, if there is one."""
        return self._by_uscc.get(uscc)

    def transition(self, subject: str, event_type: str) -> Transition:
        """Return the lifecycle entry of an event type, or raise UnknownNameError."""
        return self.subject(subject).transition(event_type)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for name, principal in self.principals.items():
            for subject, event_types in principal.sends.items():
                self._check_sends(name, subject, event_types)
            if unknown := principal.answers - self.subjects.keys():
                raise ValueError(
                    f"principal {name} answers {', '.join(sorted(unknown))}, which is no subject"
                )
        return self

    def _check_sends(self, principal: str, subject: str, event_types: frozenset[str]) -> None:
        if subject not in self.subjects:
            raise ValueError(f"principal {principal} sends {subject}, which is not a subject")
        if wrong := event_types - set(self.subjects[subject].source_event_types):
            raise ValueError(f"principal {principal} cannot send {subject} {', '.join(sorted(wrong))}")

    @model_validator(mode="after")
    def _index(self) -> Self:
        with_uscc = [p for p in self.principals.values() if p.uscc is not None]
        self._by_uscc = MappingProxyType({p.uscc: p for p in with_uscc if p.uscc is not None})
        if len(self._by_uscc) != len(with_uscc):
            raise ValueError("two principals have the same uscc")
        return self

    def extended(self, principals: Mapping[str, Principal]) -> "Catalogue":
        """The same subjects, with these principals added or in the place of those of the same name."""
        merged = {**self.principals, **principals}
        return Catalogue.model_validate({"subjects": dict(self.subjects), "principals": merged})


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue file. Raises OSError, yaml.YAMLError or pydantic.ValidationError."""
    content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Catalogue.model_validate(content)


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that ships with this package, read once."""
    return read_catalogue(_PATH)
