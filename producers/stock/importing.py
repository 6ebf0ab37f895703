"""Importing a table: every row is sent once and its decision known, or is in the reject file.

Windows of rows are read, converted and sent while the ones before are being decided. A window's outcomes are written
to the memory of imports only when all of them are known; after a crash the windows that were not written are sent
again, and the exchange answers that they are duplicates of what it has decided.

A refused row has used up a version of its entity. It is tried again by the next run, mended or not, as the next version.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from producers.first_decisions import FirstDecisions
from producers.jsonlines import Channel, derived_event_id
from producers.publisher import Decision, Sent
from producers.settling import settle, told, used_version
from producers.stock.convert import Converter
from producers.stock.defect import Defect
from producers.stock.reading import Progress, Report, Try, right, windows
from producers.stock.rejects import RejectFile
from producers.stock.sheet import Row
from producers.stock.state import ImportState, Refusal
from schemas.said import said

AHEAD = 4
_HOW = said("mend the row in the file and import the file again: what was accepted is skipped")


@dataclass(frozen=True, slots=True)
class _Window:
    """Rows that were sent."""

    tries: Sequence[Try]
    sent: Sequence[Sent]


class Importer:
    """One run over a table."""

    def __init__(
        self,
        channel: Channel,
        firsts: FirstDecisions,
        converter: Converter,
        state: ImportState,
        rejects: RejectFile,
        progress: Progress,
    ) -> None:
        self._channel = channel
        self._firsts = firsts
        self._converter = converter
        self._state = state
        self._rejects = rejects
        self._progress = progress
        self._report = Report()
        self._windows: deque[_Window] = deque()
        content = f"{channel.principal} {converter.mapping.model_dump_json()}"
        self._key = hashlib.blake2b(content.encode(), digest_size=32).digest()

    def run(self, rows: Iterable[Row]) -> Report:
        """Import what is missing. Raises Unavailable or Indefinite; running again then goes on."""
        for chunk in windows(rows):
            new = self._not_taken(chunk)
            rows_left = [row for row in chunk if row.number in new]
            tries = list(right(self._converter, rows_left, self._rejects, self._report, new))
            for part in self._apart(self._missing(tries)):
                self._send(part)
            if len(self._windows) > AHEAD:
                self._settle()
            self._progress(self._report)
        self._settle_all()
        self._state.end()
        return self._report

    def _not_taken(self, rows: Sequence[Row]) -> dict[int, bytes]:
        """The text ids, by number, of the rows whose very text was not accepted before: the others are passed over."""
        text_ids = {row.number: self._text_id(row) for row in rows}
        taken = self._state.taken(list(text_ids.values()))
        new = {number: text_id for number, text_id in text_ids.items() if text_id not in taken}
        self._report.rows += len(rows) - len(new)
        self._report.before += len(rows) - len(new)
        return new

    def _text_id(self, row: Row) -> bytes:
        """The same text under the same mapping is the same event."""
        text = "\x1f".join(text for cell in row.cells.items() for text in cell)
        return hashlib.blake2b(
            text.encode("utf-8", "surrogateescape"), key=self._key, digest_size=16
        ).digest()

    def _apart(self, tries: Sequence[Try]) -> Iterator[list[Try]]:
        """The rows in parts, so that no two of one entity are on their way at once: what is decided first must not be luck.

        They may belong to two houses, and then to two slots, which keep no order between them.
        """
        part: list[Try] = []
        under_way = {one.event["entity_id"] for window in self._windows for one in window.tries}
        for one in tries:
            entity_id = one.event["entity_id"]
            if entity_id in under_way:
                if part:
                    yield part
                self._settle_all()
                part, under_way = [], set()
            part.append(one)
            under_way.add(entity_id)
        if part:
            yield part

    def _missing(self, tries: Sequence[Try]) -> list[Try]:
        """Those that are to be sent, each as its entity's next version."""
        row_ids = [one.row_id for one in tries]
        taken, refused = self._state.taken(row_ids), self._state.refused(row_ids)
        versions = self._state.versions([one.event["entity_id"] for one in tries])
        seen = {one.row_id for window in self._windows for one in window.tries}
        found = []
        for one in tries:
            known = refused.get(one.row_id)
            if one.row_id in taken:
                self._report.before += 1
            elif one.row_id in seen:
                self._report.repeated += 1
            elif known is not None and known.run == self._state.run:
                # This run was cut off after the refusal; it is the next run that tries again.
                self._refuse(one.row, known)
            else:
                seen.add(one.row_id)
                used = versions.get(one.event["entity_id"], 0)
                found.append(self._again(one, used, refused=known is not None))
        return found

    def _again(self, one: Try, used: int, *, refused: bool) -> Try:
        """The row as it is to be sent now. A row that an earlier run sent in vain gets a new event id, the same all run."""
        if used < one.event["version"] and not refused:
            return one
        event = {name: value for name, value in one.event.items() if name != "event_id"}
        event["version"] = max(used + 1, event["version"])
        content = event | ({"run": self._state.run} if refused else {})
        event["event_id"] = derived_event_id(
            self._channel.principal, self._converter.mapping.subject, content
        )
        return replace(one, event=event)

    def _send(self, tries: Sequence[Try]) -> None:
        subject = self._converter.mapping.subject
        prepared = [self._channel.prepare(subject, one.event) for one in tries]
        self._windows.append(_Window(tries, self._channel.send_all(prepared)))

    def _settle_all(self) -> None:
        while self._windows:
            self._settle()
            self._progress(self._report)

    def _settle(self) -> None:
        """Wait for the decisions on the oldest window, and write them down."""
        window = self._windows.popleft()
        decisions = settle(self._channel, self._firsts, window.sent)
        taken, refused = set[bytes](), dict[bytes, Refusal]()
        for one, decision in zip(window.tries, decisions, strict=True):
            if decision.accepted:
                taken |= {one.row_id, one.text_id}
                self._report.accepted += 1
            else:
                refused[one.row_id] = self._refusal(decision)
                self._refuse(one.row, refused[one.row_id])
        self._state.record(taken, refused)

    def _refusal(self, decision: Decision) -> Refusal:
        return Refusal(decision.entity_id, used_version(decision), self._state.run, told(decision))

    def _refuse(self, row: int, refusal: Refusal) -> None:
        self._report.refused += 1
        self._report.reasons.update(one.code for one in refusal.reasons)
        self._rejects.add(
            Defect(row, self._column(one.field), "", one.text, _HOW, one.code) for one in refusal.reasons
        )

    def _column(self, path: str | None) -> str:
        return self._converter.column_of(path or "") or path or ""
