"""What people have attached to live tables, and how it is carried over to new ones.

Grants, default rights, indexes and the views that read the tables are made anew by their own definitions. What else hangs on a table (a
trigger, a policy, a materialised view, a foreign key, a function) may hold a meaning that a definition does not show:
it is named, and the swap refused.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from broker.errors import ConfigError
from schemas.said import said

_QUOTE = pg.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]

_OF_SCHEMA = (
    "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema"
)

_STRANGERS = f"""
SELECT pg_describe_object('pg_trigger'::regclass, oid, 0) FROM pg_trigger
 WHERE NOT tgisinternal AND tgrelid IN ({_OF_SCHEMA})
UNION SELECT pg_describe_object('pg_policy'::regclass, oid, 0) FROM pg_policy WHERE polrelid IN ({_OF_SCHEMA})
UNION SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d
 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN ({_OF_SCHEMA}) AND d.deptype = 'n'
   AND NOT EXISTS (SELECT FROM pg_constraint o WHERE d.classid = 'pg_constraint'::regclass AND o.oid = d.objid
                   AND o.conrelid IN ({_OF_SCHEMA}))
   AND NOT EXISTS (SELECT FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
                   WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND v.relkind = 'v')
UNION SELECT pg_describe_object('pg_class'::regclass, c.oid, 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = :schema AND c.relkind IN ('v', 'm', 'r', 'p', 'f', 'S') AND NOT c.relname = ANY(:ours)
ORDER BY 1
"""  # noqa: S608 - the text holds no value
_VIEWS = f"""
SELECT DISTINCT n.nspname, v.relname, pg_get_viewdef(v.oid), v.reloptions
FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v' JOIN pg_namespace n ON n.oid = v.relnamespace
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid IN ({_OF_SCHEMA}) ORDER BY 1, 2
"""  # noqa: S608
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes o WHERE schemaname = :schema AND tablename = ANY(:tables)
AND NOT EXISTS (SELECT FROM pg_indexes n WHERE n.schemaname = :fresh AND n.indexname = o.indexname) ORDER BY 1
"""
_GRANTS = """
SELECT c.relname AS relation, NULL AS attribute, a.privilege_type AS privilege, a.is_grantable AS passing,
       CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END AS grantee
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
WHERE n.nspname = :schema AND c.relname = ANY(:tables) AND a.grantee <> c.relowner
UNION ALL
SELECT c.relname, t.attname, a.privilege_type, a.is_grantable,
       CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute t ON t.attrelid = c.oid,
     aclexplode(t.attacl) a
WHERE n.nspname = :schema AND c.relname = ANY(:tables) AND a.grantee <> c.relowner
UNION ALL
SELECT NULL, NULL, a.privilege_type, a.is_grantable,
       CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END
FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = :schema AND a.grantee <> n.nspowner
"""
_DEFAULTS = """
SELECT pg_get_userbyid(d.defaclrole), d.defaclobjtype::text, a.privilege_type, a.is_grantable,
       CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END
FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
WHERE n.nspname = :schema AND a.grantee <> d.defaclrole
"""
_KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES"}


@dataclass(frozen=True, slots=True)
class Belonging:
    """One thing to be made anew: its name, for messages, and the statement that makes it."""

    name: str
    statement: str


def strangers(connection: sa.Connection, schema: str, ours: Collection[str]) -> list[str]:
    """What hangs on the tables of a schema and cannot be carried over; ``ours`` are the names of the target's tables."""
    found = connection.execute(sa.text(_STRANGERS), {"schema": schema, "ours": list(ours)})
    return [str(name) for name in found.scalars() if name]


def belongings(
    connection: sa.Connection, schema: str, fresh: str, tables: Collection[str]
) -> list[Belonging]:
    """What to make anew in a schema once the tables of ``fresh`` have taken its place."""
    # With an empty search path every definition names its tables in full.
    connection.execute(sa.text("SET LOCAL search_path = ''"))
    return [
        *_grants(connection, schema, tables),
        *_defaults(connection, schema),
        *_indexes(connection, schema, fresh, tables),
        *_views(connection, schema),
    ]


def make(connection: sa.Connection, wanted: Collection[Belonging]) -> None:
    """Make them. Raises ConfigError naming one that does not fit the new tables."""
    for one in wanted:
        try:
            connection.exec_driver_sql(one.statement.replace("%", "%%"))
        except (sa.exc.ProgrammingError, sa.exc.NotSupportedError) as error:
            state = getattr(error.orig, "sqlstate", None)
            raise ConfigError(
                said(
                    "{name} does not fit the new tables ({state}): drop it, rebuild, and make it anew "
                    "afterwards. Nothing was swapped",
                    name=one.name,
                    state=state,
                )
            ) from None


def _grants(connection: sa.Connection, schema: str, tables: Collection[str]) -> Iterator[Belonging]:
    rows = connection.execute(sa.text(_GRANTS), {"schema": schema, "tables": list(tables)})
    for relation, attribute, privilege, passing, grantee in rows:
        what = f"SCHEMA {_QUOTE(schema)}" if relation is None else f"{_QUOTE(schema)}.{_QUOTE(relation)}"
        column = f" ({_QUOTE(attribute)})" if attribute else ""
        to = _QUOTE(grantee) if grantee else "PUBLIC"
        option = " WITH GRANT OPTION" if passing else ""
        yield Belonging(
            f"the grant of {privilege} on {what} to {to}",
            f"GRANT {privilege}{column} ON {what} TO {to}{option}",
        )


def _defaults(connection: sa.Connection, schema: str) -> Iterator[Belonging]:
    """The rights that tables to come are given."""
    for owner, kind, privilege, passing, grantee in connection.execute(
        sa.text(_DEFAULTS), {"schema": schema}
    ):
        to = _QUOTE(grantee) if grantee else "PUBLIC"
        option = " WITH GRANT OPTION" if passing else ""
        yield Belonging(
            f"the default grant of {privilege} in {schema} to {to}",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {_QUOTE(owner)} IN SCHEMA {_QUOTE(schema)} "
            f"GRANT {privilege} ON {_KINDS[kind]} TO {to}{option}",
        )


def _indexes(
    connection: sa.Connection, schema: str, fresh: str, tables: Collection[str]
) -> Iterator[Belonging]:
    wanted = {"schema": schema, "fresh": fresh, "tables": list(tables)}
    for name, definition in connection.execute(sa.text(_INDEXES), wanted):
        yield Belonging(f"the index {name}", definition)


def _views(connection: sa.Connection, schema: str) -> Iterator[Belonging]:
    for owner, name, definition, options in connection.execute(sa.text(_VIEWS), {"schema": schema}):
        full = f"{_QUOTE(owner)}.{_QUOTE(name)}"
        kept = f" WITH ({', '.join(options)})" if options else ""
        yield Belonging(f"the view {full}", f"CREATE OR REPLACE VIEW {full}{kept} AS {definition}")
