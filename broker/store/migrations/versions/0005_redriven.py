"""Quarantined records that an operator has sent in again, and the decisions on them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "redriven",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        schema="admission",
    )
