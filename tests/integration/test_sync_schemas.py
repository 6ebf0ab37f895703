"""Topics whose schema grows, and topics that are replaced by a new version, on a department of the tests' own."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from broker.errors import ConfigError
from broker.kafka import Admin, Connection, IdempotentProducer, Outgoing
from broker.registry import Registry
from broker.settings import Settings
from consumers.sync.keeping import Sync
from consumers.sync.standing import standing
from tests.support.exchange import Exchange, until
from tests.support.folding import wire
from tests.support.sync import own_database
from tests.support.topics import remove_topics

NEVER = threading.Event()


def schema(*names: str) -> dict[str, Any]:
    """A department's schema with these fields of text, after the keys."""
    keys = [
        {"name": "entity_id", "type": "string"},
        {"name": "revision", "type": "long"},
        {"name": "event_type", "type": "string"},
    ]
    more = [{"name": n, "type": ["null", "string"], "default": None, "doc": f"{n} 字段"} for n in names]
    return {"type": "record", "name": "Sale", "namespace": "cn.qianbei.dept.Toys", "fields": keys + more}


@dataclass
class Toys:
    """A department that only this test knows, read as the administrator."""

    settings: Settings
    department: str = field(default_factory=lambda: f"toys{secrets.token_hex(3)}")

    def topic(self, version: int) -> str:
        return f"dept.{self.department}.sale.v{version}"

    def make(self, version: int) -> None:
        with Admin(Connection.of(self.settings)) as admin:
            admin.create_topics({self.topic(version): {}}, 2, 1)

    def write(self, version: int, names: tuple[str, ...], **body: Any) -> None:
        with Registry(self.settings.registry_url) as registry:
            number = registry.register(f"{self.topic(version)}-value", schema(*names))
        value = wire({"event_type": "FILED", **body}, schema(*names), number)
        headers = (("qb_revision", str(body["revision"]).encode()),)
        with IdempotentProducer(Connection.of(self.settings)) as producer:
            producer.send(Outgoing(self.topic(version), 0, body["entity_id"].encode(), value, headers))()

    def sync(self) -> Sync:
        return Sync(self.settings, self.department, "own")

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.settings.dsn()) as db:
            return db.execute(f"SELECT {columns} FROM own.sale ORDER BY entity_id".encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.settings.dsn(), autocommit=True) as db:
            db.execute(statement.encode())


@pytest.fixture
def toys(deployed: Exchange) -> Iterator[Toys]:
    with own_database(deployed) as dsn:
        settings = deployed.site.admin.model_copy(update={"postgres_dsn": SecretStr(dsn)})
        made = Toys(settings)
        made.make(1)
        yield made
        remove_topics(deployed.site.admin, made.department)


def test_a_field_that_a_schema_gains_becomes_a_column_of_the_live_table(toys: Toys) -> None:
    toys.write(1, ("a", "c"), entity_id="1", revision=1, a="old", c="kept")
    assert toys.sync().catch_up(NEVER)
    toys.execute("CREATE VIEW reading AS SELECT entity_id, c FROM own.sale")
    stop = threading.Event()
    keeper = threading.Thread(target=toys.sync().keep, args=(stop,))
    keeper.start()
    try:
        toys.write(1, ("a", "b", "c"), entity_id="2", revision=1, a="x", b="new", c="z")
        until("the new record is there", lambda: len(toys.rows("entity_id")) == 2)
    finally:
        stop.set()
        keeper.join()
    assert toys.rows("entity_id, a, b, c") == [("1", "old", None, "kept"), ("2", "x", "new", "z")]


def test_a_new_version_of_a_topic_waits_for_a_rebuild(toys: Toys) -> None:
    toys.write(1, ("a", "gone"), entity_id="1", revision=1, a="x", gone="y")
    assert toys.sync().catch_up(NEVER)
    toys.make(2)
    toys.write(2, ("a", "b"), entity_id="1", revision=1, a="x", b="new")
    assert toys.sync().catch_up(NEVER)
    assert toys.rows("gone") == [("y",)]
    before = standing(toys.settings, toys.department, "own")
    assert before is not None
    assert [one.newer for one in before.subjects] == [toys.topic(2)]

    toys.execute("CREATE VIEW reading AS SELECT entity_id, gone FROM own.sale")
    with pytest.raises(ConfigError, match=r"the view public\.reading does not fit the new tables"):
        toys.sync().rebuild(NEVER)
    assert toys.rows("gone") == [("y",)]
    toys.execute("DROP VIEW reading")
    swapped = toys.sync().rebuild(NEVER)
    assert swapped is not None
    assert swapped.missing == 0
    assert toys.rows("a, b") == [("x", "new")]
    stands = standing(toys.settings, toys.department, "own")
    assert stands is not None
    assert stands.behind == 0
    assert stands.target.topics == {"sale": toys.topic(2)}


def test_a_rebuild_that_knows_less_is_not_swapped_in(toys: Toys) -> None:
    toys.write(1, ("a",), entity_id="1", revision=2, a="new")
    assert toys.sync().catch_up(NEVER)
    toys.make(2)
    toys.write(2, ("a",), entity_id="1", revision=1, a="old")
    stop = threading.Event()
    rebuilding = threading.Thread(target=toys.sync().rebuild, args=(stop,))
    rebuilding.start()
    try:
        until("the new tables are folded", lambda: _folded(toys))
        assert toys.rows("a") == [("new",)]
        toys.write(2, ("a",), entity_id="1", revision=2, a="new")
        rebuilding.join(60)
        assert not rebuilding.is_alive(), "it did not swap although it knows as much"
    finally:
        stop.set()
        rebuilding.join()
    stands = standing(toys.settings, toys.department, "own")
    assert stands is not None
    assert stands.target.topics == {"sale": toys.topic(2)}


def _folded(toys: Toys) -> bool:
    with psycopg.connect(toys.settings.dsn()) as db:
        if db.execute("SELECT to_regclass('own_next.sale')").fetchone() == (None,):
            return False
        return db.execute("SELECT a FROM own_next.sale").fetchall() == [("old",)]
