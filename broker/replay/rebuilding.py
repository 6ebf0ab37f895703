"""Folding ``exchange.*`` from its first record into tables of their own, by the engine that keeps ``latest``.

*As of* a moment means: what the exchange had decided by then, judged record by record by its ``recorded_at``, whatever
its place in the log. Positions are kept beside the rows, so a rebuild that is interrupted goes on where it was. Memory
is bounded by what compaction's batches may hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from broker.compaction.engine import Engine, Source
from broker.compaction.opening import sources_into
from broker.kafka import Connection, Record, TopicPartition
from broker.metrics import ServiceMetrics
from broker.replay.ahead import ReadingAhead
from broker.replay.alone import Alone, Keep
from broker.replay.heads import Heads, micros
from broker.replay.targets import Database, establish, note_end
from broker.runner import Stop
from broker.settings import Settings
from broker.store.connect import connected, translated

GROUP = "rebuild"
"""Under which positions are kept in the schema. No consumer group has this name: none is joined."""
Ends = Mapping[TopicPartition, int]
Told = Callable[[int, int], None]
"""Is told how many offsets are folded, of how many."""


class Folding:
    """Tables that are being rebuilt."""

    def __init__(self, session: ReadingAhead, reader: Alone) -> None:
        self._session = session
        self._reader = reader

    def ends(self) -> Ends:
        """Where the committed records of the topics end now."""
        return self._reader.end_offsets(self._reader.partitions)

    def reach(self, ends: Ends, stop: Stop, tell: Told = lambda _done, _of: None) -> bool:
        """Fold at least up to these ends; whether it came so far before ``stop``. Raises as ``CompactionSession``."""
        while self._reader.moved:
            self._session.step()
        begins = self._reader.beginning_offsets(ends)
        total = sum(end - begins[p] for p, end in ends.items())
        # Markers too: a service that goes on from here and thinks that it has passed them does not come back for them.
        while left := self._left(ends):
            if stop.is_set():
                return False
            tell(max(0, total - left), total)
            self._session.step()
        tell(total, total)
        return True

    def _left(self, ends: Ends) -> int:
        folded = self._session.folded
        return sum(max(0, end - folded[partition]) for partition, end in ends.items())


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of a rebuild: rows by table of a subject, records set aside, and whether all was folded."""

    complete: bool
    rows: Mapping[str, int]
    rejected: int


def rebuild(
    admin_dsn: str, settings: Settings, schema: str, as_of: datetime | None, stop: Stop, tell: Told
) -> Rebuilt:
    """Fold what ``latest`` keeps into a schema of its own, or go on with it; ``stop`` ends it early.

    ``settings`` hold a Kafka login that may read ``exchange.*`` and compaction's role. Raises ConfigError for a schema
    that is not to be touched, and what ``Folding`` raises.
    """
    establish(admin_dsn, schema, as_of)
    sources = sources_into(settings, schema)
    with folding(settings, schema, sources, as_of) as tables:
        complete = tables.reach(tables.ends(), stop, tell)
    if complete:
        note_end(admin_dsn, schema)
    return _counted(settings.dsn(), schema, [source.spec.subject for source in sources.values()], complete)


def _counted(dsn: str, schema: str, subjects: Sequence[str], complete: bool) -> Rebuilt:
    def count(db: Database, table: str) -> int:
        row = db.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
        assert row is not None
        return int(str(row[0]))

    with connected(dsn, f"qianbei rebuild {schema}") as db, translated(dsn):
        rows = {subject: count(db, subject) for subject in subjects}
        return Rebuilt(complete, rows, count(db, "rejected"))


@contextmanager
def folding(
    settings: Settings, schema: str, sources: Mapping[str, Source], as_of: datetime | None = None
) -> Iterator[Folding]:
    """Fold topics into the tables of ``sources``, which are in ``schema``, by the login of the settings.

    A second one into the same schema takes it over, and the first ends with OwnershipLost.
    """
    engine = Engine(GROUP, sources)
    dsn = settings.dsn()
    keep = None if as_of is None else recorded_by(as_of, sources)
    with (
        connected(dsn, f"qianbei rebuild {schema}") as db,
        Alone(Connection.of(settings), sources, keep) as reader,
    ):
        with translated(dsn):
            engine.prepare(db)
        yield Folding(ReadingAhead(engine, reader, db, dsn, ServiceMetrics("compaction")), reader)


def recorded_by(as_of: datetime, sources: Mapping[str, Source]) -> Keep:
    """Whether a record was decided by a moment. What does not say when is kept: the engine sets it aside or takes it."""
    latest = micros(as_of)
    heads = {topic: Heads(source.schema_of) for topic, source in sources.items()}

    def keep(record: Record) -> bool:
        moment = heads[record.topic].recorded_us(record.value)
        return moment is None or moment <= latest

    return keep
