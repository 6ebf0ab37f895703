"""The tables of the sender's ledger, in SQLite."""

import sqlalchemy as sa

METADATA = sa.MetaData()

position = sa.Table(
    "position",
    METADATA,
    sa.Column("topic", sa.Text(), primary_key=True),
    sa.Column("partition", sa.Integer(), primary_key=True),
    sa.Column("next_offset", sa.Integer(), nullable=False),
    comment="How far each partition is read; moves together with the filings",
)
filing = sa.Table(
    "filing",
    METADATA,
    sa.Column("n", sa.Integer(), primary_key=True, comment="the order in which they came"),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("entity_id", sa.Text(), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("county", sa.Text(), nullable=False),
    sa.Column("day", sa.Text(), nullable=False),
    sa.Column("recorded_at", sa.Float(), nullable=False, comment="Unix time"),
    sa.Column("body", sa.Text(), nullable=False, comment="the canonical form, as it is sent"),
    sa.Column("missing", sa.Text(), nullable=False, comment="required items that it lacks: a JSON list"),
    sa.Column("judged", sa.Text(), comment="under which terms it is withheld; null if it is not"),
    sa.Column("sent", sa.Boolean(), nullable=False, comment="whether it is in a batch"),
    sa.UniqueConstraint("subject", "entity_id", "revision"),
    sa.Index("filing_unsent", "sent", "n"),
    sa.Index("filing_day", "county", "day"),
)
batch = sa.Table(
    "batch",
    METADATA,
    sa.Column("channel", sa.Text(), primary_key=True),
    sa.Column("number", sa.Integer(), primary_key=True),
    sa.Column("made_at", sa.Float(), nullable=False, comment="Unix time; its manifest says the same"),
    sa.Column("repair", sa.Boolean(), nullable=False),
    sa.Column("taken_at", sa.Float(), comment="when the receiver took it, by its receipt"),
)
line = sa.Table(
    "line",
    METADATA,
    sa.Column("channel", sa.Text(), primary_key=True),
    sa.Column("number", sa.Integer(), primary_key=True),
    sa.Column("place", sa.Integer(), primary_key=True),
    sa.Column("op", sa.Text(), nullable=False),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("entity_id", sa.Text(), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
)
# The last guard of "once": whatever goes wrong elsewhere, no filing is added by two batches.
sa.Index(
    "line_added_once",
    line.c.subject,
    line.c.entity_id,
    line.c.revision,
    unique=True,
    sqlite_where=line.c.op == "ADD",
)
reconciliation = sa.Table(
    "reconciliation",
    METADATA,
    sa.Column("channel", sa.Text(), primary_key=True),
    sa.Column("day", sa.Text(), primary_key=True),
    sa.Column("at", sa.Float(), nullable=False),
    sa.Column("filings", sa.Integer(), nullable=False),
    sa.Column("differences", sa.Integer(), nullable=False),
    sa.Column("equal", sa.Boolean(), nullable=False),
    comment="The newest comparison of each day of a channel",
)
