"""``latest`` without Kafka: records in JSON form folded by the compaction engine, and the query API asked on top of it.

    with latest_on(dsn) as latest:
        latest.put("unit", example_json("unit", "registered"), house_code=…, entity_id=…)
        latest.put("lease", example_json("lease", "filed"), contract_status="FILED")
        answer = latest.ask("education", "home_for_admission", {"parent": …, "address": …})
        assert answer.status_code == 200
        assert answer.json()["answer"] == {"matched": True, …}
        assert latest.accesses()[-1]["granted"]

``dsn`` is the fixture of ``tests/fix_postgres.py`` (a database with the exchange's tables for the tests of one module).
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import sqlalchemy as sa
import structlog
from psycopg.rows import dict_row

from broker.api.access import TokenBook
from broker.api.annex import Annex
from broker.api.app import create_app
from broker.api.edge import Edge
from broker.api.limits import Limits
from broker.api.tokens import Token
from broker.codec import encoder
from broker.compaction.engine import Source
from broker.compaction.opening import create_tables, latest_spec
from broker.gov.counter import Counter
from broker.gov.opening import offered
from broker.gov.store import Store
from broker.kafka import TopicPartition
from broker.metrics import ServiceMetrics
from broker.protected import fill_party_refs, party_lists
from broker.query.access_log import AccessLog
from broker.query.desk import Desk
from broker.query.reading import Library
from broker.query.registry import installed_offers
from broker.topics import exchange_topic
from schemas.catalogue import load_catalogue
from schemas.files import latest_version, load_schema, parsed
from schemas.jsonform import from_json
from tests.support.folding import Folder, folder, record, wire
from tests.support.front_door import FakeDoor, forms, made_token
from tests.support.story import EXAMPLES

KEY = bytes(range(32))
"""The party key of these tests."""

OFFICER = {"id": "410001", "name": "经办甲"}
_SCHEMA_ID = 1


def example_json(subject: str, name: str, version: int = 1) -> dict[str, Any]:
    """A golden example in JSON form."""
    path: Path = EXAMPLES / subject / f"v{version}" / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


Said = TypeVar("Said")
Record = dict[str, Any]


class Latest:
    """A database with records in ``latest``, and a client of the query API on it."""

    def __init__(self, dsn: str, folder: Folder, master_key_file: Path | None = None) -> None:
        self.dsn = dsn
        self._folder = folder
        self._offers, self._platform = installed_offers(), offered()
        self._door, self._store = FakeDoor(*forms()), Store(dsn)
        self._library = Library(dsn, KEY, master_key_file=master_key_file)
        self._offsets = itertools.count()

    def put(self, subject: str, body: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """Fold one record in JSON form: an example with changes. It stands, at once, as the newest of its entity.

        ``party_ref`` is filled with ``KEY``; the revision is 1 unless it is given; a status that the exchange fills must be
        given where a query looks at it (contracts carry theirs in ``contract_status``). Returns the record as folded.
        """
        schema = load_schema(subject, latest_version(subject))
        given = {"revision": 1, **body, **changes}
        known = {field["name"] for field in schema["fields"]}
        folded = from_json(schema, {name: value for name, value in given.items() if name in known})
        fill_party_refs(folded, KEY, party_lists(schema))
        topic = exchange_topic(subject)
        value = wire(folded, schema, _SCHEMA_ID)
        self._folder.fold([record(topic, 0, next(self._offsets), folded, value)])
        return folded

    def put_all(self, subject: str, records: Iterable[Record]) -> None:
        """Fold many records at once, each as ``put`` returns one, under entities of their own."""
        encode = encoder(_SCHEMA_ID, parsed(subject, latest_version(subject)))
        lists, topic = party_lists(load_schema(subject, latest_version(subject))), exchange_topic(subject)
        folding = []
        for one in records:
            fill_party_refs(one, KEY, lists)
            folding.append(record(topic, 0, next(self._offsets), one, encode(one)))
        self._folder.fold(folding)

    def analyse(self) -> None:
        """Let Postgres know the tables as it would soon by itself: plans follow from it."""
        with psycopg.connect(self.dsn, autocommit=True) as db:
            db.execute("ANALYZE")

    def ask(self, department: str, name: str, asked: Any, **changes: Any) -> httpx.Response:
        """One call, as that department (of a group, such as ``bank``, as its first), with the query's own purpose.

        ``changes`` are of the frame: ``officer``, ``purpose``, ``case_no``, ``business_no``; None leaves one out. ``principal``
        asks as another department.
        """
        offer = next(one for one in self._offers if (one.group, one.query.name) == (department, name))
        frame = {
            "officer": OFFICER,
            "purpose": offer.query.purpose.code,
            offer.query.number: "（2020）豫1402执1号" if offer.query.number == "case_no" else "YW-2020-1",
            "asked": asked,
        }
        principal = changes.pop("principal", offer.departments[0])
        body = {key: value for key, value in (frame | changes).items() if value is not None}
        return self.post(f"/v1/query/{department}/{name}", body, principal)

    def post(self, path: str, body: Any, principal: str) -> httpx.Response:
        """Any request, with a token of the principal that may do all that it can."""
        token, presented = made_token(principal)
        headers = {"Authorization": f"Bearer {presented}"}
        return self.talk(lambda client: client.post(path, json=body, headers=headers), token)

    def talk(self, talking: Callable[[httpx.AsyncClient], Awaitable[Said]], *tokens: Token) -> Said:
        """One conversation with an application that knows these tokens, in a loop of its own."""

        async def run() -> Said:
            metrics, log = ServiceMetrics("api"), structlog.get_logger()
            library, store, accesses = self._library, self._store, AccessLog(self.dsn, "test", metrics, log)
            book = TokenBook(load_catalogue().principals)
            book.replace(tokens)
            annexes: list[Annex] = [
                Desk(self._offers, library, accesses, log),
                Counter(self._platform, library, store, accesses, log),
            ]
            app = Edge(create_app(self._door, book, Limits(), "test", annexes), metrics, log)
            writing = asyncio.create_task(accesses.run())
            try:
                await accesses.opened.wait()
                async with (
                    library.opened(),
                    store.opened(),
                    httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client,
                ):
                    return await talking(client)
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

        return asyncio.run(run())

    def accesses(self) -> list[dict[str, Any]]:
        """The rows of the access log, oldest first."""
        with psycopg.connect(self.dsn, row_factory=dict_row) as db:
            return db.execute("SELECT * FROM audit.access ORDER BY at, seq").fetchall()


@contextmanager
def latest_on(dsn: str, master_key_file: Path | None = None) -> Iterator[Latest]:
    """Empty tables of all subjects in this database. ``master_key_file``: by which encrypted values are opened."""
    metadata = sa.MetaData()
    kept = [subject for subject, described in load_catalogue().subjects.items() if described.latest]
    specs = {subject: latest_spec(subject, metadata) for subject in kept}
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("DROP SCHEMA IF EXISTS latest CASCADE")
    create_tables(dsn, list(specs.values()))
    sources = {
        exchange_topic(subject): Source(spec, {_SCHEMA_ID: load_schema(subject, latest_version(subject))}.get)
        for subject, spec in specs.items()
    }
    with folder(dsn, sources, [TopicPartition(topic, 0) for topic in sources]) as folding:
        yield Latest(dsn, folding, master_key_file)
