"""What a target schema says of itself: whose it is, from which topics it is kept, and which group keeps it.

The *identity* is drawn when the schema is made and names the consumer group: two targets of one department never share
partitions, and a rebuilt one begins from the start. The table of positions takes no other group's rows, so a process
that still works for tables which have been swapped away cannot write into the new ones.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.schema import AddConstraint, CreateSchema, DropSchema

from broker.compaction.evolving import evolve
from broker.compaction.positions import position_table
from broker.compaction.tables import TableSpec, create_all
from broker.errors import ConfigError
from broker.topics import group_prefix
from schemas.said import said

SCHEMA = "qianbei"


@dataclass(frozen=True, slots=True)
class Target:
    """A target as it is: ``topics`` by subject."""

    schema: str
    department: str
    identity: str
    topics: Mapping[str, str]

    @property
    def group(self) -> str:
        """The consumer group that keeps it."""
        return f"{group_prefix(self.department)}sync-{self.identity}"


def next_of(schema: str) -> str:
    """Where a rebuild of a target grows."""
    return f"{schema}_next"


def find(connection: sa.Connection, schema: str, department: str) -> Target | None:
    """The target in a schema, None if there is none.

    Raises ConfigError if it is another department's, or the schema holds something else.
    """
    inspected = sa.inspect(connection)
    if not inspected.has_schema(schema):
        return None
    if not inspected.has_table("target", schema=schema):
        if inspected.get_table_names(schema=schema):
            raise ConfigError(
                said("the schema {schema} holds other tables: name another one with --schema", schema=schema)
            )
        return None
    own, topics = _tables(schema)
    row = connection.execute(sa.select(own.c.department, own.c.identity)).one()
    if row.department != department:
        raise ConfigError(
            said(
                "the schema {schema} keeps the topics of {department}: name another one with --schema",
                schema=schema,
                department=row.department,
            )
        )
    kept = {row.subject: row.topic for row in connection.execute(sa.select(topics))}
    return Target(schema, department, row.identity, kept)


def establish(
    connection: sa.Connection, found: Target | None, wanted: Target, specs: list[TableSpec]
) -> Target:
    """Make the target what ``wanted`` says, its tables included; gives it with the identity that it has."""
    own, topics = _tables(wanted.schema)
    if found is None:
        if not sa.inspect(connection).has_schema(wanted.schema):
            connection.execute(CreateSchema(wanted.schema))
        own.metadata.create_all(connection)
        connection.execute(sa.insert(own).values(department=wanted.department, identity=wanted.identity))
    create_all(connection, specs)
    evolve(connection, specs)
    if found is None:
        _fence(connection, wanted)
    known = set(found.topics) if found else set()
    new = [{"subject": s, "topic": t} for s, t in wanted.topics.items() if s not in known]
    if new:
        connection.execute(sa.insert(topics), new)
    return wanted


def drop(connection: sa.Connection, schema: str) -> None:
    """Remove a target that nobody reads."""
    connection.execute(DropSchema(schema, cascade=True, if_exists=True))


def new_identity() -> str:
    """A name that no other target has."""
    return secrets.token_hex(4)


def _fence(connection: sa.Connection, target: Target) -> None:
    position = position_table(sa.MetaData(), target.schema)
    rule = sa.CheckConstraint(position.c.group_name == target.group, name="position_of_this_target")
    position.append_constraint(rule)
    connection.execute(AddConstraint(rule))


def _tables(schema: str) -> tuple[sa.Table, sa.Table]:
    metadata = sa.MetaData()
    own = sa.Table(
        "target",
        metadata,
        sa.Column("department", sa.Text(), primary_key=True),
        sa.Column("identity", sa.Text(), nullable=False, comment="ends the name of the consumer group"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=schema,
        comment="Whose tables these are; kept by `qianbei sync`",
    )
    topics = sa.Table(
        "target_topic",
        metadata,
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("topic", sa.Text(), nullable=False),
        schema=schema,
        comment="From which topic each subject's tables are kept",
    )
    return own, topics
