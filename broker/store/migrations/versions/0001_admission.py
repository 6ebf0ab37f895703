"""The schema ``admission`` as first released, and an empty ``latest`` for compaction to fill."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS admission")
    op.execute("CREATE SCHEMA IF NOT EXISTS latest")
    op.create_table(
        "slot",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("next_seq", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("last_recorded_at", sa.DateTime(timezone=True)),
        sa.Column("instance", sa.Text),
        schema="admission",
    )
    op.create_table(
        "intake_position",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        schema="admission",
    )
    op.create_table(
        "entity",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("entity_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("house_code", sa.Text),
        sa.Column("highest_version", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text),
        sa.Column("state", sa.LargeBinary),
        schema="admission",
    )
    op.create_table(
        "decision",
        sa.Column("principal", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("intake_sha256", sa.Text, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("slot_seq", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger),
        sa.Column("record", sa.LargeBinary, nullable=False),
        schema="admission",
    )
    op.create_index("decision_slot_seq", "decision", ["slot", "slot_seq"], unique=True, schema="admission")
    op.create_table(
        "claim",
        sa.Column("house_code", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("entity_id", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("baseline", sa.Boolean, nullable=False),
        sa.Column("contract_no", sa.Text),
        sa.Column("principals", ARRAY(sa.Text), nullable=False),
        schema="admission",
    )
    op.create_index(
        "claim_one_live_sale",
        "claim",
        ["house_code"],
        unique=True,
        schema="admission",
        postgresql_where=sa.text("subject = 'sale' AND baseline IS false"),
    )
    op.create_table(
        "outbox",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("slot_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("intake_topic", sa.Text, nullable=False),
        sa.Column("intake_offset", sa.BigInteger, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        sa.Column("headers", JSONB, nullable=False),
        schema="admission",
    )
