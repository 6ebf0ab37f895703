"""Exactly once into the agency's own Postgres: a handler's rows and the next offset are one transaction.

    with_rows = postgres("postgresql://…", group="tax-prefill", handler=write_rows)
    subscription.run_into(with_rows, stop)

The handler gets a connection within that transaction and must neither commit nor roll back. A record that fails leaves
nothing behind (each has a savepoint), the others of its batch stay. Positions are kept in the schema
``qianbei_positions`` of the same database, fenced by epoch: a process that lost its partitions cannot commit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.pq import TransactionStatus
from sqlalchemy.schema import CreateSchema

from broker.compaction.positions import Database, Position, Positions, position_table
from broker.errors import OwnershipLost
from broker.kafka import TopicPartition
from broker.store.connect import connected, transaction, translated
from consumers.delivery import BatchLost
from consumers.feed import Positions as Offsets
from consumers.letters import Letter
from consumers.records import DepartmentRecord
from consumers.target import OpenTarget, Target
from schemas.said import said

SCHEMA = "qianbei_positions"
RowHandler = Callable[[Database, DepartmentRecord], None]
_LETTERS = "letter"
_CREATING = 0x51_42_D1


def postgres(dsn: str, group: str, handler: RowHandler) -> OpenTarget:
    """A target for ``Subscription.run_into``. Its tables are made when it is first opened."""

    @contextmanager
    def opened() -> Iterator[Target]:
        _make(dsn)
        with connected(dsn, f"qianbei {group}") as db:
            yield PostgresTarget(db, dsn, group, handler)

    return opened


class PostgresTarget:
    """One connection, with at most one transaction open: that of the batch."""

    def __init__(self, db: Database, dsn: str, group: str, handler: RowHandler) -> None:
        self._db = db
        self._dsn = dsn
        self._group = group
        self._handler = handler
        self._positions = Positions(group, SCHEMA)
        self._owned: dict[TopicPartition, Position] = {}

    def claim(self, partitions: Iterable[TopicPartition]) -> Offsets:
        """Take partitions over; whoever had them can commit no more."""
        with translated(self._dsn):
            self._db.rollback()
            self._owned = self._positions.claim(self._db, partitions)
        return {p: position.next_offset for p, position in self._owned.items()}

    def take(self, record: DepartmentRecord, letter: Letter | None) -> None:
        """Call the handler within a savepoint. Raises what the handler raises, BatchLost if the transaction is gone."""
        try:
            self._begin()
            with self._db.transaction():
                if letter is None or self._is_new(letter):
                    self._handler(self._db, record)
        except psycopg.Error as error:
            if self._db.broken or self._db.closed:
                raise BatchLost(
                    said("{place}: the connection to Postgres was lost", place=record.place)
                ) from error
            raise

    def keep(self, offsets: Offsets) -> None:
        """Commit what was taken, with these positions. Raises OwnershipLost, and nothing is kept."""
        with translated(self._dsn):
            if offsets:
                self._begin()
            if self._db.info.transaction_status is TransactionStatus.IDLE:
                return
            try:
                self._owned |= self._positions.advance(self._db, self._owned, offsets)
            except OwnershipLost:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _begin(self) -> None:
        if self._db.info.transaction_status is TransactionStatus.IDLE:
            self._db.execute("BEGIN")

    def _is_new(self, letter: Letter) -> bool:
        """Whether a held record was not taken before; a crash between its rows and its answer hands it over twice."""
        insert = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING").format(
            sql.Identifier(SCHEMA, _LETTERS)
        )
        return self._db.execute(insert, (self._group, *letter.lies, letter.offset)).rowcount == 1


def _make(dsn: str) -> None:
    metadata = sa.MetaData()
    position_table(metadata, SCHEMA)
    sa.Table(
        _LETTERS,
        metadata,
        sa.Column("group_name", sa.Text(), primary_key=True),
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("letter_offset", sa.BigInteger(), primary_key=True, autoincrement=False),
        schema=SCHEMA,
        comment="Dead letters whose records were handed over again",
    )
    with transaction(dsn) as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
        if not sa.inspect(connection).has_schema(SCHEMA):
            connection.execute(CreateSchema(SCHEMA))
        metadata.create_all(connection)
