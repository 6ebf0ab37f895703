"""Reading ``latest`` on behalf of one call: a read-only transaction with a time limit, from a pool of connections."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.api.problems import invalid
from broker.errors import ConfigError
from broker.query.asked import Caller, Person
from broker.query.records import Record, SubjectTables, latest_specs
from broker.query.unsealing import Unsealing
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
"""Kept open: a connection plans each statement when it is first asked there, which takes longer than to answer it. One made in
a busy second would keep that second's calls waiting."""

Given = Mapping[str, Any]
Rows = Sequence[tuple[Any, ...]]

# Read-only and of one moment. A table that has just grown has no statistics yet, and the planner would read it whole.
# Every statement has one way to be answered, so it is planned once for a connection: planning costs more than answering.
OPTIONS = (
    "-c TimeZone=UTC -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
    " -c statement_timeout=2s -c idle_in_transaction_session_timeout=10s"
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan"
)

ALIASES = b"""
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
"""By ``refs``: each with every reference that is the same person by standing aliases, itself among them."""


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
        master_key_file: Path | None = None,
        application: str = "qianbei api query",
    ) -> None:
        self.party_key = party_key
        self._reckoning = reckoning or load_reckoning()
        self._dsn = dsn
        self._application = application
        self._subjects = {subject: SubjectTables(spec) for subject, spec in latest_specs().items()}
        self._unsealing = Unsealing(master_key_file)
        self._pool: Pool | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Connections are made as they are needed; a server that is away is noticed by who asks."""
        async with pooled(
            self._dsn, self._application, options=OPTIONS, most=_POOL, least=_POOL, prepare_after=0
        ) as pool:
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
                yield Reading(
                    db, self._subjects, self._unsealing, self.party_key, self._reckoning, caller, as_of
                )


class Reading:
    """What a query may read. Every method is one trip to the server, by indexes."""

    def __init__(
        self,
        db: Connection,
        subjects: dict[str, SubjectTables],
        unsealing: Unsealing,
        party_key: bytes,
        reckoning: Reckoning,
        caller: Caller,
        as_of: datetime,
    ) -> None:
        self.caller = caller
        self.as_of = as_of
        self.today = day_in_china(as_of)
        self.reckoning = reckoning
        self.concerned: set[str] = set()
        """Whom the figures of the answer are about, beside those who were asked about."""
        self._db = db
        self._subjects = subjects
        self._unsealing = unsealing
        self._party_key = party_key

    async def of_person(
        self, person: Person, find: Callable[[Sequence[str]], Sequence["Find"]]
    ) -> tuple[list[str], list[list[Record]]]:
        """The references of a person, as ``refs`` gives them, and what ``find`` finds of these, in one trip for most people."""
        own = self.ref(person)
        aliases, found = await self.of_people([own], find)
        return [own, *sorted(aliases.of(own) - {own})], found

    async def of_people(
        self, refs: Sequence[str], find: Callable[[Sequence[str]], Sequence["Find"]]
    ) -> tuple[Aliases, list[list[Record]]]:
        """The aliases of people, and what ``find`` finds of all their references.

        Few people have an alias, so their records are asked for at the same time, and again if there is one.
        """
        finds = find(refs)
        others, *found = await self.rows_of((ALIASES, {"refs": sorted(set(refs))}), *map(_asked, finds))
        aliases = _aliases(others)
        every = sorted({ref for one in refs for ref in aliases.of(one)})
        if set(every) != set(refs):
            return aliases, await self.found(*find(every))
        return aliases, await self._opened(finds, found)

    async def refs(self, person: Person) -> list[str]:
        """The ``party_ref`` of a person under every document that standing aliases give him, his own first."""
        refs, _ = await self.of_person(person, lambda _refs: ())
        return refs

    def ref(self, person: Person) -> str:
        """The ``party_ref`` of a person under the document that was given."""
        return person.ref(self._party_key)

    async def aliases(self, refs: Iterable[str]) -> Aliases:
        """Which references are one person with one of these, by standing aliases."""
        return _aliases(await self.rows(ALIASES, {"refs": sorted(set(refs))}))

    def finding_parties(
        self,
        subject: str,
        refs: Iterable[str],
        *,
        field: str | None = None,
        roles: Iterable[str] = (),
        page: Page | None = None,
    ) -> "Find":
        """How to find records that have one of these parties, in one of these roles if any are given.

        ``field`` names the party list; it may be left out where the subject has but one that is first (``parties``).
        """
        tables = self._subjects[subject]
        found = [one for one in tables.lists if field in (None, one.field)]
        if not found:
            raise KeyError(f"{subject} has no party list {field}")
        wanted = list(roles)
        statement = found[0].by_role if wanted else found[0].by_party
        if statement is None:
            raise KeyError(f"the items of {subject}.{found[0].field} have no role")
        given = {"refs": list(dict.fromkeys(refs))}
        return Find(tables, statement, given | ({"roles": wanted} if wanted else {}), page)

    def finding(
        self, subject: str, columns: str | tuple[str, ...], *values: str, page: Page | None = None
    ) -> "Find":
        """How to find records that have one of these values in an indexed column, or in one of several."""
        tables = self._subjects[subject]
        names = (columns,) if isinstance(columns, str) else columns
        return Find(tables, tables.by(*names), {"values": list(values)}, page)

    async def found(self, *finds: "Find") -> list[list[Record]]:
        """The records of each, in the order of their keys, all in one trip to the server.

        Where there is no page, more than ``MOST_RECORDS`` refuse the call.
        """
        fetched = await self.rows_of(*map(_asked, finds))
        return await self._opened(finds, fetched)

    async def _opened(self, finds: Sequence["Find"], fetched: Sequence[Rows]) -> list[list[Record]]:
        """The records of each, their protected values in clear or erased."""
        found = [_records(find, rows) for find, rows in zip(finds, fetched, strict=True)]
        values = (
            held
            for find, records in zip(finds, found, strict=True)
            for record in records
            for held in find.tables.envelopes(record)
        )
        await self._unsealing.open(values, self.rows)
        return found

    async def of_parties(
        self,
        subject: str,
        refs: Iterable[str],
        *,
        field: str | None = None,
        roles: Iterable[str] = (),
        page: Page | None = None,
    ) -> list[Record]:
        """What ``finding_parties`` finds."""
        (found,) = await self.found(self.finding_parties(subject, refs, field=field, roles=roles, page=page))
        return found

    async def by(
        self, subject: str, columns: str | tuple[str, ...], *values: str, page: Page | None = None
    ) -> list[Record]:
        """What ``finding`` finds."""
        (found,) = await self.found(self.finding(subject, columns, *values, page=page))
        return found

    async def by_key(self, subject: str, *entity_ids: str) -> list[Record]:
        """Records by the id of their entity."""
        return await self.by(subject, "entity_id", *entity_ids)

    async def rows(self, statement: bytes, given: Given) -> Rows:
        """The rows of a statement that is written out in a module of this package, and asks by an index."""
        (rows,) = await self.rows_of((statement, given))
        return rows

    async def rows_of(self, *asked: tuple[bytes, Given]) -> list[Rows]:
        """The rows of each of such statements, all sent at once."""
        if len(asked) == 1:
            ((statement, given),) = asked
            return [await (await self._db.execute(statement, given, binary=True)).fetchall()]
        async with self._db.pipeline():
            cursors = [await self._db.execute(statement, given, binary=True) for statement, given in asked]
            return [await cursor.fetchall() for cursor in cursors]


@dataclass(frozen=True, slots=True)
class Find:
    """A look-up, made by ``Reading.finding`` and ``finding_parties``."""

    tables: SubjectTables
    statement: bytes
    given: Given
    page: Page | None


def _asked(find: Find) -> tuple[bytes, Given]:
    after, most = (find.page.after, find.page.most) if find.page else ("", MOST_RECORDS + 1)
    return find.statement, {**find.given, "after": after, "most": most}


def _records(find: Find, rows: Rows) -> list[Record]:
    if find.page is None:
        require_few(rows)
    return [find.tables.record(row) for row in rows]


def require_few(rows: Rows) -> None:
    """Raises ProblemError 422 for more than ``MOST_RECORDS``."""
    if len(rows) > MOST_RECORDS:
        raise invalid(
            [
                Problem(
                    "asked",
                    said("more than {most_records} records match", most_records=MOST_RECORDS),
                    said("ask more narrowly"),
                )
            ]
        )


def _aliases(rows: Rows) -> Aliases:
    return Aliases((str(one), str(ref)) for one, ref in rows)
