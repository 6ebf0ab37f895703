"""What a receiver keeps: every line of every batch that it took, in SQLite or Postgres.

A row is known by the batch and line that brought it, so a filing that comes in two batches is stored twice, and shown as
doubled by reconciliation. Taking a batch is one transaction and happens once.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from broker.errors import ConfigError
from broker.store.connect import transaction
from consumers.upload.figures import Figures, figures_of
from consumers.upload.filing import Filing, Key, Line, Op
from schemas.said import said

METADATA = sa.MetaData()
taken = sa.Table(
    "upload_batch",
    METADATA,
    sa.Column("channel", sa.Text(), primary_key=True),
    sa.Column("number", sa.Integer(), primary_key=True),
    sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the manifest"),
    sa.Column("lines", sa.Integer(), nullable=False),
)
row = sa.Table(
    "upload_filing",
    METADATA,
    sa.Column("channel", sa.Text(), primary_key=True),
    sa.Column("number", sa.Integer(), primary_key=True, comment="the batch that brought it"),
    sa.Column("place", sa.Integer(), primary_key=True, comment="its line in the batch"),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("entity_id", sa.Text(), nullable=False),
    sa.Column("revision", sa.BigInteger(), nullable=False),
    sa.Column("event_type", sa.Text(), nullable=False),
    sa.Column("county", sa.Text(), nullable=False),
    sa.Column("day", sa.Text(), nullable=False),
    sa.Column("items", sa.Text(), nullable=False, comment="the standard's items: a JSON object"),
    sa.Index("upload_filing_day", "channel", "day"),
    sa.Index("upload_filing_key", "channel", "subject", "entity_id", "revision"),
)


class Store:
    """A database by its URL: ``sqlite:///path`` or ``postgresql://…``."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def prepare(self) -> None:
        """Make the tables if they are not there. Raises ConfigError, AccessDenied or Unavailable."""
        with self.begin() as db:
            METADATA.create_all(db)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction."""
        if not self._dsn.startswith("sqlite"):
            with transaction(self._dsn) as db:
                yield db
            return
        engine = sa.create_engine(self._dsn, poolclass=sa.NullPool)
        try:
            with engine.begin() as db:
                yield db
        except sa.exc.OperationalError as error:
            raise ConfigError(
                said(
                    "{dsn} cannot be used ({kind}): look at its folder and its disk",
                    dsn=self._dsn,
                    kind=type(error.orig).__name__,
                )
            ) from error
        finally:
            engine.dispose()

    def take(self, channel: str, number: int, digest: str, lines: Iterable[Line]) -> dict[str, int]:
        """Do what a batch says, once; gives how many lines of each operation it has."""
        counts = dict.fromkeys((op.value for op in Op), 0)
        rows = []
        gone: list[Key] = []
        for place, line in enumerate(lines, 1):
            counts[line.op.value] += 1
            if line.op is not Op.ADD:
                gone.append(line.key)
            if line.filing is not None:
                rows.append({"channel": channel, "number": number, "place": place, **_columns(line.filing)})
        with self.begin() as db:
            known = sa.select(taken.c.digest).where(taken.c.channel == channel, taken.c.number == number)
            if db.execute(known).scalar() is None:
                _remove(db, channel, gone)
                if rows:
                    db.execute(sa.insert(row), rows)
                made = {"channel": channel, "number": number, "digest": digest, "lines": sum(counts.values())}
                db.execute(sa.insert(taken), made)
        return counts

    def figures(self, channel: str, day: str) -> Figures:
        """The figures of a day, from what is stored now."""
        wanted = sa.select(row).where(row.c.channel == channel, row.c.day == day)
        with self.begin() as db:
            return figures_of([_filing(one) for one in db.execute(wanted)])


def _remove(db: sa.Connection, channel: str, keys: Iterable[Key]) -> None:
    rows = [{"c": channel, "s": key.subject, "e": key.entity_id, "r": key.revision} for key in keys]
    if rows:
        mine = sa.and_(
            row.c.channel == sa.bindparam("c"),
            row.c.subject == sa.bindparam("s"),
            row.c.entity_id == sa.bindparam("e"),
            row.c.revision == sa.bindparam("r"),
        )
        db.execute(sa.delete(row).where(mine), rows)


def _columns(filing: Filing) -> dict[str, object]:
    return {
        **filing.key._asdict(),
        "event_type": filing.event_type,
        "county": filing.county,
        "day": filing.day,
        "items": json.dumps(filing.items, ensure_ascii=False),
    }


def _filing(one: sa.Row[tuple[object, ...]]) -> Filing:
    key = Key(one.subject, one.entity_id, one.revision)
    try:
        items = json.loads(one.items)
    except ValueError:
        items = {}
    return Filing(key, one.event_type, one.day, one.county, items if isinstance(items, dict) else {})
