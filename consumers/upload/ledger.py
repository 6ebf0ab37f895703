"""The sender's ledger: which filings there are, and which batch each is in. One SQLite file, one process at a time.

A batch stands as soon as its lines are committed here; the outbox follows (``dispatch``). So a filing can be in no batch
or in one, and a process that was killed between the two makes the very batch that it had planned.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from broker.batches import Folder
from broker.errors import ConfigError
from broker.kafka import TopicPartition
from consumers.delivery import BatchLost
from consumers.upload.config import Route, Upload
from consumers.upload.figures import Difference, Kind
from consumers.upload.filing import Filing, Key, Line, Op, filing_of
from consumers.upload.ledger_tables import METADATA, batch, filing, line, position, reconciliation
from consumers.upload.terms import fingerprint, judge
from schemas.said import said

_ADD: sa.ColumnElement[str] = sa.literal_column("'ADD'")
# Not a parameter: only of a literal does SQLite see that the index of added lines serves.

AT_ONCE = 20_000
"""Filings that are put into batches in one transaction."""


class Planned(NamedTuple):
    """A batch that stands in the ledger."""

    channel: str
    number: int
    made_at: float
    repair: bool
    taken_at: float | None


class Ledger:
    """Use it in a ``with`` block. Raises ConfigError while another process has it, BatchLost if the disk fails."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._stack = ExitStack()
        self._db: sa.Connection

    def __enter__(self) -> Self:
        folder = Folder(self.path.parent)
        folder.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as stack:
            stack.enter_context(folder.locked())
            self._db = stack.enter_context(opened(self.path))
            with _disk(self.path):
                METADATA.create_all(self._db)
                self._db.commit()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, tb)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One transaction, all or nothing."""
        with _disk(self.path):
            self._db.rollback()
            try:
                yield self._db
                self._db.commit()
            finally:
                self._db.rollback()

    # --- reading the topics -------------------------------------------------------------------------------------------

    def positions(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """How far partitions are read; what was taken and not kept is forgotten."""
        self._db.rollback()
        rows = self._db.execute(sa.select(position.c.topic, position.c.partition, position.c.next_offset))
        known = {TopicPartition(topic, number): offset for topic, number, offset in rows}
        self._db.rollback()
        return {p: known.get(p, 0) for p in partitions}

    def take(self, one: Filing, recorded_at: float, missing: Iterable[str]) -> None:
        """Take a filing, in the transaction that ``keep`` ends; one that is known already changes nothing."""
        row = {
            **one.key._asdict(),
            "county": one.county,
            "day": one.day,
            "recorded_at": recorded_at,
            "body": one.canonical,
            "missing": json.dumps(list(missing)),
            "sent": False,
        }
        with _disk(self.path):
            self._db.execute(insert(filing).on_conflict_do_nothing(), row)

    def keep(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit what was taken, with these positions."""
        with _disk(self.path):
            for (topic, number), offset in offsets.items():
                put = insert(position).values(topic=topic, partition=number, next_offset=offset)
                self._db.execute(put.on_conflict_do_update(set_={"next_offset": offset}))
            self._db.commit()

    # --- batches ------------------------------------------------------------------------------------------------------

    def plan(self, upload: Upload) -> int:
        """Put filings that are in no batch into batches, by route; gives how many. Those that are withheld are marked."""
        planned = 0
        while some := self._plan_some(upload, fingerprint(upload.file)):
            planned += some
        return planned

    def _plan_some(self, upload: Upload, terms: str) -> int:
        unsent = sa.select(filing).where(
            ~filing.c.sent, sa.or_(filing.c.judged.is_(None), filing.c.judged != terms)
        )
        routes: dict[str, list[Filing]] = {}
        with self._writing() as db:
            rows = db.execute(unsent.order_by(filing.c.n).limit(AT_ONCE)).all()
            for row in rows:
                judged = judge(filing_of(json.loads(row.body)), json.loads(row.missing), upload.file)
                change: dict[str, Any] = {"judged": terms}
                if (one := judged.filing) is not None:
                    channel = upload.route(one.county, date.fromisoformat(one.day)).channel.name
                    routes.setdefault(channel, []).append(one)
                    change = {"judged": None, "sent": True, "body": one.canonical}
                change["missing"] = json.dumps(list(judged.missing))
                db.execute(sa.update(filing).where(filing.c.n == row.n).values(change))
            for channel, found in routes.items():
                most = upload.file.batch_records
                for first in range(0, len(found), most):
                    lines = [(Op.ADD, one.key) for one in found[first : first + most]]
                    self._add_batch(db, channel, lines, repair=False)
        return len(rows)

    def plan_repair(self, channel: str, found: Iterable[Difference]) -> int:
        """A batch that sends again exactly what differs; gives its number."""
        with self._writing() as db:
            lines = [(_repairing(db, channel, one), one.key) for one in found]
            return self._add_batch(db, channel, lines, repair=True)

    def _add_batch(
        self, db: sa.Connection, channel: str, lines: list[tuple[Op, Key]], *, repair: bool
    ) -> int:
        newest = sa.select(sa.func.max(batch.c.number)).where(batch.c.channel == channel)
        number = (db.execute(newest).scalar() or 0) + 1
        made = {"channel": channel, "number": number, "made_at": self._clock(), "repair": repair}
        db.execute(sa.insert(batch), made)
        rows = [
            {"channel": channel, "number": number, "place": place, "op": op.value, **key._asdict()}
            for place, (op, key) in enumerate(lines, 1)
        ]
        db.execute(sa.insert(line), rows)
        return number

    def channels(self) -> list[str]:
        """The channels that have batches."""
        found = self._db.execute(sa.select(batch.c.channel).distinct().order_by(batch.c.channel))
        return [channel for (channel,) in found]

    def batches(self, channel: str, after: int = 0) -> list[Planned]:
        """The batches of a channel whose numbers are higher, in order."""
        wanted = sa.select(batch).where(batch.c.channel == channel, batch.c.number > after)
        return [Planned(*row) for row in self._db.execute(wanted.order_by(batch.c.number))]

    def lines(self, channel: str, number: int) -> Iterator[Line]:
        """The lines of a batch, in order."""
        same = sa.and_(*(line.c[name] == filing.c[name] for name in Key._fields))
        wanted = (
            sa.select(line.c.op, *(line.c[name] for name in Key._fields), filing.c.body)
            .join_from(line, filing, same, isouter=True)
            .where(line.c.channel == channel, line.c.number == number)
        )
        for op, *key, body in self._db.execute(wanted.order_by(line.c.place)):
            one = None if op == Op.DROP else filing_of(json.loads(body))
            yield Line(Op(op), Key(*key), one)

    def acknowledge(self, channel: str, number: int, at: float) -> None:
        """Note that the receiver took a batch."""
        mine = sa.and_(batch.c.channel == channel, batch.c.number == number)
        with self._writing() as db:
            db.execute(sa.update(batch).where(mine, batch.c.taken_at.is_(None)).values(taken_at=at))

    # --- reconciliation -----------------------------------------------------------------------------------------------

    def sent_on(self, route: Route, day: str) -> Iterator[Filing]:
        """The filings of a day that were sent through a channel."""
        same = sa.and_(*(line.c[name] == filing.c[name] for name in Key._fields))
        wanted = (
            sa.select(filing.c.body)
            .join_from(filing, line, same)
            .where(filing.c.county == route.county, filing.c.day == day)
            .where(line.c.channel == route.channel.name, line.c.op == _ADD)
        )
        return (filing_of(json.loads(body)) for (body,) in self._db.execute(wanted))

    def reconciled(self, channel: str, day: str, *, filings: int, differences: int, equal: bool) -> None:
        """Keep what a comparison found."""
        row = {"at": self._clock(), "filings": filings, "differences": differences, "equal": equal}
        put = insert(reconciliation).values(channel=channel, day=day, **row)
        with self._writing() as db:
            db.execute(put.on_conflict_do_update(set_=row))


def _repairing(db: sa.Connection, channel: str, difference: Difference) -> Op:
    """A stray of this day may have been sent on another: then it is put right, since a DROP would take both away."""
    if difference.kind is not Kind.STRAY:
        return Op.PUT
    same = sa.and_(*(line.c[name] == value for name, value in difference.key._asdict().items()))
    sent = sa.select(line.c.number).where(line.c.channel == channel, line.c.op == _ADD, same)
    return Op.DROP if db.execute(sent).first() is None else Op.PUT


@contextmanager
def opened(path: Path, *, read_only: bool = False) -> Iterator[sa.Connection]:
    """A connection to a ledger. Raises ConfigError if there is none to be read."""
    if read_only and not path.exists():
        raise ConfigError(said("there is no ledger {path} yet: run `qianbei upload run` first", path=path))
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    try:
        with _disk(path), engine.connect() as db:
            db.execute(sa.text("PRAGMA journal_mode=WAL"))
            db.execute(sa.text("PRAGMA synchronous=FULL"))
            db.rollback()
            yield db
    finally:
        engine.dispose()


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """A disk that is full or gone is not a filing's fault: the batch is given up and read again."""
    try:
        yield
    except sa.exc.OperationalError as error:
        raise BatchLost(
            said(
                "{path} cannot be written or read ({kind}): look at its disk",
                path=path,
                kind=type(error.orig).__name__,
            )
        ) from error
