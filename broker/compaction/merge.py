"""Folding staged rows into the tables of one subject, by COPY and a handful of set-based statements.

1. The temporary tables are emptied, and the rows of a batch, one a key, copied into them.
2. Staged rows that are no newer than what the table has are dropped.
3. The rest is upserted. The revision is compared here again: it is the guarantee, step 2 only spares the children.
4. Of the party lists, positions beyond the new end are deleted, then items that differ from what is there are written.
   Most revisions leave the parties as they are, and a row that is not written needs no index entry.

A record whose event type is ``leaving`` takes its entity out of sight: the rows are deleted and the revision kept, so
that an older record cannot bring them back.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from psycopg import sql

from broker.compaction import pgcopy
from broker.compaction.fields import EVENT_TYPE, KEY, POSITION, REVISION
from broker.compaction.positions import Database
from broker.compaction.tables import ChildSpec, TableSpec
from broker.compaction.transcode import count_column, stage_columns

_COPY_BYTES = 256 * 1024
# Emptying by DELETE is quick for a few rows, which the next scan then prunes away; TRUNCATE makes new files and
# catalogue entries. ON COMMIT DELETE ROWS would do worse than either: each commit empties the tables of all subjects.
_FEW_ROWS = 2_000


class Merge:
    """The statements of one subject. A connection must be prepared once, and each fold runs in a transaction."""

    def __init__(self, spec: TableSpec) -> None:
        self.spec = spec
        self._prepare = _script(_stages(spec))
        self._fold = _script(_fold(spec))
        stages = [_stage(spec.table), *(_stage(child.table) for child in spec.children)]
        self._delete = _script(sql.SQL("DELETE FROM {}").format(stage) for stage in stages)
        self._truncate = sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(stages))
        self._rows_since_truncate = 0
        self._copies = [_copy_into(stage, names) for stage, names in zip(stages, _staged(spec), strict=True)]

    def prepare(self, db: Database) -> None:
        """Create the staging tables of this connection."""
        db.execute(self._prepare)

    def stage(self, db: Database, rows: Sequence[bytes], children: Sequence[Sequence[bytes]]) -> None:
        """Copy rows, as made by a transcoder, into the staging tables, in place of what was there."""
        many = self._rows_since_truncate > _FEW_ROWS
        db.execute(self._truncate if many else self._delete)
        self._rows_since_truncate = len(rows) + (0 if many else self._rows_since_truncate)
        for copy, lines in zip(self._copies, (rows, *children), strict=True):
            if lines:
                _copy(db, copy, lines)

    def fold(self, db: Database) -> None:
        """Fold what is staged into the tables."""
        # No parameters, so all statements go at once and are planned anew for the present size of the stage: a plan
        # made for a handful of rows is bad for fifty thousand, and the other way round it is worse.
        db.execute(self._fold)


def _staged(spec: TableSpec) -> Iterable[Sequence[str]]:
    """The columns that are staged, in the order of the transcoder: a table that grew has its newest columns last."""
    yield stage_columns(spec)
    for child in spec.children:
        yield (KEY, POSITION, *(item.name for item in child.field.items))


def _copy_into(stage: sql.Identifier, names: Sequence[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(stage, _names(names))


def _copy(db: Database, statement: sql.Composed, rows: Iterable[bytes]) -> None:
    with db.cursor() as cursor, cursor.copy(statement) as copy:
        pending, size = [pgcopy.SIGNATURE], 0
        for row in rows:
            pending.append(row)
            size += len(row)
            if size > _COPY_BYTES:
                copy.write(b"".join(pending))
                pending, size = [], 0
        copy.write(b"".join((*pending, pgcopy.TRAILER)))


def _script(statements: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(";\n").join(statements)


def _table(table: sa.Table) -> sql.Identifier:
    return sql.Identifier(str(table.schema), table.name)


def _stage(table: sa.Table) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"stage_{table.name}")


def _names(columns: Iterable[str], prefix: str = "") -> sql.Composed:
    return sql.SQL(", ").join(
        sql.Identifier(prefix, name) if prefix else sql.Identifier(name) for name in columns
    )


def _stages(spec: TableSpec) -> Iterable[sql.Composable]:
    counts = [
        sql.SQL(", {} int").format(sql.Identifier(count_column(child.field))) for child in spec.children
    ]
    for table, extra in ((spec.table, counts), *((child.table, []) for child in spec.children)):
        yield sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} (LIKE {}{})").format(
            sql.Identifier(f"stage_{table.name}"), _table(table), sql.Composed(extra)
        )


def _fold(spec: TableSpec) -> Iterable[sql.Composable]:
    yield _drop_old(spec, spec.table)
    if spec.left_table is not None:
        yield _drop_old(spec, spec.left_table)
        yield from _leave(spec, spec.left_table)
    yield _upsert(spec)
    for child in spec.children:
        yield _shorten(spec, child)
        yield _write_items(child)


def _drop_old(spec: TableSpec, table: sa.Table) -> sql.Composable:
    return sql.SQL(
        "DELETE FROM {stage} s USING {table} t WHERE t.{key} = s.{key} AND t.{revision} >= s.{revision}"
    ).format(
        stage=_stage(spec.table),
        table=_table(table),
        key=sql.Identifier(KEY),
        revision=sql.Identifier(REVISION),
    )


def _leave(spec: TableSpec, left: sa.Table) -> Iterable[sql.Composable]:
    words = {
        "stage": _stage(spec.table),
        "left": _table(left),
        "key": sql.Identifier(KEY),
        "revision": sql.Identifier(REVISION),
        "gone": sql.SQL("s.{} = {}").format(sql.Identifier(EVENT_TYPE), sql.Literal(spec.leaving)),
    }
    yield sql.SQL("DELETE FROM {left} l USING {stage} s WHERE l.{key} = s.{key}").format(**words)
    yield sql.SQL(
        "INSERT INTO {left} ({key}, {revision}) SELECT {key}, {revision} FROM {stage} s WHERE {gone}"
    ).format(**words)
    for table in (spec.table, *(child.table for child in spec.children)):
        yield sql.SQL("DELETE FROM {table} t USING {stage} s WHERE t.{key} = s.{key} AND {gone}").format(
            table=_table(table), **words
        )
    yield sql.SQL("DELETE FROM {stage} s WHERE {gone}").format(**words)


def _upsert(spec: TableSpec) -> sql.Composable:
    others = [name for name in spec.columns if name != KEY]
    return sql.SQL(
        "INSERT INTO {table} AS t ({columns}) SELECT {columns} FROM {stage} "
        "ON CONFLICT ({key}) DO UPDATE SET ({others}) = ROW({new}) WHERE t.{revision} < excluded.{revision}"
    ).format(
        table=_table(spec.table),
        stage=_stage(spec.table),
        columns=_names(spec.columns),
        key=sql.Identifier(KEY),
        others=_names(others),
        new=_names(others, "excluded"),
        revision=sql.Identifier(REVISION),
    )


def _shorten(spec: TableSpec, child: ChildSpec) -> sql.Composable:
    return sql.SQL(
        "DELETE FROM {table} c USING {stage} s WHERE c.{key} = s.{key} AND c.{position} >= s.{count}"
    ).format(
        table=_table(child.table),
        stage=_stage(spec.table),
        key=sql.Identifier(KEY),
        position=sql.Identifier(POSITION),
        count=sql.Identifier(count_column(child.field)),
    )


def _write_items(child: ChildSpec) -> sql.Composable:
    """Only items of staged rows that were not dropped, and of these only the ones that are new or differ."""
    names = [item.name for item in child.field.items]
    spec_stage = sql.Identifier("pg_temp", f"stage_{child.subject}")
    return sql.SQL(
        "INSERT INTO {table} AS t ({key}, {position}, {names}) "
        "SELECT c.{key}, c.{position}, {staged} FROM {stage} c JOIN {parents} USING ({key}) "
        "WHERE NOT EXISTS (SELECT FROM {table} o WHERE o.{key} = c.{key} AND o.{position} = c.{position} "
        "AND ({present}) IS NOT DISTINCT FROM ({staged})) "
        "ON CONFLICT ({key}, {position}) DO UPDATE SET ({names}) = ROW({new})"
    ).format(
        table=_table(child.table),
        stage=_stage(child.table),
        parents=spec_stage,
        key=sql.Identifier(KEY),
        position=sql.Identifier(POSITION),
        names=_names(names),
        staged=_names(names, "c"),
        present=_names(names, "o"),
        new=_names(names, "excluded"),
    )
