"""Polling: news is found, remembered, sent and settled. A step goes:

1. what is pending (a run before may have died) is sent and settled;
2. the database is asked for news; each row that differs from what was last seen becomes events, which are written to the
   memory together with the new position;
3. they are sent in parts, no two of one row at once, and settled. A part's outcomes are written in one transaction.

The version of an event is given when it is first sent: one more than its entity has used. A duplicate is settled by the
decision that stands, so sending again after a crash changes nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from broker.runner import Stop
from producers.database.changes import Row, digest, happened
from producers.database.config import PollConfig
from producers.database.reading import Database, higher
from producers.database.state import Fault, Missing, Pending, PollState
from producers.first_decisions import FirstDecisions
from producers.jsonlines import Channel, derived_event_id
from producers.publisher import Decision
from producers.settling import Told, settle, told, used_version
from producers.stock.convert import Converter
from producers.stock.defect import Defect
from producers.stock.values import BadCell
from schemas.said import said

PART = 250
MOST_NEWS = 5_000
_MARK, _OUTBOX, _SCAN, _BEGUN = "watermark", "outbox", "scan", "begun"


@dataclass(slots=True)
class Report:
    """What a run did: events by outcome, rows of which no event could be made, rows that were found to be gone."""

    outcomes: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    deleted: int = 0
    scans: int = 0


class Poller:
    """One source's table or outbox. A *session* in the words of ``broker.runner``: any error but ConfigError ends it."""

    def __init__(
        self,
        database: Database,
        config: PollConfig,
        converter: Converter,
        channel: Channel,
        firsts: FirstDecisions,
        state: PollState,
        report: Report,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._config = config
        self._converter = converter
        self._channel = channel
        self._firsts = firsts
        self._state = state
        self._report = report
        self._stop = stop
        self._clock = clock
        self._next_scan = 0.0

    def step(self) -> int:
        """Send what is news now; waits ``every_s`` if nothing was. Gives how many events were settled."""
        settled = self.poll()
        if self._config.mode == "watermark" and self._clock() >= self._next_scan:
            settled += self.reconcile()
        if not settled:
            self._stop.wait(self._config.every_s)
        return settled

    def catch_up(self) -> None:
        """Poll until there is no news, and scan the whole table once."""
        while self.poll() and not self._stop.is_set():
            pass
        if self._config.mode == "watermark":
            self.reconcile()

    def poll(self) -> int:
        """Ask for news once, and send it."""
        settled = self._send_pending()
        if self._config.mode == "outbox":
            for chunk in _chunks(islice(self._database.outbox(self._state.place(_OUTBOX)), MOST_NEWS)):
                self._remember(chunk, {_OUTBOX: chunk[-1].at})
        else:
            self._poll_watermark()
        return settled + self._send_pending()

    # --- news -----------------------------------------------------------------------------------------------------------

    def _poll_watermark(self) -> None:
        if self._config.begin == "changes" and self._state.place(_BEGUN) is None:
            self._take_as_known()
            return
        mark = before = self._state.place(_MARK)
        news: list[Row] = []
        for row in self._database.since(before):
            mark = higher(mark, row.at)
            if self._is_news(row):
                news.append(row)
            if len(news) == MOST_NEWS:
                break
        for chunk in _chunks(news):
            self._remember(chunk, {})
        if mark != before:
            self._state.keep_place(_MARK, mark)

    def _take_as_known(self) -> None:
        """The rows that are there at the beginning came another way (`qianbei import`)."""
        mark = None
        for chunk in _chunks(self._database.everything()):
            with self._state.together():
                for row in chunk:
                    mark = higher(mark, row.at)
                    self._saw(row, had=True)
        with self._state.together():
            self._state.keep_place(_MARK, mark)
            self._state.keep_place(_BEGUN, True)

    def reconcile(self) -> int:
        """Compare every row with what was last seen: finds what no watermark told, and rows that are gone."""
        scan = int(self._state.place(_SCAN) or 0) + 1
        news: list[Row] = []
        for chunk in _chunks(self._database.everything()):
            news += [row for row in chunk if self._is_news(row)]
            with self._state.together():
                self._state.mark((row.key for row in chunk), scan)
            if len(news) >= MOST_NEWS:
                break
        else:
            self._find_gone(scan)
            self._next_scan = self._clock() + self._config.reconcile_every_s
        self._state.keep_place(_SCAN, scan)
        for chunk in _chunks(news):
            self._remember(chunk, {})
        self._report.scans += 1
        return self._send_pending()

    def _find_gone(self, scan: int) -> None:
        while gone := self._state.unmarked(scan, PART):
            with self._state.together():
                for one in gone:
                    self._report.deleted += 1
                    self._put_off_deletion(one)
                    self._state.lost(one.key)

    def _put_off_deletion(self, row: Missing) -> None:
        event_type = self._config.events.deleted if self._config.events else None
        if not row.had:
            self._state.mended(row.key)  # The exchange never had it either.
        elif event_type is None or row.cells is None:
            gone = Told("GONE", None, said("the row is gone from the database"))
            self._state.fault(Fault(row.key, "gone", (gone,)))
        else:
            self._put_off(Row(row.key, row.cells), [event_type])

    def _is_news(self, row: Row) -> bool:
        known = self._state.known(row.key)
        return known is None or known.gone or known.digest != self._digest(row)

    def _digest(self, row: Row) -> bytes:
        return digest(row.cells, self._looked_at())

    def _looked_at(self) -> Mapping[str, object]:
        column = self._config.events.column if self._config.events else None
        return (
            self._converter.mapping.columns
            if column is None
            else {**self._converter.mapping.columns, column: None}
        )

    def _saw(self, row: Row, *, had: bool = False) -> None:
        keeps = self._config.events is not None and self._config.events.deleted is not None
        self._state.saw(row.key, self._digest(row), row.cells if keeps else None, had=had)

    # --- remembering ----------------------------------------------------------------------------------------------------

    def _remember(self, rows: Sequence[Row], places: Mapping[str, Any]) -> None:
        """Write down the events of rows, and that they were looked at, before anything is sent."""
        with self._state.together():
            for row in rows:
                self._remember_row(row)
            for name, value in places.items():
                self._state.keep_place(name, value)

    def _remember_row(self, row: Row) -> None:
        try:
            event_types = self._happened(row)
        except BadCell as error:
            column = self._config.events.column if self._config.events else None
            self._bad(row.key, [Defect(row.key, column or "", "", error.what, error.how)])
            event_types = []
        if self._config.mode == "watermark":
            self._saw(row)
        if event_types:
            self._put_off(row, event_types)

    def _happened(self, row: Row) -> list[str]:
        if row.event_type is not None:
            return [row.event_type]
        assert self._config.events is not None
        new = self._state.known(row.key) is None and not self._state.version(row.key)
        return happened(self._config.events, row.cells, new=new)

    def _put_off(self, row: Row, event_types: Sequence[str]) -> None:
        self._state.mended(row.key)
        events = [self._converter.convert(row.key, row.cells, event_type) for event_type in event_types]
        defects = [defect for found in events if isinstance(found, list) for defect in found]
        if defects:
            self._bad(row.key, defects)
        else:
            self._state.put_off(row.key, [event for event in events if isinstance(event, dict)])

    def _bad(self, key: str, defects: Sequence[Defect]) -> None:
        self._report.bad += 1
        reasons = tuple(
            Told(one.code or "BAD_ROW", one.column, said("{what}; {how}", what=one.reason, how=one.how))
            for one in defects
        )
        self._state.fault(Fault(key, "bad", reasons))

    # --- sending --------------------------------------------------------------------------------------------------------

    def _send_pending(self) -> int:
        settled = 0
        while part := self._state.pending(PART):
            self._send(part)
            settled += len(part)
        return settled

    def _send(self, part: Sequence[Pending]) -> None:
        with self._state.together():
            final = [one if one.final else self._finished(one) for one in part]
        subject = self._converter.mapping.subject
        sent = self._channel.send_all([self._channel.prepare(subject, dict(one.event)) for one in final])
        decisions = settle(self._channel, self._firsts, sent)
        with self._state.together():
            for one, decision in zip(final, decisions, strict=True):
                self._settled(one, decision)

    def _finished(self, one: Pending) -> Pending:
        """The event as it will be sent, as the next version of its entity."""
        event = {name: value for name, value in one.event.items() if name != "event_id"}
        event["version"] = self._state.version(event["entity_id"]) + 1
        # The number makes it another event than an equal one before: a row may return to what it was.
        event["event_id"] = derived_event_id(
            self._channel.principal, self._converter.mapping.subject, event | {"pending": one.number}
        )
        final = Pending(one.number, one.key, event, final=True)
        self._state.finish(final)
        return final

    def _settled(self, one: Pending, decision: Decision) -> None:
        self._report.outcomes[decision.outcome] += 1
        self._state.decided(one)
        if decision.accepted:
            self._state.used([(decision.entity_id, decision.version)])
            self._state.mended(one.key)
            return
        self._state.used([(decision.entity_id, used_version(decision))])
        self._state.fault(Fault(one.key, "refused", told(decision)))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, PART)):
        yield chunk
