"""The facts and counts in Postgres: read for a batch, written with the positions in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import sql

from broker.compaction.positions import Database
from broker.report.fold import Changes, Contract, Unit

SCHEMA = "report"
_COUNTS = {
    "lateness": (("county", "text"), ("day", "date"), ("kind", "text"), ("stage", "text"), ("bucket", "int")),
    "accuracy": (
        ("county", "text"),
        ("day", "date"),
        ("principal", "text"),
        ("outcome", "text"),
        ("reason", "text"),
    ),
    "consistency": (("county", "text"), ("day", "date"), ("measure", "text"), ("kind", "text")),
}
"""The tables to whose column ``n`` is added, and the columns of their keys."""


def _adding(name: str, key: Sequence[tuple[str, str]]) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column, _ in key)
    arrays = sql.SQL(", ").join(sql.SQL("%s::") + sql.SQL(kind + "[]") for _, kind in key)
    # In one order everywhere, so that two instances that add to the same rows wait for each other and never deadlock.
    return sql.SQL(
        "INSERT INTO {table} AS t ({columns}, n) SELECT * FROM unnest({arrays}, %s::bigint[])"
        " AS v ({columns}, n) ORDER BY {columns}"
        " ON CONFLICT ({columns}) DO UPDATE SET n = t.n + excluded.n"
    ).format(table=sql.Identifier(SCHEMA, name), columns=columns, arrays=arrays)


_ADD = {name: _adding(name, key) for name, key in _COUNTS.items()}
_ADD_STOCK = (
    "INSERT INTO report.stock AS t (county, month, units, area)"
    " SELECT * FROM unnest(%s::text[], %s::date[], %s::bigint[], %s::numeric[]) AS v (county, month, units, area)"
    " ORDER BY county, month"
    " ON CONFLICT (county, month) DO UPDATE SET units = t.units + excluded.units, area = t.area + excluded.area"
)
_SAVE_CONTRACT = (
    "INSERT INTO report.contract (subject, entity_id, county, kind, house_code, planned_use, recorded_at, filed_at,"
    " ended_at, area, amount, months) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (subject, entity_id) DO UPDATE SET ended_at = excluded.ended_at"
)
_SAVE_UNIT = (
    "INSERT INTO report.unit (house_code, county, first_at, project_id, building, for_sale, area)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (house_code) DO UPDATE SET county = excluded.county,"
    " project_id = excluded.project_id, building = excluded.building, for_sale = excluded.for_sale,"
    " area = excluded.area"
)


def known(db: Database, contracts: Iterable[tuple[str, str]], houses: Iterable[str]) -> Changes:
    """The stored facts of these contracts and units, and no counts."""
    keys = list(contracts)
    rows: list[Any] = db.execute(
        "SELECT c.* FROM report.contract c JOIN unnest(%s::text[], %s::text[]) AS k (subject, entity_id)"
        " USING (subject, entity_id)",
        ([subject for subject, _ in keys], [entity_id for _, entity_id in keys]),
    ).fetchall()
    units: list[Any] = db.execute(
        "SELECT * FROM report.unit WHERE house_code = ANY(%s)", (list(houses),)
    ).fetchall()
    return Changes(
        contracts={one.key: one for one in (Contract(*row) for row in rows)},
        units={one.house_code: one for one in (Unit(*row) for row in units)},
    )


def save(db: Database, before: Changes, changes: Changes) -> None:
    """Write what is new, within the caller's transaction. ``before``: the facts as they were."""
    with db.cursor() as cursor:
        cursor.executemany(_SAVE_CONTRACT, _new(before.contracts, changes.contracts))
        cursor.executemany(_SAVE_UNIT, _new(before.units, changes.units))
        cursor.executemany(
            "INSERT INTO report.project VALUES (%s) ON CONFLICT DO NOTHING",
            [(one,) for one in sorted(changes.projects)],
        )
    _add(db, "lateness", changes.lateness)
    _add(db, "accuracy", changes.accuracy)
    _add(db, "consistency", changes.consistency)
    if changes.stock_units:
        keys = list(changes.stock_units)
        values = ([changes.stock_units[k] for k in keys], [changes.stock_area[k] for k in keys])
        db.execute(_ADD_STOCK, ([county for county, _ in keys], [month for _, month in keys], *values))


def _new(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
    return [tuple(one) for key, one in sorted(after.items()) if before.get(key) != one]


def _add(db: Database, table: str, counts: Mapping[tuple[Any, ...], int]) -> None:
    if counts:
        columns = zip(*counts, strict=True)
        db.execute(_ADD[table], (*map(list, columns), list(counts.values())))
