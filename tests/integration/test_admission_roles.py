"""What deployed roles may do with admission's tables."""

from broker.store.connect import connected
from broker.store.tables import metadata
from tests.support.batches import rows
from tests.support.exchange import Exchange

ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
TABLES = [table.name for table in metadata.tables.values() if table.schema == "admission"]


def rights(exchange: Exchange, role: str, table: str) -> set[str]:
    with connected(exchange.site.settings("qb-admission", role=role).dsn(), "tests") as db:
        asked = "SELECT has_table_privilege(%s, %s)"
        return {word for word in ALL if rows(db, asked, f"admission.{table}", word) == [(True,)]}


def test_admission_writes_facts_and_timers(deployed: Exchange) -> None:
    assert [rights(deployed, "qb_admission", table) for table in ("fact", "timer")] == [ALL, ALL]


def test_the_front_door_reads_all_and_writes_nothing(deployed: Exchange) -> None:
    for table in TABLES:
        assert rights(deployed, "qb_api", table) == {"SELECT"}, table
