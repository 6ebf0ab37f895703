"""The city whose authority holds a token, or asks: null is our own (异地)."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("token", sa.Column("city_code", sa.Text), schema="front")
    op.add_column("access", sa.Column("city_code", sa.Text), schema="audit")
