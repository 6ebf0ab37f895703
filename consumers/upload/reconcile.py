"""The daily comparison of both ends, and the resend of exactly what differs.

1. *totals*: equal, and nothing else is asked;
2. *buckets*: which of 256 differ;
3. *marks* of those buckets alone: which filings are lost, doubled, changed or strays;
4. a repair batch with those, and with nothing else;
5. *totals* again.
"""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from broker.batches import Channel
from broker.errors import ConfigError, QianbeiError
from consumers.upload.config import Route
from consumers.upload.dispatch import Dispatched, Dispatcher
from consumers.upload.figures import Difference, Figures, differences, differing, figures_of
from consumers.upload.ledger import Ledger
from consumers.upload.link import Link, NotTaken
from consumers.upload.parcel import Answer, BadParcel, Parcel, Question, marks_from_json, read_object
from schemas.codelists import code_list
from schemas.said import said


class UnderWay(QianbeiError):
    """Batches of the channel have no receipt yet, so a comparison would find them lost."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison of a day of a channel found. ``equal``: at its end."""

    route: Route
    day: str
    filings: int
    found: tuple[Difference, ...]
    repair: int | None
    equal: bool
    mine: dict[str, Any]
    theirs: dict[str, Any]


class Reconciler:
    """Compares, and with ``repair`` mends. It does what ``Dispatcher`` does to send the repair."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher

    def day(self, route: Route, day: date, link: Link, *, repair: bool) -> Compared:
        """Compare a day of a channel. Raises UnderWay, and what the link raises."""
        channel, name = route.channel, day.isoformat()
        self._require_quiet(channel)
        mine = figures_of(self._ledger.sent_on(route, name))
        found = compare(mine, channel, name, link)
        if found.found and repair:
            number = self._ledger.plan_repair(channel.name, found.found)
            self._dispatcher.channel(channel.name, Dispatched())
            found = replace(found, repair=number)
            if self._ledger.batches(channel.name, number - 1)[0].taken_at is not None:
                theirs = link.ask(channel, name, Question(level="totals"))
                found = replace(found, theirs=theirs, equal=theirs == found.mine)
        self._ledger.reconciled(
            channel.name, name, filings=mine.count, differences=len(found.found), equal=found.equal
        )
        return replace(found, route=route)

    def _require_quiet(self, channel: Channel) -> None:
        waiting = [one.number for one in self._ledger.batches(channel.name) if one.taken_at is None]
        if waiting:
            raise UnderWay(
                said(
                    "{channel}: batch {number} has no receipt yet: run `qianbei upload run --once`, or bring the receipts",
                    channel=channel.name,
                    number=waiting[0],
                )
            )


def compare(mine: Figures, channel: Channel, day: str, link: Link) -> Compared:
    """Steps 1 to 3. Raises ConfigError if the receiver's answers cannot be understood."""
    totals = mine.totals()
    theirs = link.ask(channel, day, Question(level="totals"))
    same = Compared(route_of(channel.name), day, mine.count, (), None, True, totals, theirs)
    if theirs == totals:
        return same
    try:
        found = tuple(_found(mine, channel, day, link))
    except BadParcel as error:
        raise ConfigError(
            said("{channel} does not answer as a receiver: {error}", channel=channel.name, error=error)
        ) from None
    return replace(same, found=found, equal=False)


def _found(mine: Figures, channel: Channel, day: str, link: Link) -> list[Difference]:
    answered = link.ask(channel, day, Question(level="buckets")).get("buckets")
    if not isinstance(answered, dict):
        raise BadParcel(said("no buckets"))
    names = differing(mine.buckets(), answered)
    asked = link.ask(channel, day, Question(level="marks", buckets=tuple(names)))
    return differences(mine.of_buckets(names), marks_from_json(asked.get("marks")))


def route_of(name: str) -> Route:
    """``province.4114a1`` → province, 4114A1."""
    via, _, county = name.partition(".")
    return Route(via, county.upper())


def channels_of(ledger: Ledger, county: str | None) -> list[Route]:
    """The channels that were ever used, or those of one county. Raises ConfigError for an unknown county."""
    if county is not None and county not in code_list("county"):
        raise ConfigError(
            said(
                "{county} is no county; there are {known}",
                county=county,
                known=", ".join(sorted(code_list("county").codes)),
            )
        )
    routes = [route_of(name) for name in ledger.channels()]
    return [route for route in routes if county in (None, route.county)]


class FiguresInAFile:
    """The receiver's figures as a file that a carrier brought (``qianbei upload figures``). Nothing can be delivered."""

    def __init__(self, path: Path) -> None:
        try:
            self._found = read_object(path.read_bytes())
        except (OSError, BadParcel) as error:
            raise ConfigError(said("{path} holds no figures: {error}", path=path, error=error)) from None

    def deliver(self, channel: Channel, number: int, parcel: Parcel) -> Answer:
        """Never called: a way of files has no link."""
        del parcel
        raise NotTaken(said("{batch} goes by files", batch=channel.batch(number)))

    def ask(self, channel: Channel, day: str, question: Question) -> dict[str, Any]:
        """As the receiver answered when the file was made. Raises ConfigError if it holds another day or channel."""
        found = self._found.get(channel.name, {}).get(day, {}).get(question.level)
        if not isinstance(found, dict):
            raise ConfigError(
                said("the file of figures holds none of {channel} on {day}", channel=channel.name, day=day)
            )
        if question.level != "marks":
            return found
        wanted = set(question.buckets)
        return {"marks": [mark for name, marks in found.items() if name in wanted for mark in marks]}
