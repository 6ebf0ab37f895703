"""``qianbei tail``: the records of a topic, decoded by the schema that each names."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker.errors import ConfigError, DecodeError
from broker.kafka import PartitionReader, Record, TopicPartition
from broker.replay.decoding import AnyDecoder
from qianbei.inspect.reading import place_of
from schemas.said import said

_POLL_S = 0.1
_WINDOW = 50
LAST = 10
"""So many records are shown where no limit is given and reading does not go on."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One record to show; ``problem`` says why it could not be decoded."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str | None
    size: int
    record: Json | None
    problem: str | None = None

    @property
    def place(self) -> str:
        return place_of(self.topic, self.partition, self.offset)

    @property
    def at(self) -> str:
        """The append time, ISO 8601 in UTC with milliseconds."""
        moment = datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def as_dict(self) -> Json:
        """As one line of JSON Lines."""
        about = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "at": self.at,
            "key": self.key,
        }
        if self.problem is not None:
            return about | {"bytes": self.size, "problem": self.problem}
        return about | {"record": self.record}


def line_of(record: Record, decoder: AnyDecoder) -> Line:
    """Decode a record for showing. Of a quarantine record the bytes are not shown, only how many there are."""
    body: Json | None = None
    problem: str | None = None
    try:
        body = decoder.decode(record.value)
    except DecodeError as error:
        problem = f"{error.code}: {error.detail}"
    if body is not None and record.topic.startswith("quarantine."):
        body = quarantined(body)
    key = None if record.key is None else record.key.decode(errors="backslashreplace")
    size = len(record.value or b"")
    return Line(record.topic, record.partition, record.offset, record.timestamp_ms, key, size, body, problem)


def quarantined(body: Json) -> Json:
    """What is worth seeing of a quarantine record: why, what lay where, and how much."""
    place = place_of(body["intake_topic"], body["intake_partition"], body["intake_offset"])
    kept = ("reason", "detail", "recorded_at", "intake_sha256")
    size = None if body["value"] is None else len(body["value"]) * 3 // 4 - body["value"].count("=")
    return {"intake_place": place, "bytes": size} | {name: body[name] for name in kept}


# --- choosing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are shown: all conditions must hold. A record that cannot be decoded meets none."""

    conditions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, entity: str | None, event_type: str | None, where: Sequence[str]) -> "Wanted":
        """From the command's options. Raises ConfigError for a condition that is not ``field=value``."""
        given = [("entity_id", entity), ("event_type", event_type)]
        conditions = [(name, value) for name, value in given if value is not None]
        for text in where:
            name, sign, value = text.partition("=")
            if not sign or not name:
                raise ConfigError(
                    said("--where {text!r}: write field=value, such as parties.role=BUYER", text=text)
                )
            conditions.append((name, value))
        return cls(tuple(conditions))

    def __call__(self, line: Line) -> bool:
        if not self.conditions:
            return True
        record = line.record
        return record is not None and all(value in _texts(record, name) for name, value in self.conditions)


def _texts(value: Any, path: str) -> set[str]:
    """The values at a path as text; of a list, those of any item."""
    if isinstance(value, list):
        return {text for item in value for text in _texts(item, path)}
    name, _, rest = path.partition(".")
    if isinstance(value, Mapping):
        return _texts(value[name], rest) if name in value else set()
    return set() if path else {_text(value)}


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tail:
    """A look at one topic.

    ``from_start``: from the first retained record on. ``follow``: go on with what comes. Without either, the newest
    records. ``limit``: at most so many; without ``from_start`` and ``follow`` the last so many.
    """

    reader: PartitionReader
    decoder: AnyDecoder
    partitions: Sequence[TopicPartition]
    wanted: Wanted

    def lines(self, *, from_start: bool, follow: bool, limit: int | None) -> Iterator[Line]:
        """The chosen records; of one partition in order, of several in the order of their append times as they come."""
        if not from_start and not follow:
            yield from self._newest(LAST if limit is None else limit)
            return
        begins = self.reader.beginning_offsets(self.partitions)
        ends = self.reader.end_offsets(self.partitions)
        shown = 0
        for line in self._read(begins if from_start else ends, None if follow else ends):
            if limit is not None and shown >= limit:
                return
            if self.wanted(line):
                yield line
                shown += 1

    def _newest(self, count: int) -> list[Line]:
        """Read the ends of the partitions, further back as long as too few of them are wanted."""
        begins = self.reader.beginning_offsets(self.partitions)
        ends = self.reader.end_offsets(self.partitions)
        window = max(_WINDOW, 2 * count)
        while True:
            starts = {p: max(begins[p], end - window) for p, end in ends.items()}
            found: deque[Line] = deque(maxlen=count)
            matching = (line for line in self._read(starts, ends) if self.wanted(line))
            found.extend(sorted(matching, key=lambda line: line.timestamp_ms))
            if len(found) == count or starts == begins:
                return list(found)
            window *= 8

    def _read(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int] | None
    ) -> Iterator[Line]:
        """From ``starts``; up to ``ends``, or for ever."""
        left = set(self.partitions) if ends is None else {p for p, end in ends.items() if starts[p] < end}
        self.reader.assign(left)
        for partition in left:
            self.reader.seek(partition, starts[partition])
        while left:
            records = self.reader.poll(_POLL_S)
            for record in sorted(records, key=lambda one: one.timestamp_ms):
                if ends is None or record.offset < ends.get(
                    TopicPartition(record.topic, record.partition), 0
                ):
                    yield line_of(record, self.decoder)
            if ends is not None:
                left = {p for p in left if self.reader.position(p) < ends[p]}


def until_interrupted(lines: Iterator[Line], show: Callable[[Line], None]) -> None:
    """Show lines until they end or the user has seen enough."""
    try:
        for line in lines:
            show(line)
    except KeyboardInterrupt:
        return
