"""In the schema ``audit``: hash chains of all topics, signed checkpoints, and the index by which records are found."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _chains()
    _index()


def _place() -> list[sa.Column[object]]:
    return [
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    ]


def _chains() -> None:
    op.create_table(
        "position",
        sa.Column("group_name", sa.Text, primary_key=True),
        *_place(),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="audit",
    )
    op.create_table(
        "segment",
        *_place(),
        # Dense from 1: what lacks between two rows was taken away.
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        # Of the chain after the last record of this segment.
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("sm3", sa.LargeBinary, nullable=False),
        # 24 bytes a record: offset, timestamp in ms, and the first 8 bytes of the SHA-256 of its content.
        sa.Column("marks", sa.LargeBinary, nullable=False),
        # SHA-256 chain over the rows of audit.place and audit.place_party of these records.
        sa.Column("places_sha256", sa.LargeBinary, nullable=False),
        schema="audit",
    )
    op.create_table(
        "head",
        *_place(),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("sm3", sa.LargeBinary, nullable=False),
        sa.Column("places_sha256", sa.LargeBinary, nullable=False),
        # The number of the last segment that a checkpoint has signed.
        sa.Column("signed", sa.BigInteger, nullable=False, server_default="0"),
        schema="audit",
    )
    op.create_index("head_unsigned", "head", ["topic"], schema="audit", postgresql_where=sa.text("number > signed"))
    op.create_table(
        "checkpoint",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        # What was signed, byte for byte.
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        schema="audit",
    )


def _index() -> None:
    op.create_table(
        "place",
        *_place(),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("entity_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("house_code", sa.Text),
        sa.Column("county", sa.Text),
        sa.Column("event_id", sa.Text),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        schema="audit",
    )
    op.create_index("place_entity", "place", ["entity_id", "revision"], schema="audit")
    op.create_index(
        "place_house", "place", ["house_code"], schema="audit", postgresql_where=sa.text("house_code IS NOT NULL")
    )
    op.create_index(
        "place_event", "place", ["event_id"], schema="audit", postgresql_where=sa.text("event_id IS NOT NULL")
    )
    op.create_table(
        "place_party",
        sa.Column("party_ref", sa.Text, primary_key=True),
        *_place(),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        schema="audit",
    )
    op.create_index("place_party_place", "place_party", ["topic", "partition", "offset"], schema="audit")
