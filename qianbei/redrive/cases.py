"""Quarantine records, with what was sent in again and what was decided of it, as one case for each record of a source."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from broker.admission.decide import decision_id_of
from broker.admission.model import Place, Redriven
from broker.admission.redriven import redriven_of
from broker.errors import ConfigError, DecodeError
from broker.topics import REDRIVE, intake_topic
from qianbei.inspect.quarantine import Quarantined
from schemas.catalogue import Catalogue
from schemas.said import said


class State(StrEnum):
    """What has become of a quarantined record."""

    HELD = "held"
    """No decision stands on it: it was never sent in again, or was quarantined again."""
    SENT = "sent"
    """It was sent in again, and what becomes of that is not known yet."""
    DECIDED = "decided"
    """It was sent in again and decided. It is never decided anew."""


class Attempt(NamedTuple):
    """A record of ``intake.redrive``."""

    place: Place
    redriven: Redriven


class Settled(NamedTuple):
    """The decision on a quarantined record that was sent in again."""

    decision_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Case:
    """A quarantined record of a source. ``held`` has its quarantine records, oldest first: its own, as far as it is still
    kept, and those of its redrives that were quarantined too. ``sha256`` is the digest of the source's own bytes."""

    origin: Place
    sha256: str
    principal: str
    held: tuple[Quarantined, ...]
    attempts: tuple[Attempt, ...] = ()
    settled: Settled | None = None

    @property
    def newest(self) -> Quarantined:
        return self.held[-1]

    @property
    def order(self) -> tuple[datetime, Place]:
        """By which cases of one key follow one another: as they were quarantined, which within a partition of the intake is
        the order of its offsets."""
        return datetime.fromisoformat(self.held[0].recorded_at), self.origin

    @property
    def state(self) -> State:
        if self.settled is not None:
            return State.DECIDED
        quarantined = {one.place for one in self.held}
        answered = all(str(attempt.place) in quarantined for attempt in self.attempts)
        return State.HELD if answered else State.SENT

    @property
    def decided_by(self) -> Attempt | None:
        """The attempt that was decided, as far as it is still kept."""
        if self.settled is None:
            return None
        decided = self.settled.decision_id
        return next((one for one in self.attempts if decision_id_of(one.place) == decided), None)

    def as_dict(self) -> dict[str, object]:
        """What has become of it, as JSON types."""
        settled = self.settled
        return {
            "state": self.state.value,
            "outcome": settled and settled.outcome,
            "decision_id": settled and settled.decision_id,
            "redrives": [
                {
                    "place": str(one.place),
                    "redriven": str(one.redriven.place),
                    "operator": one.redriven.operator,
                    "reason": one.redriven.reason,
                    "at": one.redriven.at.isoformat(),
                }
                for one in self.attempts
            ],
        }


def cases_of(
    records: Iterable[Quarantined],
    attempts: Iterable[Attempt],
    settled: Mapping[Place, Settled],
    catalogue: Catalogue,
) -> list[Case]:
    """The cases of these quarantine records, in their order. What does not say whose it is makes no case."""
    held: dict[Place, list[Quarantined]] = defaultdict(list)
    digests: dict[Place, str] = {}
    for one in records:
        if (found := _origin(one, catalogue)) is not None:
            held[found[0]].append(one)
            if one.place == str(found[0]):
                digests[found[0]] = found[1]
            # Of a source's record that is no longer kept, its redrives tell the digest.
            digests.setdefault(*found)
    tried: dict[Place, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        tried[attempt.redriven.origin].append(attempt)
    cases = [
        Case(
            origin,
            digests[origin],
            origin.topic.removeprefix("intake."),
            tuple(sorted(ones, key=lambda one: datetime.fromisoformat(one.recorded_at))),
            tuple(sorted(tried[origin], key=lambda one: one.redriven.at)),
            settled.get(origin),
        )
        for origin, ones in held.items()
    ]
    return sorted(cases, key=lambda case: case.order)


def _origin(one: Quarantined, catalogue: Catalogue) -> tuple[Place, str] | None:
    """Where a source's own record lies of which this is the quarantine record, and that one's digest."""
    place = Place.parse(one.place)
    if place is None or place.topic != intake_topic(REDRIVE):
        return None if place is None else (place, one.sha256)
    try:
        found = redriven_of(((name, value or b"") for name, value in one.headers), one.sha256, catalogue)
    except DecodeError:
        return None
    return found.origin, found.sha256


def case_at(cases: Sequence[Case], text: str) -> tuple[Case, Quarantined]:
    """The case of a quarantined place and the record that lay there. Raises ConfigError if there is none."""
    for case in cases:
        for one in case.held:
            if one.place == text:
                return case, one
    raise ConfigError(
        said(
            "nothing of {text} is in quarantine, or it does not say whose it is: `qianbei "
            "quarantine list` shows what is; of what was redriven without its origin "
            "(BAD_PROVENANCE) redrive the original",
            text=text,
        )
    )
