"""The schema ``audit``: who was answered what, by whom asked, for what purpose."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, UUID

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS audit")
    op.create_table(
        "access",
        # One run of one process of the front door, and its dense count: what lacks between two rows was taken away.
        sa.Column("instance", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("access_id", UUID(as_uuid=True), nullable=False, unique=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("officer_id", sa.Text),
        sa.Column("officer_name", sa.Text),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text),
        sa.Column("legal_basis", sa.Text, nullable=False),
        sa.Column("number_kind", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("parties", ARRAY(sa.Text), nullable=False),
        sa.Column("houses", ARRAY(sa.Text), nullable=False),
        sa.Column("contracts", ARRAY(sa.Text), nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("fields", ARRAY(sa.Text), nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("answer_sha256", sa.Text),
        sa.Column("latency_us", sa.BigInteger, nullable=False),
        schema="audit",
    )
    op.create_index("access_at", "access", ["at"], schema="audit")
    op.create_index("access_principal_at", "access", ["principal", "at"], schema="audit")
    op.create_index("access_number", "access", ["number"], schema="audit")
    op.create_index("access_parties", "access", ["parties"], schema="audit", postgresql_using="gin")
