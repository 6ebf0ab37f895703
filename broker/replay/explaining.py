"""Which events made a difference: of each entity the ones between the two revisions, read from ``exchange.*``."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from broker.compaction.gather import revision_of
from broker.compaction.opening import schemas_of
from broker.kafka import Connection, PartitionReader, Record
from broker.registry import Registry
from broker.replay.comparing import Difference
from broker.replay.heads import Head, Heads
from broker.replay.reading import read_out, whole
from broker.settings import Settings
from broker.topics import exchange_topic

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One event between two states of an entity."""

    revision: int
    event_type: str
    event_id: str
    decision_id: str
    recorded_at: str
    place: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A difference and its events. ``whole`` says whether they are all there: each revision between the two, once."""

    difference: Difference
    steps: Sequence[Step]

    @property
    def whole(self) -> bool:
        """Whether the log says all of it."""
        low, high = _bounds(self.difference)
        return low < high and [step.revision for step in self.steps] == list(range(low + 1, high + 1))


def explained(settings: Settings, found: Sequence[Difference]) -> list[Explained]:
    """The events of these differences. Memory is theirs alone; their topics are read whole. Raises as the reader."""
    steps: dict[Key, list[Step]] = defaultdict(list)
    for subject, wanted in _by_subject(found).items():
        _read(settings, subject, wanted, steps)
    return [
        Explained(one, sorted(steps[one.subject, one.entity_id], key=lambda step: step.revision))
        for one in found
    ]


def _by_subject(found: Iterable[Difference]) -> Mapping[str, dict[str, range]]:
    by: dict[str, dict[str, range]] = defaultdict(dict)
    for one in found:
        low, high = _bounds(one)
        if low < high:
            by[one.subject][one.entity_id] = range(low + 1, high + 1)
    return by


def _bounds(one: Difference) -> tuple[int, int]:
    before, after = one.before or 0, one.after or 0
    return min(before, after), max(before, after)


def _read(
    settings: Settings, subject: str, wanted: Mapping[str, range], steps: Mapping[Key, list[Step]]
) -> None:
    with Registry(settings.registry_url) as registry:
        heads = Heads(schemas_of(registry, settings.registry_url, subject))
    with PartitionReader(Connection.of(settings)) as reader:
        for record in read_out(reader, whole(reader, reader.partitions_of(exchange_topic(subject)))):
            key, revision = (record.key or b"").decode(errors="replace"), revision_of(record.headers)
            if revision is None or revision not in wanted.get(key, ()):
                continue
            head = heads.of(record.value)
            if head is not None:
                steps[subject, key].append(_step(record, revision, head))


def _step(record: Record, revision: int, head: Head) -> Step:
    at = head.recorded_at
    return Step(
        revision,
        head.event_type,
        head.event_id,
        head.decision_id,
        at.isoformat() if at else "",
        f"{record.topic}/{record.partition}/{record.offset}",
    )
