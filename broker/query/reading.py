"""Reading ``latest`` on behalf of one call: a read-only transaction with a time limit, from a pool of connections."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from broker.api.problems import invalid
from broker.errors import ConfigError
from broker.query.asked import Caller, Person
from broker.query.records import PartyTable, Record, SubjectTables, latest_specs
from broker.reckoning.family import Aliases
from broker.store.connect import translated
from broker.store.pool import Connection, Pool, pooled
from schemas.dates import day_in_china
from schemas.jsonform import Problem
from schemas.reckoning import Reckoning, load_reckoning
from schemas.said import said

MOST_RECORDS = 500
"""More than this is no answer to a question about one matter: the call is refused."""

_POOL = 8

# Read-only and of one moment. A table that has just grown has no statistics yet, and the planner would read it whole.
OPTIONS = (
    "-c TimeZone=UTC -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
    " -c statement_timeout=2s -c idle_in_transaction_session_timeout=10s"
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
)

_ALIASES = b"""
WITH RECURSIVE same(one, ref) AS (
    SELECT given COLLATE "C", given COLLATE "C" FROM unnest(%(refs)s::text[]) AS given
    UNION
    SELECT same.one, two.party_ref FROM same
    JOIN latest.alias_parties one ON one.party_ref = same.ref
    JOIN latest.alias a ON a.entity_id = one.entity_id AND a.status = 'LINKED'
    JOIN latest.alias_parties two ON two.entity_id = one.entity_id
    WHERE two.party_ref IS NOT NULL
)
SELECT one, ref FROM same LIMIT 2000
"""


@dataclass(frozen=True, slots=True)
class Page:
    """At most ``most`` records whose keys come after one, in the order of their keys."""

    after: str
    most: int


class Library:
    """The pool, and what is known of the tables. Open it in the loop that asks."""

    def __init__(
        self,
        dsn: str,
        party_key: bytes,
        *,
        reckoning: Reckoning | None = None,
        application: str = "qianbei api query",
    ) -> None:
        self.party_key = party_key
        self._reckoning = reckoning or load_reckoning()
        self._dsn = dsn
        self._application = application
        self._subjects = {subject: SubjectTables(spec) for subject, spec in latest_specs().items()}
        self._pool: Pool | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connections are made as they are needed; a server that is away is noticed by who asks."""
        async with pooled(self._dsn, self._application, options=OPTIONS, most=_POOL) as pool:
            self._pool = pool
            try:
                yield
            finally:
                self._pool = None

    @asynccontextmanager
    async def reading(self, caller: Caller) -> AsyncIterator["Reading"]:
        """One transaction. Raises Unavailable if no connection is free in time, or if the server does not answer."""
        if self._pool is None:
            raise ConfigError(said("the library is not open"))
        with translated(self._dsn):
            as_of = datetime.now(UTC)
            async with self._pool.connection() as db:
                yield Reading(db, self._subjects, self.party_key, self._reckoning, caller, as_of)


class Reading:
    """What a query may read. Every method is one or two statements on an index."""

    def __init__(
        self,
        db: Connection,
        subjects: dict[str, SubjectTables],
        party_key: bytes,
        reckoning: Reckoning,
        caller: Caller,
        as_of: datetime,
    ) -> None:
        self.caller = caller
        self.as_of = as_of
        self.today = day_in_china(as_of)
        self.reckoning = reckoning
        self._db = db
        self._subjects = subjects
        self._party_key = party_key

    async def refs(self, person: Person) -> list[str]:
        """The ``party_ref`` of a person under every document that standing aliases give him, his own first."""
        own = self.ref(person)
        return [own, *sorted((await self.aliases([own])).of(own) - {own})]

    def ref(self, person: Person) -> str:
        """The ``party_ref`` of a person under the document that was given."""
        return person.ref(self._party_key)

    async def aliases(self, refs: Iterable[str]) -> Aliases:
        """Which references are one person with one of these, by standing aliases."""
        rows = await self.rows(_ALIASES, {"refs": sorted(set(refs))})
        return Aliases((str(one), str(ref)) for one, ref in rows)

    async def of_parties(
        self,
        subject: str,
        refs: Iterable[str],
        *,
        field: str | None = None,
        roles: Iterable[str] = (),
        page: Page | None = None,
    ) -> list[Record]:
        """Records that have one of these parties, in one of these roles if any are given, in the order of their keys.

        ``field`` names the party list; it may be left out where the subject has but one that is first (``parties``).
        Without a ``page``, more than ``MOST_RECORDS`` refuse the call.
        """
        tables = self._subjects[subject]
        found = [one for one in tables.lists if field in (None, one.field)]
        if not found:
            raise KeyError(f"{subject} has no party list {field}")
        wanted = list(roles)
        statement = found[0].by_role if wanted else found[0].by_party
        if statement is None:
            raise KeyError(f"the items of {subject}.{found[0].field} have no role")
        return await self._records(tables, statement, {"refs": list(refs), "roles": wanted}, page)

    async def by(self, subject: str, column: str, *values: str, page: Page | None = None) -> list[Record]:
        """Records whose indexed column has one of these values, in the order of their keys. ``page`` as above."""
        tables = self._subjects[subject]
        if column not in tables.by:
            raise KeyError(f"{subject}.{column} has no index: declare it in broker/compaction/indexes.py")
        return await self._records(tables, tables.by[column], {"values": list(values)}, page)

    async def by_key(self, subject: str, *entity_ids: str) -> list[Record]:
        """Records by the id of their entity."""
        return await self.by(subject, "entity_id", *entity_ids)

    async def _records(
        self, tables: SubjectTables, statement: bytes, given: dict[str, Any], page: Page | None
    ) -> list[Record]:
        after, most = (page.after, page.most) if page else ("", MOST_RECORDS + 1)
        rows = await self.rows(statement, given | {"after": after, "most": most})
        if page is None and len(rows) > MOST_RECORDS:
            raise invalid(
                [
                    Problem(
                        "asked",
                        said("more than {most_records} records match", most_records=MOST_RECORDS),
                        said("ask more narrowly"),
                    )
                ]
            )
        records = [tables.record(row) for row in rows]
        by_key = {record["entity_id"]: record for record in records}
        for table in tables.lists if records else ():
            await self._fill(table, by_key)
        return records

    async def _fill(self, table: PartyTable, records: dict[str, Record]) -> None:
        for row in await self.rows(table.items, {"ids": list(records)}):
            key, item = table.to_item(row)
            records[key][table.field].append(item)

    async def rows(self, statement: bytes, given: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        """The rows of a statement that is written out in a module of this package, and asks by an index."""
        cursor = await self._db.execute(statement, given, binary=True)
        return await cursor.fetchall()
