"""One chain, from its beginning or a signed head to its end: log, segment rows, index and signed heads side by side."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from broker.kafka import Record
from qianbei.audit.checkpoints import Signed
from qianbei.audit.compare import differences
from qianbei.audit.findings import Finding, Kind, Report
from qianbei.audit.hashing import Mark, Sums, after, mark_of, marks_of
from qianbei.audit.log import Log, Unread
from qianbei.audit.tables import ACCESS, Reached, Row
from schemas.said import said

_DAY_MS = 24 * 3600 * 1000
PlacesSum = Callable[[int, int, bytes], tuple[bytes, int]]
"""From first and last offset and the digest before: the digest after, and how many rows there are."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a verification begins: nothing lies before, or a head that was signed."""

    number: int | None
    """Of the segment before; None if it is not known."""
    last: int
    records: int
    sums: Sums
    places: bytes


@dataclass(slots=True)
class _Range:
    """The log's records of one segment: those that belong to it, and those that lie before its first."""

    before: list[Record]
    records: list[Record]
    unread: int | None


class ChainCheck:
    """Checks one chain. ``days``: how long its topic keeps records (None: for ever)."""

    def __init__(
        self,
        topic: str,
        partition: int,
        log: Log,
        days: int | None,
        places: PlacesSum,
        counted: Callable[[], int],
        report: Report,
    ) -> None:
        self._topic, self._partition, self._log = topic, partition, log
        self._days = days
        self._places_sum, self._counted, self._indexed = places, counted, 0
        self._report = report

    def run(self, start: Start, rows: Iterator[Row], signed: Iterator[Signed], reached: Reached) -> None:
        """Compare everything from ``start`` on."""
        self._number, self._last, self._records = start.number, start.last, start.records
        self._sums, self._places = start.sums, {start.places}
        self._signed, self._due = signed, next(signed, None)
        self._last_signed = start.records
        for row in rows:
            self._segment(row)
        self._end(start, reached)
        while self._due is not None:
            self._unmatched(self._due)
        self._report.unsigned += self._records - self._last_signed

    def _end(self, start: Start, reached: Reached) -> None:
        """Hold what was walked through against what the tables say of the chain's end."""
        number, at = self._number or reached.number, max(self._last, 0)
        if number < reached.number:
            missing = said("segments {first} to {last}", first=number + 1, last=reached.number)
            self._add(Kind.ROW_DROPPED, self._last + 1, max(reached.last, self._last + 1), missing)
            return
        told = (reached.number, reached.last, reached.records, reached.sha256, reached.sm3)
        walked = (number, self._last, self._records, self._sums.sha256, self._sums.sm3)
        if self._last > start.last and told != walked:
            self._add(Kind.ROW_EDITED, at, at, said("audit.head does not say what the last segment does"))
        if not self._topic.startswith(ACCESS):
            self._beyond(reached.next_offset)
        if self._counted() != self._indexed:
            self._add(Kind.INDEX_EDITED, at, at, said("the index has rows of no chained record"))

    def _beyond(self, next_offset: int | None) -> None:
        if next_offset is None or not self._last < next_offset <= max(self._log.end, self._last + 1):
            at = self._last + 1
            self._add(Kind.ROW_EDITED, at, at, said("audit.position cannot be {offset}", offset=next_offset))
        else:
            self._tail(next_offset - 1)

    def _segment(self, row: Row) -> None:
        self._report.segments += 1
        gap = self._number is not None and row.number != self._number + 1
        if gap:
            missing = said("segments {first} to {last}", first=(self._number or 0) + 1, last=row.number - 1)
            self._add(Kind.ROW_DROPPED, self._last + 1, row.first - 1, missing)
        marks = self._marks(row)
        if marks is not None:
            row = self._as_marked(row, marks)
        span = self._read(row, split=gap)
        if marks is None:
            intact = False
            self._sums = Sums(row.sha256, row.sm3)
        else:
            intact = self._compare(row, marks, span)
        self._check_places(row)
        self._number, self._last = row.number, row.last
        # What lies before a segment that follows a missing one is the missing one's.
        self._records += len(span.before) + row.records
        self._vouched(row, intact=intact and not gap)

    def _read(self, row: Row, *, split: bool) -> _Range:
        span = _Range([], [], None)
        for one in self._log.until(row.last):
            if isinstance(one, Unread):
                span.unread = one.offset
            else:
                self._report.records += 1
                early = split and one.offset < row.first
                (span.before if early else span.records).append(one)
        return span

    def _marks(self, row: Row) -> list[Mark] | None:
        """The marks of a row, None and a finding if they cannot be ones."""
        try:
            marks = marks_of(row.marks)
        except ValueError:
            marks = []
        offsets = [mark.offset for mark in marks]
        if offsets and offsets == sorted(set(offsets)) and offsets[0] > self._last:
            return marks
        self._edited(row, said("its marks are no marks of a run of records"))
        return None

    def _as_marked(self, row: Row, marks: list[Mark]) -> Row:
        """The row with the place that its marks say: a wrong one would make its neighbours seem wrong."""
        marked = replace(row, first=marks[0].offset, last=marks[-1].offset, records=len(marks))
        if marked != row:
            self._edited(marked, said("its place and its marks disagree"))
        return marked

    def _compare(self, row: Row, marks: list[Mark], span: _Range) -> bool:
        """Whether the log holds what the row says; leaves in ``_sums`` the head to go on from."""
        stored = Sums(row.sha256, row.sm3)
        expired = self._expired(marks)
        kept = marks[expired:]
        self._report.expired += expired
        if span.unread is not None:
            self._unread(row, span, kept)
            self._sums = stored
            return False
        found = [mark_of(record) for record in span.records]
        diffs = differences(kept, found)
        if expired:
            # What was hashed in between is gone: the head that is written down is taken for true, till one is signed.
            self._sums = stored
            return self._tell(diffs)
        sums = self._sums
        for record in (*span.before, *span.records):
            sums = after(sums, record)
        if sums == stored:
            self._sums = sums
            if diffs:
                self._edited(row, said("its marks are not those of the log, which is as it was chained"))
            return not diffs
        self._sums = stored if diffs else sums
        if not diffs:
            self._edited(row, said("its head does not follow from the records before it"))
        return self._tell(diffs)

    def _tell(self, diffs: list[tuple[Kind, int, int]]) -> bool:
        for kind, first, last in diffs:
            self._add(kind, first, last, said("differs from what was chained"))
        return not diffs

    def _expired(self, marks: list[Mark]) -> int:
        """How many of the first records may be gone, as all of them are old enough; the others must be there."""
        gone = sum(mark.offset < self._log.begin for mark in marks)
        if not gone or self._days is None:
            return 0
        oldest_kept = time.time() * 1000 - self._days * _DAY_MS
        return gone if marks[gone - 1].timestamp_ms < oldest_kept else 0

    def _unread(self, row: Row, span: _Range, marks: list[Mark]) -> None:
        """The broker's bytes cannot be read: the records from there to the segment's end are one finding."""
        known = [mark_of(record) for record in span.records]
        reached = known[-1].offset if known else row.first - 1
        left = [mark.offset for mark in marks if mark.offset > reached] or [row.last]
        self._add(Kind.CORRUPT, left[0], left[-1], said("the broker's bytes cannot be read"))
        self._tell(differences([mark for mark in marks if mark.offset <= reached], known))

    def _tail(self, until: int) -> None:
        """After the last segment, up to what is read next, there may be markers, and no records."""
        for one in self._log.until(until):
            if isinstance(one, Unread):
                self._add(Kind.CORRUPT, one.offset, until, said("the broker's bytes cannot be read"))
            else:
                self._report.records += 1
                self._add(Kind.INSERTED, one.offset, one.offset, said("in no chain"))

    def _check_places(self, row: Row) -> None:
        sums = set()
        for before in self._places:
            made, count = self._places_sum(row.first, row.last, before)
            sums.add(made)
        self._report.index_rows += count
        self._indexed += count
        if row.places_sha256 not in sums:
            self._add(Kind.INDEX_EDITED, row.first, row.last, said("the rows in audit.place differ"))
            # Which of the two was edited is not known: what follows either is right.
            self._places = {row.places_sha256, *sums}
        else:
            self._places = {row.places_sha256}

    def _vouched(self, row: Row, *, intact: bool) -> None:
        """Hold the head after a row against what was signed of it."""
        while self._due is not None and self._due.last < row.last:
            self._unmatched(self._due)
        while self._due is not None and self._due.last == row.last:
            one, self._due = self._due, next(self._signed, None)
            self._report.signed_heads += 1
            self._last_signed = self._records
            told = (one.sha256, one.sm3) == (self._sums.sha256.hex(), self._sums.sm3.hex())
            same = told and one.records == self._records
            if not same and intact:
                why = said("checkpoint {sequence} signed another head", sequence=one.sequence)
                self._add(Kind.REWRITTEN, row.first, row.last, why)
                self._records = one.records
            elif bytes.fromhex(one.places_sha256) not in self._places:
                why = said("checkpoint {sequence} signed another index", sequence=one.sequence)
                self._add(Kind.INDEX_EDITED, row.first, row.last, why)

    def _unmatched(self, one: Signed) -> None:
        why = said("checkpoint {sequence} signed a head here, and no segment ends so", sequence=one.sequence)
        if one.last > self._last or self._number is not None:
            self._add(Kind.REWRITTEN, one.last, one.last, why)
        self._due = next(self._signed, None)

    def _edited(self, row: Row, detail: str) -> None:
        self._add(
            Kind.ROW_EDITED,
            row.first,
            row.last,
            said("segment {number}: {detail}", number=row.number, detail=detail),
        )

    def _add(self, kind: Kind, first: int, last: int, detail: str) -> None:
        self._report.findings.append(Finding(kind, self._topic, self._partition, first, last, detail))
