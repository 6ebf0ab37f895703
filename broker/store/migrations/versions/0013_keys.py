"""The schema ``keys``: the wrapped key of each person, and what is asked of admission for an erasure."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA keys")
    _keys()
    _erasures()


def _keys() -> None:
    op.create_table(
        "person_key",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False, unique=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.Column("destroyed_at", sa.DateTime(timezone=True)),
        sa.Column("erasure_id", sa.Text),
        schema="keys",
    )
    op.create_index(
        "person_key_live",
        "person_key",
        ["owner", "algorithm"],
        unique=True,
        schema="keys",
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_index("person_key_owner", "person_key", ["owner"], schema="keys")
    op.create_table(
        "state",
        sa.Column("single", sa.Boolean, sa.CheckConstraint("single"), primary_key=True, server_default=sa.true()),
        sa.Column("retirements", sa.BigInteger, nullable=False, server_default="0"),
        schema="keys",
    )
    op.execute("INSERT INTO keys.state DEFAULT VALUES")


def _erasures() -> None:
    op.create_table(
        "erasure",
        sa.Column("erasure_id", sa.Text, primary_key=True),
        sa.Column("refs", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("report", pg.JSONB),
        schema="keys",
    )
    op.create_table(
        "request",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("erasure_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("refs", pg.ARRAY(sa.Text), nullable=False),
        # Whether the record names nobody else: then its own key goes with the person's.
        sa.Column("alone", sa.Boolean, nullable=False),
        schema="keys",
    )
