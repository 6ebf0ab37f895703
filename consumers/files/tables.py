"""Batches into the department's own Postgres: the engine, the tables and the positions of ``qianbei sync``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import psycopg

from broker.compaction.engine import Engine, Source, Unfit
from broker.compaction.gather import Batch
from broker.compaction.positions import Database, Position
from broker.compaction.rejects import Place, Rejected
from broker.errors import OwnershipLost
from broker.kafka import Record, TopicPartition
from broker.store.connect import connected, translated
from consumers.feed import Positions
from consumers.files.carried import Carried, Schema
from consumers.sync.opening import make_tables
from schemas.said import said


class Tables:
    """A ``BatchTarget``: one schema of a database, by one connection."""

    def __init__(self, dsn: str, department: str, schema: str, stack: ExitStack) -> None:
        self._dsn = dsn
        self._department = department
        self._schema = schema
        self._stack = stack
        self._known: dict[str, dict[int, Schema]] = {}
        self._kept: frozenset[str] = frozenset()
        self._engine: Engine | None = None
        self._db: Database | None = None
        self._owned: Mapping[TopicPartition, Position] = {}

    def prepare(self, schemas: Carried) -> None:
        """Make the tables, or bring them up to the schemas. Raises ConfigError, AccessDenied or Unavailable."""
        if all(
            known.keys() <= self._known.get(topic, {}).keys() for topic, known in schemas.by_topic.items()
        ):
            return
        for topic, known in schemas.by_topic.items():
            self._known[topic] = self._known.get(topic, {}) | known
        made = make_tables(self._dsn, self._department, self._schema, schemas.newest)
        sources = {topic: Source(spec, self._known[topic].get) for topic, spec in made.specs.items()}
        self._kept = frozenset(sources)
        self._stack.close()
        self._db = self._stack.enter_context(connected(self._dsn, f"qianbei {made.target.group}"))
        self._engine = Engine(made.target.group, sources)
        with translated(self._dsn):
            self._engine.prepare(self._db)

    def claim(self, partitions: Iterable[TopicPartition]) -> Positions:
        """Take partitions over; a ``qianbei sync`` of the same tables can write no more."""
        assert self._engine is not None
        assert self._db is not None
        try:
            with translated(self._dsn):
                self._owned = self._engine.positions.claim(self._db, partitions)
        except psycopg.errors.CheckViolation:
            raise OwnershipLost(
                said("the tables of {schema} have been swapped for new ones", schema=self._schema)
            ) from None
        return {p: position.next_offset for p, position in self._owned.items()}

    def apply(self, records: Sequence[Record], offsets: Positions) -> int:
        """Fold, with the positions, in one transaction; what Postgres does not take is set aside."""
        assert self._engine is not None
        assert self._db is not None
        bad: dict[Place, Rejected] = {}
        # Of two versions of a topic the tables are kept from one, as over the line.
        kept = [record for record in records if record.topic in self._kept]
        while True:
            batch = Batch(bad)
            batch.add(kept)
            batch.offsets |= offsets
            try:
                with translated(self._dsn):
                    applied = self._engine.apply(self._db, batch, self._owned)
            except Unfit as unfit:
                bad |= {one.place: one for one in unfit.rejections}
                continue
            self._owned = {**self._owned, **applied.positions}
            return applied.rejected


@contextmanager
def tables(dsn: str, department: str, schema: str) -> Iterator[Tables]:
    """The tables of ``qianbei sync`` in one schema of the department's database."""
    with ExitStack() as stack:
        yield Tables(dsn, department, schema, stack)
