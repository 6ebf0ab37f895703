"""How the upload stands: what is sent, what waits, what is withheld and why, and how timely it was."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from consumers.upload.config import UploadFile
from consumers.upload.ledger_tables import batch, filing, line, reconciliation
from consumers.upload.terms import fingerprint


@dataclass(slots=True)
class ChannelStanding:
    """One channel. ``late``: batches without a receipt for longer than is timely."""

    channel: str
    batches: int
    open: int
    late: int
    filings: int


@dataclass(slots=True)
class Standing:
    """The whole. ``missing`` counts filings by subject and item; ``timely`` and ``taken`` are filings that were taken."""

    filings: int = 0
    unsent: int = 0
    withheld: int = 0
    incomplete: int = 0
    taken: int = 0
    timely: int = 0
    missing: dict[str, dict[str, int]] = field(default_factory=dict)
    channels: list[ChannelStanding] = field(default_factory=list)
    unequal: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nobody needs to look."""
        return not (self.withheld or self.unequal or any(one.late for one in self.channels))

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"well": self.is_well}


def standing(db: sa.Connection, terms: UploadFile, now: float) -> Standing:
    """Read it from a ledger."""
    found = Standing()
    withheld = sa.and_(~filing.c.sent, filing.c.judged == fingerprint(terms))
    found.filings = _count(db, sa.true())
    found.withheld = _count(db, withheld)
    found.unsent = _count(db, ~filing.c.sent) - found.withheld
    found.incomplete = _count(db, filing.c.missing != "[]")
    found.missing = _missing(db)
    found.taken, found.timely = _timely(db, terms.timely_hours * 3600)
    found.channels = _channels(db, now - terms.timely_hours * 3600)
    wanted = sa.select(reconciliation).where(~reconciliation.c.equal)
    found.unequal = [
        {"channel": row.channel, "day": row.day, "differences": row.differences} for row in db.execute(wanted)
    ]
    return found


def _count(db: sa.Connection, where: sa.ColumnElement[bool]) -> int:
    return int(db.execute(sa.select(sa.func.count()).select_from(filing).where(where)).scalar_one())


def _missing(db: sa.Connection) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    wanted = sa.select(filing.c.subject, filing.c.missing, sa.func.count()).where(filing.c.missing != "[]")
    for subject, missing, count in db.execute(wanted.group_by(filing.c.subject, filing.c.missing)):
        for name in json.loads(missing):
            counts.setdefault(subject, Counter())[name] += count
    return {subject: dict(sorted(found.items())) for subject, found in sorted(counts.items())}


def _timely(db: sa.Connection, within_s: float) -> tuple[int, int]:
    same = sa.and_(
        filing.c.subject == line.c.subject,
        filing.c.entity_id == line.c.entity_id,
        filing.c.revision == line.c.revision,
    )
    of = sa.and_(batch.c.channel == line.c.channel, batch.c.number == line.c.number)
    late = sa.case((batch.c.taken_at - filing.c.recorded_at <= within_s, 1), else_=0)
    wanted = (
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(late), 0))
        .select_from(line)
        .join(batch, of)
        .join(filing, same)
        .where(line.c.op == "ADD", batch.c.taken_at.is_not(None))
    )
    taken, timely = db.execute(wanted).one()
    return int(taken), int(timely)


def _channels(db: sa.Connection, late_before: float) -> list[ChannelStanding]:
    is_open = batch.c.taken_at.is_(None)
    late = sa.and_(is_open, batch.c.made_at < late_before)
    sums = sa.select(
        batch.c.channel,
        sa.func.count(),
        sa.func.sum(sa.case((is_open, 1), else_=0)),
        sa.func.sum(sa.case((late, 1), else_=0)),
    )
    added = sa.select(line.c.channel, sa.func.count()).where(line.c.op == "ADD").group_by(line.c.channel)
    filings = dict(map(tuple, db.execute(added)))
    rows = db.execute(sums.group_by(batch.c.channel).order_by(batch.c.channel))
    return [ChannelStanding(name, n, still, old, filings.get(name, 0)) for name, n, still, old in rows]
