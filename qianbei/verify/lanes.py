"""Check 3, projection: ``dept.*`` is what the entitlements make of ``exchange.*``, record by record, in order.

A *lane* is one partition of one subject: its exchange records, and for each department the records of its topic in the
same partition. Both sides are queues; the head of the lane is compared as soon as every department that should have
something of it has sent something. So memory holds what one side is ahead of the other.

A record is known by its key and its header ``qb_revision``. A department's record that is not the expected one is
either behind others in the queue (then those before it are too many) or not there (then it is lost).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from qianbei.verify.avro import HEADER_BYTES, Reader, Readers, Record, Unreadable
from qianbei.verify.entitlement import LEFT, Rule, left_of, schema_paths
from qianbei.verify.joins import Join, joiner, left_joiner
from qianbei.verify.keys import Sealed
from qianbei.verify.report import Findings, place_of
from qianbei.verify.slices import NotSliceable
from qianbei.verify.source import Sent, Source
from qianbei.verify.window import Window
from schemas.said import said

UNKNOWN = 1 << 62
"""Beyond every offset: it is not known how far a service is."""
_KEEP_PIECES = 500
NOTICE_MS = 60_000
"""So long at most after a grant a service may go on without knowing of it."""
_SAMPLE = 61
"""Of the records whose bytes are equal one in so many is compared by value too, and each output's first."""


class Part(Enum):
    """What a department should have of a record."""

    NOTHING = "nothing"
    WHOLE = "whole"
    LEFT = LEFT


@dataclass(slots=True)
class Output:
    """One department's side of a lane. ``cut`` while retention may have taken away what the next records were.

    ``filled`` where it has history: up to which offset of the exchange that must be there; what lies behind is not looked at.
    """

    topic: str
    partition: int
    rule: Rule
    project: Callable[[Record], Record]
    cut: bool
    filled: int | None = None
    queue: deque[Sent] = field(default_factory=deque)
    joins: dict[tuple[int, int, Part], Join | None] = field(default_factory=dict)
    compared: int = 0

    def place(self, sent: Sent) -> str:
        return place_of(self.topic, self.partition, sent.offset)

    def excuses(self, source: Source) -> bool:
        """Whether the record may be missing: it came before the grant, or before every service knew of that."""
        if self.filled is not None:
            return self.beyond(source)
        since = self.rule.since_ms
        return since is not None and source.sent.at_ms < since + NOTICE_MS

    def beyond(self, source: Source) -> bool:
        """Whether the record is still to be filled in, so that it may be there or not."""
        return self.filled is not None and source.sent.offset >= self.filled

    def part(self, interested: Sequence[str], before: Sequence[str]) -> Part:
        """What of a record in which these organisations are, and were, interested."""
        if not self.rule.only_interested or self.rule.department in interested:
            return Part.WHOLE
        return Part.LEFT if self.rule.department in before else Part.NOTHING

    def expected(self, source: Source, part: Part) -> Record:
        """By value, as the entitlement has it. Raises Unreadable or Sealed."""
        record = source.in_clear()
        return self.project(record) if part is Part.WHOLE else left_of(self.rule, record)

    def expected_bytes(self, source: Source, part: Part, target: Reader) -> bytes | None:
        """The bytes that a record in the schema ``target`` must have; None if that cannot be said without decoding."""
        if source.pieces is None:
            return None
        key = (source.kind.reader.schema_id, target.schema_id, part)
        if key not in self.joins:
            self.joins[key] = self._join(source, part, target)
        join = self.joins[key]
        try:
            return None if join is None else join(source.pieces)
        except NotSliceable:
            return None

    def _join(self, source: Source, part: Part, target: Reader) -> Join | None:
        schema = source.kind.reader.schema
        try:
            whole = part is Part.WHOLE
            return joiner(self.rule, schema, target.schema) if whole else left_joiner(schema, target.schema)
        except NotSliceable:
            return None


@dataclass(slots=True)
class Shared:
    """What all lanes use. ``checked`` are the schemas whose fields have been looked at, by topic."""

    window: Window
    readers: Readers
    findings: Findings = field(default_factory=Findings)
    checked: set[tuple[str, int]] = field(default_factory=set)


@dataclass(slots=True)
class Lane:
    """One partition of one subject. ``routed`` is up to where routing has sent it, as far as known."""

    topic: str
    partition: int
    outputs: Sequence[Output]
    shared: Shared
    routed: int = UNKNOWN
    waiting: deque[Source] = field(default_factory=deque)
    head: list[tuple[Output, Part]] | None = None
    late: int = 0

    def add(self, source: Source) -> None:
        """The next exchange record."""
        if len(self.waiting) > _KEEP_PIECES:
            source.pieces = (
                None  # they take ten times the room of the record; it is cut again when its turn comes
            )
        self.waiting.append(source)

    def advance(self, *, final: bool = False) -> None:
        """Compare as much as can be. ``final``: nothing more will come, so what is missing is missing."""
        while self.waiting:
            if self.head is None:
                self.head = self._parts(self.waiting[0])
            if not final and not all(output.queue for output, _ in self.head):
                return
            source, parts, self.head = self.waiting.popleft(), self.head, None
            for output, part in parts:
                self._compare(source, output, part)

    def _parts(self, source: Source) -> list[tuple[Output, Part]]:
        source.cut()
        try:
            interests = source.interests()
        except Unreadable:
            return []  # conservation has noted it
        parts = [(output, output.part(*interests)) for output in self.outputs if not output.beyond(source)]
        return [(output, part) for output, part in parts if part is not Part.NOTHING]

    def _place(self, source: Source) -> str:
        return place_of(self.topic, self.partition, source.sent.offset)

    # -- finding the counterpart --------------------------------------------------------------------------------------

    def _compare(self, source: Source, output: Output, part: Part) -> None:
        sent = self._find(source, output)
        if sent is None:
            return
        try:
            self._same(source, output, part, sent)
        except Unreadable as error:
            self.shared.findings.add("UNREADABLE", output.place(sent), str(error))
        except Sealed:
            detail = said("is encrypted under a key that is not held here")
            self.shared.findings.add("SEALED", self._place(source), detail)

    def _find(self, source: Source, output: Output) -> Sent | None:
        queue, identity = output.queue, source.sent.identity
        if queue and queue[0].identity == identity:
            output.cut = False
            return queue.popleft()
        if output.cut:
            return None  # older than what retention has left
        ahead = next((n for n, sent in enumerate(queue) if sent.identity == identity), None)
        if ahead is None:
            self._lost(source, output)
            return None
        for _ in range(ahead):
            self._unexpected(output, queue.popleft())
        return queue.popleft()

    def _lost(self, source: Source, output: Output) -> None:
        if not self.shared.window.required(self.topic, self.partition, source.sent.offset):
            return
        if output.excuses(source):
            return
        if source.sent.offset >= self.routed:
            self.late += 1
            return
        detail = said("is not on {topic}, or not in its place there", topic=output.topic)
        self.shared.findings.add("LOST_RECORD", self._place(source), detail)

    def _unexpected(self, output: Output, sent: Sent) -> None:
        if self.shared.window.required(output.topic, output.partition, sent.offset):
            detail = said(
                "nothing on {topic} gives it in this place: written twice, out of order, or not entitled",
                topic=self.topic,
            )
            self.shared.findings.add("UNEXPECTED_RECORD", output.place(sent), detail)

    # -- comparing ----------------------------------------------------------------------------------------------------

    def _same(self, source: Source, output: Output, part: Part, sent: Sent) -> None:
        reader = self.shared.readers.of(sent.value)
        assert sent.value is not None
        self._check_schema(output, reader, sent)
        self.shared.findings.counts["dept_records"] += 1
        sampled = output.compared % _SAMPLE == 0
        output.compared += 1
        if not sampled and output.expected_bytes(source, part, reader) == sent.value[HEADER_BYTES:]:
            return
        self.shared.findings.counts["decoded"] += 1
        expected, record = output.expected(source, part), reader.plain(sent.value)
        if record != expected:
            detail = said(
                "not what {source} gives: {expected}",
                source=self._place(source),
                expected=", ".join(different(expected, record)),
            )
            self.shared.findings.add("WRONG_RECORD", output.place(sent), detail)

    def _check_schema(self, output: Output, reader: Reader, sent: Sent) -> None:
        """Each schema once a topic: whatever its records hold, it must have no field but the entitled ones."""
        if (output.topic, reader.schema_id) in self.shared.checked:
            return
        self.shared.checked.add((output.topic, reader.schema_id))
        self.shared.findings.counts["dept_schemas"] += 1
        paths, shown = schema_paths(reader.schema), output.rule.shown
        for path in sorted(paths - shown):
            detail = said("schema {schema_id} has a field {path}", schema_id=reader.schema_id, path=path)
            self.shared.findings.add("FIELD_NOT_ENTITLED", output.place(sent), detail)
        for path in sorted(shown - paths):
            detail = said("schema {schema_id} has no field {path}", schema_id=reader.schema_id, path=path)
            self.shared.findings.add("FIELD_MISSING", output.place(sent), detail)

    # -- ending -------------------------------------------------------------------------------------------------------

    def waits(self) -> bool:
        """Whether anything required is not compared yet."""
        required = self.shared.window.required
        return any(
            required(self.topic, self.partition, source.sent.offset) and self._lacks(source)
            for source in self.waiting
        ) or any(
            required(output.topic, output.partition, sent.offset)
            for output in self.outputs
            for sent in output.queue
        )

    def _lacks(self, source: Source) -> bool:
        """Whether a department that must have the record may still get it."""
        return not all(output.queue or output.excuses(source) for output in self.outputs)

    def finish(self, routed: int) -> None:
        """Note what is left over on either side; what lies beyond ``routed`` is late, not lost."""
        self.routed = routed
        self.advance(final=True)
        for output in self.outputs:
            while output.queue:
                self._unexpected(output, output.queue.popleft())
        if self.late:
            detail = said("routing has yet to send {late} records", late=self.late)
            self.shared.findings.add("BEHIND", f"{self.topic}/{self.partition}", detail)


def different(expected: Any, found: Any, path: str = "") -> list[str]:
    """The paths at which two values differ; never the values."""
    if isinstance(expected, dict) and isinstance(found, dict):
        names = [*expected, *(name for name in found if name not in expected)]
        step = f"{path}." if path else ""
        return [p for n in names for p in _different_field(expected, found, n, step + n)]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [p for n, (e, f) in pairs for p in different(e, f, f"{path}[{n}]")]
    return [] if expected == found else [path or "the record"]


def _different_field(expected: Record, found: Record, name: str, path: str) -> list[str]:
    if name not in expected:
        return [f"{path} (not entitled)"]
    if name not in found:
        return [f"{path} (missing)"]
    return different(expected[name], found[name], path)
