"""Which offsets a replay reads: those that the index names, and whatever it does not reach."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.kafka import PartitionReader, TopicPartition
from broker.replay.finding import Index
from broker.replay.reading import Span, Spans, whole
from broker.replay.selecting import Selection

_NEAR = 200
"""Offsets that lie so close together are read in one go."""
_CLOCK_MS = 10 * 60_000
"""So far a broker's clock may be set back, and a record's append time lie before that of the one ahead of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``looked_up``: places that the index names, in spans by partition, in order. ``scanned``: what is read through, and
    lies behind those in each partition. ``ends``: the offset of each partition before which everything is considered."""

    looked_up: Mapping[TopicPartition, Sequence[Span]]
    scanned: Spans
    ends: Mapping[TopicPartition, int]

    @property
    def to_scan(self) -> int:
        """How many offsets are read through."""
        return sum(_length(span) for span in self.scanned.values())

    @property
    def offsets(self) -> int:
        """How many offsets are read at all."""
        return self.to_scan + sum(_length(span) for spans in self.looked_up.values() for span in spans)

    def waves(self) -> Iterator[Spans]:
        """What is looked up, a span of each partition at a time."""
        for number in range(max(map(len, self.looked_up.values()), default=0)):
            yield {p: spans[number] for p, spans in self.looked_up.items() if number < len(spans)}

    def from_(self, positions: Mapping[TopicPartition, int]) -> "Plan":
        """What is left of it where so much has been considered."""
        return Plan(
            {
                p: [
                    _beginning_at(span, positions.get(p, 0))
                    for span in spans
                    if span.end > positions.get(p, 0)
                ]
                for p, spans in self.looked_up.items()
            },
            {p: _beginning_at(span, positions.get(p, 0)) for p, span in self.scanned.items()},
            self.ends,
        )


def make_plan(
    reader: PartitionReader,
    selection: Selection,
    index: Index | None,
    ends: Mapping[TopicPartition, int] | None = None,
) -> Plan:
    """What to read of the selection's topics now, or up to ``ends`` if they are given. Raises as the reader."""
    spans = _retained(reader, selection)
    if ends is not None:
        spans = {p: Span(span.first, min(span.end, ends.get(p, span.first))) for p, span in spans.items()}
    ends = {p: span.end for p, span in spans.items()}
    if index is None:
        return Plan({}, spans, ends)
    reaches = {p: min(max(index.reaches.get(p, 0), span.first), span.end) for p, span in spans.items()}
    looked_up = {
        p: _joined(offset for offset in index.places.get(p, ()) if span.first <= offset < reaches[p])
        for p, span in spans.items()
    }
    scanned = {p: Span(reaches[p], span.end) for p, span in spans.items()}
    return Plan({p: found for p, found in looked_up.items() if found}, scanned, ends)


def _retained(reader: PartitionReader, selection: Selection) -> dict[TopicPartition, Span]:
    """The offsets of the selection's ranges and times that are there."""
    partitions = list(selection.ranges) or [
        p for topic in selection.topics for p in reader.partitions_of(topic)
    ]
    spans = whole(reader, partitions)
    for p, wanted in selection.ranges.items():
        spans[p] = _within(spans[p], wanted)
    if selection.since_ms is not None:
        firsts = reader.offsets_since(partitions, selection.since_ms)
        spans = {p: _beginning_at(span, _or(firsts[p], span.end)) for p, span in spans.items()}
    if selection.until_ms is not None:
        lasts = reader.offsets_since(partitions, selection.until_ms + _CLOCK_MS)
        spans = {p: _within(span, Span(0, _or(lasts[p], span.end))) for p, span in spans.items()}
    return spans


def _joined(offsets: Iterable[int]) -> list[Span]:
    """Ascending offsets as spans, near ones in one."""
    spans: list[Span] = []
    for offset in offsets:
        if spans and offset - spans[-1].end < _NEAR:
            spans[-1] = Span(spans[-1].first, offset + 1)
        else:
            spans.append(Span(offset, offset + 1))
    return spans


def _within(span: Span, wanted: Span) -> Span:
    return Span(min(max(span.first, wanted.first), span.end), max(min(span.end, wanted.end), span.first))


def _beginning_at(span: Span, first: int) -> Span:
    return Span(min(max(span.first, first), span.end), span.end)


def _or(found: int | None, otherwise: int) -> int:
    return otherwise if found is None else found


def _length(span: Span) -> int:
    return max(0, span.end - span.first)
