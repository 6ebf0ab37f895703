"""What the law at the gate needs: wider claims, facts of other slots, timers, and requests to other slots."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not only stock data may stand beside a live sale, but whatever was taken in the knowledge of it.
    op.alter_column("claim", "baseline", new_column_name="beside", schema="admission")
    op.add_column("claim", sa.Column("kind", sa.Text), schema="admission")
    op.add_column("claim", sa.Column("rank", sa.Integer), schema="admission")
    op.add_column("claim", sa.Column("amount", sa.Numeric(16, 2)), schema="admission")
    _facts()
    _timers()
    op.add_column("outbox", sa.Column("partition", sa.Integer), schema="admission")
    # Until now every message went to the partition of its own slot.
    op.execute("UPDATE admission.outbox SET partition = slot")
    op.alter_column("outbox", "partition", nullable=False, schema="admission")
    # What was due before a record happens with it, and is remembered under the record's place.
    op.drop_index("decision_slot_seq", "decision", schema="admission")
    op.create_index("decision_slot_seq", "decision", ["slot", "slot_seq"], schema="admission")
    op.create_index(
        "entity_conflict_of_house",
        "entity",
        ["house_code"],
        schema="admission",
        postgresql_where=sa.text("subject = 'conflict'"),
    )


def _facts() -> None:
    op.create_table(
        "fact",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("entity_id", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("house_code", sa.Text),
        sa.Column("details", JSONB, nullable=False),
        schema="admission",
    )
    op.create_index("fact_entity", "fact", ["subject", "entity_id"], schema="admission")


def _timers() -> None:
    op.create_table(
        "timer",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("entity_id", sa.Text, primary_key=True),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("house_code", sa.Text),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        schema="admission",
    )
    op.create_index("timer_due", "timer", ["slot", "due_at"], schema="admission")
