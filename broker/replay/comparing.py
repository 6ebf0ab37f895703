"""In what two schemas with the tables of ``latest`` differ: which entities, and in which fields. No value is ever read out.

A difference is found within Postgres, in one snapshot of both; only keys, revisions and names of fields leave it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa
from psycopg import sql

from broker.compaction.fields import KEY, POSITION, REVISION
from broker.compaction.opening import latest_spec
from broker.compaction.tables import LATEST, TableSpec
from broker.errors import ConfigError
from broker.replay.targets import Database, mark_of
from broker.store.connect import connected, translated
from schemas.catalogue import load_catalogue
from schemas.said import said

_BY_EVERY_EVENT = frozenset(
    {"event_id", "event_type", "version", "occurred_at", REVISION, "recorded_at", "decision_id"}
)
_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One entity that is not the same in both; a revision is None where the entity is not there.

    ``fields`` are those that differ, ``parties[1].share`` for one in a list. Of two revisions, the ones that every event
    changes are left out; of one and the same revision nothing is, since no event explains it.
    """

    subject: str
    entity_id: str
    before: int | None
    after: int | None
    fields: tuple[str, ...]

    @property
    def explainable(self) -> bool:
        """Whether events can have made it."""
        return self.before != self.after


def differences(dsn: str, before: str, after: str) -> Iterator[Difference]:
    """All of them, by subject and entity. Raises ConfigError if a schema is not there or holds something else."""
    with connected(dsn, "qianbei diff") as db, translated(dsn), db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for schema in (before, after):
            _check(db, schema)
        for subject in kept_subjects():
            yield from _of_subject(db, latest_spec(subject, sa.MetaData()), before, after)


def kept_subjects() -> list[str]:
    """The subjects that ``latest`` has tables of."""
    return [name for name, subject in load_catalogue().subjects.items() if subject.latest]


def _check(db: Database, schema: str) -> None:
    if schema == LATEST:
        return
    mark = mark_of(db, schema)
    if mark is None:
        raise ConfigError(
            said("there is no schema {schema}: `qianbei rebuild --into {schema}` makes it", schema=schema)
        )
    if not mark.ended:
        raise ConfigError(
            said("{schema} is not rebuilt to its end: run `qianbei rebuild` again, it goes on", schema=schema)
        )


def _of_subject(db: Database, spec: TableSpec, before: str, after: str) -> Iterator[Difference]:
    columns = {table: _common(db, table, before, after) for table in _tables(spec)}
    parts = [_main(spec, columns[spec.table.name], before, after)]
    parts += [
        _child(spec, c.table.name, c.field.name, columns[c.table.name], before, after) for c in spec.children
    ]
    query = sql.SQL(" UNION ALL ").join(parts) + sql.SQL(" ORDER BY 1, 4")
    with db.cursor(f"diff_{spec.subject}") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(query)
        for key, rows in groupby(cursor, key=itemgetter(0)):
            yield _difference(spec.subject, str(key), list(rows))


def _difference(subject: str, key: str, rows: list[tuple[object, ...]]) -> Difference:
    _, before, after, *_ = rows[0]
    fields = [f"{where}{name}" for *_, where, names in rows for name in _texts(names)]
    if before != after:
        fields = [name for name in fields if name not in _BY_EVERY_EVENT]
    # An entity that is only on one side differs in all that it has: that says nothing.
    shown = () if before is None or after is None else tuple(fields)
    return Difference(subject, key, _revision(before), _revision(after), shown)


def _texts(names: object) -> Iterable[str]:
    assert isinstance(names, list)
    return names


def _revision(found: object) -> int | None:
    assert found is None or isinstance(found, int)
    return found


def _tables(spec: TableSpec) -> list[str]:
    return [spec.table.name, *(child.table.name for child in spec.children)]


def _common(db: Database, table: str, before: str, after: str) -> list[str]:
    """The columns that both have. Raises ConfigError if the table is missing in one."""
    found: list[set[str]] = []
    for schema in (before, after):
        rows = db.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (f'"{schema}"."{table}"',),
        )
        found.append({str(name) for (name,) in rows})
        if not found[-1]:
            raise ConfigError(said("{schema}.{table} is not there: rebuild it", schema=schema, table=table))
    return sorted(found[0] & found[1])


def _main(spec: TableSpec, columns: list[str], before: str, after: str) -> sql.Composable:
    return sql.SQL(
        "SELECT {key}, a.{revision}, b.{revision}, '' AS place, {changed} FROM {before} a FULL JOIN {after} b USING ({key})"
        " WHERE a.{key} IS NULL OR b.{key} IS NULL OR {differs}"
    ).format(**_words(spec.table.name, [c for c in columns if c != KEY], before, after))


def _child(
    spec: TableSpec, table: str, field: str, columns: list[str], before: str, after: str
) -> sql.Composable:
    """Items of entities that both have."""
    own = [c for c in columns if c not in (KEY, POSITION)]
    return sql.SQL(
        "SELECT {key}, (SELECT {revision} FROM {main_before} m WHERE m.{key} = i.{key}),"
        " (SELECT {revision} FROM {main_after} m WHERE m.{key} = i.{key}), i.place, i.changed FROM ("
        "SELECT {key}, {field} || '[' || {position} || ']' ||"
        " CASE WHEN a.{key} IS NULL OR b.{key} IS NULL THEN '' ELSE '.' END AS place,"
        " CASE WHEN a.{key} IS NULL OR b.{key} IS NULL THEN ARRAY[''] ELSE {changed} END AS changed"
        " FROM {before} a FULL JOIN {after} b USING ({key}, {position})"
        " WHERE a.{key} IS NULL OR b.{key} IS NULL OR {differs}) i"
        " WHERE EXISTS (SELECT FROM {main_before} m WHERE m.{key} = i.{key})"
        " AND EXISTS (SELECT FROM {main_after} m WHERE m.{key} = i.{key})"
    ).format(
        **_words(table, own, before, after),
        field=sql.Literal(field),
        position=sql.Identifier(POSITION),
        main_before=sql.Identifier(before, spec.table.name),
        main_after=sql.Identifier(after, spec.table.name),
    )


def _words(table: str, columns: list[str], before: str, after: str) -> Mapping[str, sql.Composable]:
    differ = [sql.SQL("a.{0} IS DISTINCT FROM b.{0}").format(sql.Identifier(column)) for column in columns]
    named = [
        sql.SQL("CASE WHEN {} THEN {} END").format(one, sql.Literal(column))
        for one, column in zip(differ, columns, strict=True)
    ]
    return {
        "key": sql.Identifier(KEY),
        "revision": sql.Identifier(REVISION),
        "before": sql.Identifier(before, table),
        "after": sql.Identifier(after, table),
        "differs": sql.SQL("(") + sql.SQL(" OR ").join(differ) + sql.SQL(")"),
        "changed": sql.SQL("array_remove(ARRAY[{}], NULL)").format(sql.SQL(", ").join(named)),
    }
