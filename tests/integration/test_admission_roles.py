"""What deployed roles may do with admission's tables."""

from broker.store.connect import connected
from broker.store.roles import ROLES
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


KEYS = {
    "qb_admission": {"person_key": {"SELECT", "INSERT"}, "state": {"SELECT"}, "request": {"SELECT"}},
    "qb_api": {"person_key": {"SELECT"}},
    "qb_keys": {"person_key": {"SELECT"}},
    "qb_eraser": {
        "person_key": {"SELECT"},
        "state": {"SELECT", "UPDATE"},
        "request": ALL,
        "erasure": {"SELECT", "INSERT", "UPDATE"},
    },
    "qb_audit": {},
}
"""Who may do what in the schema ``keys``. That the eraser may overwrite a key, and that the audit may read who erased, when
and why, are rights on some columns, not on the table."""


def test_keys_are_for_those_who_use_them(deployed: Exchange) -> None:
    tables = [table.name for table in metadata.tables.values() if table.schema == "keys"]
    asked = "SELECT word FROM unnest(%s::text[]) AS word WHERE has_table_privilege(%s, %s, word)"
    overwrites = "SELECT has_column_privilege(%s, 'keys.person_key', 'wrapped', 'UPDATE')"
    with connected(deployed.site.admin.dsn(), "tests") as db:
        for role in ROLES:
            for table in tables:
                held = {str(row[0]) for row in rows(db, asked, sorted(ALL), role, f"keys.{table}")}
                assert held == KEYS.get(role, {}).get(table, set()), (role, table)
            assert rows(db, overwrites, role) == [(role == "qb_eraser",)]
            enters = rows(db, "SELECT has_schema_privilege(%s, 'keys', 'USAGE')", role)
            assert enters == [(role in KEYS,)]
            told = [
                rows(db, "SELECT has_column_privilege(%s, 'keys.erasure', %s, 'SELECT')", role, column)
                for column in ("operator", "refs")
            ]
            assert told == [[(role in {"qb_audit", "qb_eraser"},)], [(role == "qb_eraser",)]]
