"""A source behind a zone that only files may cross: its batches are made there, and taken and published here.

``pack`` is the source's side and needs no server. ``Receiver`` is the exchange's side: every line of a batch is
published as ``qianbei publish`` does it, and answered in the batch's receipt. A line without ``event_id`` is given one
that follows from its content, so a batch that comes again, or was broken off by a crash, makes duplicates and nothing
new; and a duplicate is answered with the decision that stands, so its receipt is the same as if it had come once.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import chain, islice
from typing import Any

from broker.admission.intake import require_envelope
from broker.batches import (
    Answer,
    Channel,
    Direction,
    FileEntry,
    Inbox,
    Manifest,
    OpenBatch,
    Outbox,
    Receipt,
    Received,
)
from broker.batches.receipts import AnswersWriter
from broker.codec import MAX_RECORD_BYTES
from broker.errors import DecodeError
from broker.kafka import Outgoing
from producers.events import InvalidEvent, checked_record
from producers.first_decisions import FirstDecisions
from producers.jsonlines import MAX_LINE_BYTES, WINDOW, LineProblem, Summary, read_lines
from producers.publisher import Decision, Prepared, Publisher
from schemas.catalogue import Catalogue, load_catalogue
from schemas.jsonform import Problem
from schemas.said import said

DECISIONS_S = 60.0
NOT_SENT = "NOT_SENT"


def channel_of(source: str) -> Channel:
    """The way of a source's batches."""
    return Channel(source, Direction.IN)


# --- the source's side ----------------------------------------------------------------------------------------------


def pack(
    outbox: Outbox,
    opened: Callable[[], Iterable[bytes]],
    *,
    name: str = "filings.jsonl",
    records: int = 100_000,
    catalogue: Catalogue | None = None,
) -> tuple[list[Manifest], list[LineProblem]]:
    """Make batches of at most so many lines; ``opened`` gives the lines from the first, and is called twice.

    If a line is wrong nothing is packed, and all problems are given.
    """
    problems = line_problems(outbox.channel.name, opened(), catalogue)
    made: list[Manifest] = []
    if problems:
        return made, problems
    lines = (line.rstrip(b"\r\n") + b"\n" for line in opened() if line.strip())
    for first in lines:
        writer = outbox.begin()
        for line in chain([first], islice(lines, records - 1)):
            writer.add(name, line)
        made.append(outbox.publish(writer))
    return made, problems


def line_problems(
    source: str, lines: Iterable[bytes], catalogue: Catalogue | None = None
) -> list[LineProblem]:
    """What is wrong in each line."""
    catalogue = catalogue or load_catalogue()
    summary = Summary()

    def check(subject: str, event: dict[str, Any]) -> Prepared:
        record = fit(checked_record(catalogue, source, subject, event))
        return Prepared(subject, record["event_id"], record["entity_id"], Outgoing("", 0, None, None))

    for _ in read_lines(lines, check, source, summary, catalogue):
        pass
    return summary.problems


def fit(record: dict[str, Any]) -> dict[str, Any]:
    """Raises InvalidEvent for what the exchange could only put into quarantine, where it gets no decision."""
    try:
        require_envelope(record)
    except DecodeError as error:
        raise InvalidEvent(
            [Problem("", error.detail, said("write ids of 1 to 120 visible characters"))]
        ) from None
    return record


# --- the exchange's side --------------------------------------------------------------------------------------------


class Receiver:
    """Publishes what comes into an inbox. The publisher's principal is the inbox's channel."""

    def __init__(
        self, inbox: Inbox, publisher: Publisher, first: FirstDecisions, *, timeout_s: float = DECISIONS_S
    ) -> None:
        self._inbox = inbox
        self._publisher = publisher
        self._first = first
        self._timeout_s = timeout_s

    def receive(self) -> Received:
        """Take at most one batch. Raises NotDecided or what ``send_all`` raises; then call again, nothing is lost."""
        look = self._inbox.look()
        return Received(look, self._publish(look.batch) if look.batch is not None else None)

    def _publish(self, batch: OpenBatch) -> Receipt:
        outcomes: Counter[str] = Counter()
        with self._inbox.answering(batch) as answers:
            for entry in batch.manifest.files:
                if entry.kind == "records":
                    self._publish_file(batch, entry, answers, outcomes)
            answered = answers.finish(self._inbox.folder)
        return self._inbox.done(batch, Answer(outcomes, answered))

    def _publish_file(
        self, batch: OpenBatch, entry: FileEntry, answers: AnswersWriter, outcomes: Counter[str]
    ) -> None:
        numbered = enumerate(batch.lines(entry, MAX_LINE_BYTES), start=1)
        while window := list(islice(numbered, WINDOW)):
            for answer in self._publish_window(window):
                outcomes[answer["outcome"]] += 1
                answers.add({"file": entry.name, **answer})

    def _publish_window(self, window: list[tuple[int, bytes]]) -> list[dict[str, Any]]:
        summary = Summary()
        base = window[0][0] - 1
        lines = (line for _, line in window)
        prepared = list(
            read_lines(lines, self._prepare, self._publisher.principal, summary, self._publisher.catalogue)
        )
        sent = self._publisher.send_all(event for _, event in prepared)
        decisions = self._publisher.decisions(sent, timeout_s=self._timeout_s)
        standing = self._first.of(decisions)
        answers = {
            base + line: _answer(base + line, decision, standing[decision.decision_id])
            for (line, _), decision in zip(prepared, decisions, strict=True)
        }
        for problem in summary.problems:
            number = base + problem.line
            problems = answers.setdefault(number, {"line": number, "outcome": NOT_SENT, "problems": []})[
                "problems"
            ]
            problems.append(asdict(problem.problem))
        return [answers[number] for number in sorted(answers)]

    def _prepare(self, subject: str, event: dict[str, Any]) -> Prepared:
        prepared = self._publisher.prepare(subject, event)
        fit({"house_code": None, **event, "event_id": prepared.event_id, "entity_id": prepared.entity_id})
        if len(prepared.message.value or b"") > MAX_RECORD_BYTES:
            how = said("name attachments by their address")
            raise InvalidEvent(
                [
                    Problem(
                        "",
                        said(
                            "a record of more than {max_record_bytes} bytes",
                            max_record_bytes=MAX_RECORD_BYTES,
                        ),
                        how,
                    )
                ]
            )
        return prepared


def _answer(line: int, decision: Decision, standing: Decision) -> dict[str, Any]:
    return {
        "line": line,
        "outcome": standing.outcome,
        "decision_id": standing.decision_id,
        "event_id": standing.event_id,
        "entity_id": standing.entity_id,
        "revision": standing.revision,
        "duplicate": decision.outcome == "DUPLICATE",
        "reasons": [reason._asdict() for reason in standing.reasons],
    }
