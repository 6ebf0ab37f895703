"""Publishing a JSON Lines file: one event a line, in JSON form, with its ``subject`` besides.

    {"subject": "unit", "event_type": "REGISTERED", "entity_id": "…", "version": 1, "occurred_at": "2021-01-04T09:00:00+08:00", …}

``source`` may be left out; ``subject`` too, for a source that sends one subject only. A line without ``event_id`` is given
one that follows from the source and the line's content, so the same file sent again makes duplicates and nothing new.

Nothing is lost on the way: every line is sent, or is a problem with its number; every sent line has its decision in the
summary, or counts as undecided. Blank lines are passed over. Lines keep their order.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple, Protocol
from uuid import NAMESPACE_URL, uuid5

from producers.events import InvalidEvent
from producers.publisher import Decision, Place, Prepared, Sent
from schemas.catalogue import Catalogue, load_catalogue
from schemas.jsonform import Problem
from schemas.said import said

WINDOW = 500
MAX_LINE_BYTES = 1024 * 1024
_DECISIONS_S = 60.0


class Channel(Protocol):
    """What is needed of a ``Publisher``."""

    principal: str

    def prepare(self, subject: str, event: dict[str, Any]) -> Prepared: ...

    def send_all(self, events: Iterable[Prepared]) -> list[Sent]: ...

    def decided(self, sent: Iterable[Sent], *, timeout_s: float) -> dict[Place, Decision]: ...


class LineProblem(NamedTuple):
    """What is wrong in a line, and how to mend it."""

    line: int
    problem: Problem

    def __str__(self) -> str:
        return said("line {line}, {problem}", line=self.line, problem=self.problem)


class LineDecision(NamedTuple):
    """A line that was sent, and its decision; None if that did not come in time."""

    line: int
    decision: Decision | None


@dataclass(slots=True)
class Summary:
    """What became of a file. ``lines`` counts those that are not blank."""

    lines: int = 0
    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    problems: list[LineProblem] = field(default_factory=list)
    refused: list[LineDecision] = field(default_factory=list)
    undecided: list[int] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every line was accepted, now or before."""
        return not self.problems and not self.refused and not self.undecided

    def add(self, line: int, decision: Decision | None) -> None:
        """Count the decision on a line."""
        if decision is None:
            self.undecided.append(line)
            return
        self.outcomes[decision.outcome] += 1
        self.reasons.update(reason.code for reason in decision.reasons)
        if decision.outcome == "REFUSED":
            self.refused.append(LineDecision(line, decision))

    def __str__(self) -> str:
        accepted, refused, duplicate = (self.outcomes[name] for name in ("ACCEPTED", "REFUSED", "DUPLICATE"))
        return said(
            "{lines} lines: {sent} sent ({accepted} accepted, {refused} refused, {duplicate} duplicate, "
            "{undecided} not decided yet), {wrong} not sent",
            lines=self.lines,
            sent=self.sent,
            accepted=accepted,
            refused=refused,
            duplicate=duplicate,
            undecided=len(self.undecided),
            wrong=len({p.line for p in self.problems}),
        )


def publish_lines(
    channel: Channel,
    lines: Iterable[bytes],
    *,
    progress: Callable[[Summary], None] | None = None,
    timeout_s: float = _DECISIONS_S,
    catalogue: Catalogue | None = None,
) -> Summary:
    """Publish all lines that are right, wait for their decisions, and account for every line.

    ``catalogue`` is one that knows the channel's principal; None: what is shipped.

    Raises what ``send_all`` raises when Kafka fails; sending the file again is then safe.
    """
    summary = Summary()
    prepared = read_lines(lines, channel.prepare, channel.principal, summary, catalogue)
    while window := list(islice(prepared, WINDOW)):
        sent = channel.send_all(event for _, event in window)
        summary.sent += len(sent)
        found = channel.decided(sent, timeout_s=timeout_s)
        for (line, _), event in zip(window, sent, strict=True):
            summary.add(line, found.get(event.place))
        if progress is not None:
            progress(summary)
    return summary


def read_lines(
    lines: Iterable[bytes],
    prepare: Callable[[str, dict[str, Any]], Prepared],
    principal: str,
    summary: Summary,
    catalogue: Catalogue | None = None,
) -> Iterator[tuple[int, Prepared]]:
    """The lines that are right, with their numbers; the problems of the others go into the summary."""
    only = _only_subject(catalogue or load_catalogue(), principal)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        summary.lines += 1
        try:
            event = parsed_line(line)
            subject = _subject_of(event, only)
            event.setdefault("event_id", derived_event_id(principal, subject, event))
            prepared = prepare(subject, event)
        except InvalidEvent as error:
            summary.problems += [LineProblem(number, problem) for problem in error.problems]
            continue
        yield number, prepared


def derived_event_id(principal: str, subject: str, event: dict[str, Any]) -> str:
    """The event id of a line that has none: the same for the same content, in whatever order its fields stand."""
    content = json.dumps([principal, subject, event], sort_keys=True, ensure_ascii=False, default=str)
    return str(uuid5(NAMESPACE_URL, "qianbei:line:" + hashlib.sha256(content.encode()).hexdigest()))


def parsed_line(line: bytes) -> dict[str, Any]:
    """An event in JSON form as it is written. Raises InvalidEvent, which holds no value."""
    if len(line) > MAX_LINE_BYTES:
        raise _invalid(said("a line of more than 1 MB"), said("name attachments by their address"))
    try:
        # utf-8-sig: some editors put a byte order mark before the first line.
        event = json.loads(line.decode("utf-8-sig"), parse_float=Decimal, object_pairs_hook=_without_repeats)
    except UnicodeDecodeError:
        raise _invalid(said("bytes that are not UTF-8"), said("save the file as UTF-8")) from None
    except json.JSONDecodeError as error:
        raise _invalid(
            said("no JSON ({msg} at column {colno})", msg=error.msg, colno=error.colno),
            said("write one JSON object a line"),
        ) from None
    except (RecursionError, ValueError):
        raise _invalid(
            said("JSON that nests too deep or has a number too long"),
            said("write the event as it is documented"),
        ) from None
    if not isinstance(event, dict):
        raise _invalid(said("JSON that is no object"), said("put the event in { }"))
    return event


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # json would keep the last one and lose the others without a word.
        repeated = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise InvalidEvent(
            [Problem(repeated[:64], said("a field that is there twice"), said("keep one of them"))]
        )
    return found


def _subject_of(event: dict[str, Any], only: str | None) -> str:
    subject = event.pop("subject", only)
    if not isinstance(subject, str):
        raise InvalidEvent(
            [Problem("subject", "missing", said('say what the line is, such as "subject": "sale"'))]
        )
    return subject


def _only_subject(catalogue: Catalogue, principal: str) -> str | None:
    sends = list(catalogue.principal(principal).sends)
    return sends[0] if len(sends) == 1 else None


def _invalid(what: str, how: str) -> InvalidEvent:
    return InvalidEvent([Problem("", what, how)])
