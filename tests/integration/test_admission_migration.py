"""A database made by an earlier release becomes one of this release, with what is in it."""

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from broker.admission import store
from broker.admission.model import EntityKey
from broker.kafka import TopicPartition
from broker.store.connect import Connection, connected
from broker.store.migrate import MIGRATIONS
from broker.store.tables import metadata
from tests.machine.server import empty_database
from tests.support.batches import Person, load, rows, sale

HOUSE = "4114020092020067000100019"
ROWS = (
    "INSERT INTO admission.slot (slot, epoch, next_seq) VALUES (0, 4, 9)",
    "INSERT INTO admission.intake_position VALUES ('intake.bureau', 0, 40)",
    "INSERT INTO admission.entity VALUES ('sale', 'S-1', 'bureau', 0, '{h}', 2, 2, 'FILED', 'state')",
    "INSERT INTO admission.decision VALUES ('bureau', 'e-1', 'd-1', 'ACCEPTED', 'ff', 0, 8, 2, 'record')",
    "INSERT INTO admission.claim VALUES ('{h}', 'sale', 'S-1', 'FILED', false, 'HT-1', ARRAY['fund'])",
    "INSERT INTO admission.outbox VALUES (0, 8, 0, 'intake.bureau', 39, 'exchange.sale', 'key', 'value', '[]')",
)


def upgrade(dsn: str, to: str) -> None:
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
    engine.dispose()


@pytest.fixture
def earlier(postgres: str) -> Iterator[str]:
    """A database of the first release, in use."""
    with empty_database(postgres) as dsn:
        with connected(dsn, "tests") as db:
            db.execute("DROP SCHEMA admission CASCADE")
            db.execute("DROP SCHEMA IF EXISTS front CASCADE")
            db.execute("DROP SCHEMA IF EXISTS audit CASCADE")
            db.execute("DROP SCHEMA IF EXISTS report CASCADE")
            db.execute("DROP SCHEMA IF EXISTS keys CASCADE")
            db.execute("DROP TABLE schema_version")
        upgrade(dsn, "0001")
        with connected(dsn, "tests") as db:
            for statement in ROWS:
                db.execute(statement.format(h=HOUSE).encode())
        yield dsn


@pytest.fixture
def upgraded(earlier: str) -> Iterator[Connection]:
    upgrade(earlier, "head")
    with connected(earlier, "tests") as db:
        yield db


def test_what_was_known_is_known(upgraded: Connection) -> None:
    with upgraded.transaction():
        workspace = load(upgraded, sale(Person(), entity_id="S-1", event_id="e-1", house_code=HOUSE))
    key = EntityKey("sale", "S-1")
    assert (workspace.entities[key].revision, workspace.owners[key]) == (2, 0)
    claim = workspace.claims(HOUSE)[key]
    assert (claim.contract_no, claim.principals, claim.kind, claim.rank) == ("HT-1", ("fund",), None, None)
    assert workspace.decisions["bureau", "e-1"].decision_id == "d-1"


def test_what_was_not_yet_published_is_published_where_it_belongs(upgraded: Connection) -> None:
    (row,) = store.unpublished(upgraded, {TopicPartition("intake.bureau", 0): 39})
    assert (row.message.topic, row.message.partition, row.message.value) == ("exchange.sale", 0, b"value")


def test_several_decisions_may_have_one_place(upgraded: Connection) -> None:
    upgraded.execute(
        "INSERT INTO admission.decision VALUES ('internal', 'e-2', 'd-2', 'ACCEPTED', '', 0, 8, 2, 'record')"
    )
    assert rows(upgraded, "SELECT event_id FROM admission.decision WHERE slot_seq = 8 ORDER BY 1") == [
        ("e-1",),
        ("e-2",),
    ]


def test_the_migrations_end_at_the_tables_of_the_code(earlier: str) -> None:
    upgrade(earlier, "head")
    engine = create_engine(make_url(earlier).set(drivername="postgresql+psycopg"))
    ours = {str(schema) for schema in {table.schema for table in metadata.tables.values()}}

    def included(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "schema" or name in ours

    options = {"include_schemas": True, "include_name": included, "version_table": "schema_version"}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []
