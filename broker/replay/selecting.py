"""Which records a replay is about: conditions on where they lie, when they were appended, and what they say.

All conditions must hold; of one that names several values, any. Times are those of the append to the topic (the broker's
clock), since every record of every topic has one, and topics are in its order.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from broker.audit.places import stands_of
from broker.errors import ConfigError
from broker.kafka import Record, TopicPartition
from broker.replay.decoding import Opened
from broker.replay.reading import Span
from schemas.said import said

KINDS = ("exchange", "intake", "decision", "dept")
"""Kinds of topics that can be replayed."""
WITH_PARTIES = frozenset({"exchange", "intake"})
"""Kinds whose records name parties and houses as the exchange knows them."""
Test = Callable[[bytes], bool]
Fill = Callable[[str, dict[str, Any]], None]
"""Fills in the party references of a subject's record that has none yet."""


def holds(texts: Iterable[str]) -> Test:
    """Whether bytes hold one of the texts. Texts lie in Avro as they are, so what does not need not be decoded."""
    wanted = sorted({text.encode() for text in texts if text})
    if not wanted:
        return lambda _value: False
    found = re.compile(b"|".join(map(re.escape, wanted))).search
    return lambda value: found(value) is not None


@dataclass(frozen=True, slots=True)
class Selection:
    """The conditions. An empty set, None or an empty mapping is no condition.

    ``since_ms`` is inclusive, ``until_ms`` exclusive, in ms since 1970; ``parties`` are party references; ``ranges`` are
    offsets by partition, of which nothing else is read then.
    """

    topics: tuple[str, ...]
    subjects: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    houses: frozenset[str] = frozenset()
    parties: frozenset[str] = frozenset()
    counties: frozenset[str] = frozenset()
    event_ids: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    ranges: Mapping[TopicPartition, Span] = field(default_factory=dict)

    def require_possible(self) -> None:
        """Raises ConfigError if a topic's records do not say what is asked for."""
        kinds = {kind_of(topic) for topic in self.topics}
        if other := kinds - set(KINDS):
            raise ConfigError(
                said(
                    "{kind}.* is not replayed: choose topics of {kinds}",
                    kind=min(other),
                    kinds=", ".join(f"{kind}.*" for kind in KINDS),
                )
            )
        if (self.parties or self.houses) and kinds - WITH_PARTIES:
            raise ConfigError(
                said(
                    "persons and houses are looked for in exchange.* and intake.*, not in {kind}.*: find the "
                    "entities there, then replay these with --entity",
                    kind=min(kinds - WITH_PARTIES),
                )
            )

    def told(self) -> dict[str, Any]:
        """The conditions in JSON's types."""
        sets = ("subjects", "entities", "houses", "parties", "counties", "event_ids")
        return {
            "topics": list(self.topics),
            **{name: sorted(getattr(self, name)) for name in sets if getattr(self, name)},
            "since_ms": self.since_ms,
            "until_ms": self.until_ms,
            "ranges": sorted([*p, *span] for p, span in self.ranges.items()),
        }

    @property
    def digest(self) -> str:
        """By which a replay that was interrupted knows that it is the same one. Tells no value."""
        return hashlib.sha256(json.dumps(self.told()).encode()).hexdigest()


def kind_of(topic: str) -> str:
    """``dept.tax.sale.v1`` -> ``dept``."""
    return topic.partition(".")[0]


def subject_of(topic: str) -> str | None:
    """The subject that a topic's name tells; None where its records are of several."""
    match topic.split("."):
        case ["exchange", subject]:
            return subject
        case ["dept", *_, subject, _version]:
            return subject
    return None


def topics_of(known: Sequence[str], asked: Sequence[str], subjects: frozenset[str]) -> tuple[str, ...]:
    """The topics that are asked for, by name or as ``dept.tax.*``, without those of other subjects.

    Raises ConfigError for a name that is no topic.
    """
    found: dict[str, None] = {}
    for name in asked:
        prefix = name.removesuffix("*")
        fitting = [topic for topic in known if topic == name or (prefix != name and topic.startswith(prefix))]
        if not fitting:
            near = get_close_matches(name, known, n=3, cutoff=0.4)
            raise ConfigError(
                said("there is no topic {topic}", topic=name)
                + (said("; did you mean {near}?", near=", ".join(near)) if near else "")
            )
        found |= dict.fromkeys(fitting)
    return tuple(topic for topic in found if not subjects or subject_of(topic) in (None, *subjects))


class Matcher:
    """Whether records are chosen. ``fill`` is used where party references are asked of records without any."""

    def __init__(self, selection: Selection, fill: Fill | None = None) -> None:
        self._selection = selection
        self._fill = fill
        texts = (selection.entities, selection.houses, selection.event_ids)
        self._tests = [holds(one) for one in texts if one]
        self._parties = holds(selection.parties)

    def may(self, record: Record) -> bool:
        """Whether it can be chosen at all, by its time and bytes: what cannot need not be decoded."""
        selection, value = self._selection, record.value or b""
        if selection.since_ms is not None and record.timestamp_ms < selection.since_ms:
            return False
        if selection.until_ms is not None and record.timestamp_ms >= selection.until_ms:
            return False
        if selection.parties and kind_of(record.topic) == "exchange" and not self._parties(value):
            return False
        return all(test(value) for test in self._tests)

    def chooses(self, topic: str, opened: Opened) -> bool:
        """Whether a decoded record is chosen."""
        selection, body = self._selection, opened.body
        subject = subject_of(topic) or str(body.get("subject", opened.name))
        return (
            (not selection.subjects or subject in selection.subjects)
            and _fits(selection.entities, body, "entity_id")
            and _fits(selection.houses, body, "house_code")
            and _fits(selection.counties, body, "county_code")
            and _fits(selection.event_ids, body, "event_id")
            and (not selection.parties or self._names_a_party(topic, subject, body))
        )

    @property
    def decides_by_content(self) -> bool:
        """Whether a record that cannot be decoded can be chosen."""
        one = self._selection
        return bool(
            one.subjects or one.entities or one.houses or one.parties or one.counties or one.event_ids
        )

    def _names_a_party(self, topic: str, subject: str, body: dict[str, Any]) -> bool:
        if self._fill is not None and kind_of(topic) == "intake":
            body = deepcopy(body)  # what is given out is what the source sent
            self._fill(subject, body)
        return not self._selection.parties.isdisjoint(stands_of(body))


def _fits(wanted: frozenset[str], body: Mapping[str, Any], name: str) -> bool:
    return not wanted or body.get(name) in wanted
