"""In the schema ``audit``: replays that showed protected values, by whom, why, and of what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replay",
        sa.Column("replay_id", UUID(as_uuid=True), primary_key=True),
        # BEGUN is there before the first value leaves; ENDED says how many records were given out.
        sa.Column("act", sa.Text, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        # The conditions. A person stands there by reference.
        sa.Column("selection", JSONB, nullable=False),
        sa.Column("records", sa.BigInteger),
        schema="audit",
    )
    op.create_index("replay_at", "replay", ["at"], schema="audit")
