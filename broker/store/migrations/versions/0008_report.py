"""The schema ``report``: what the yearly assessment and market monitoring count, folded from the topics."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The value of a bucket is the middle of its bounds, in milliseconds (broker/report/buckets.py); bucket 0 is below one.
_PERCENTILE = """
CREATE FUNCTION report.percentile(buckets integer[], counts bigint[], share numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN b <= 0 THEN 0 ELSE power(2::float8, (b - 0.5) / 8) / 1000 END
    FROM (SELECT b, sum(sum(n)) OVER (ORDER BY b) AS upto, sum(sum(n)) OVER () AS total
          FROM unnest(buckets, counts) AS held (b, n) GROUP BY b) AS cumulated
    WHERE upto >= share * total ORDER BY b LIMIT 1
$$
"""
_TIMELINESS = """
CREATE VIEW report.timeliness AS
SELECT county, day, kind, stage, sum(n)::bigint AS count,
       report.percentile(array_agg(bucket), array_agg(n), 0.5) AS p50,
       report.percentile(array_agg(bucket), array_agg(n), 0.9) AS p90,
       report.percentile(array_agg(bucket), array_agg(n), 0.99) AS p99
FROM report.lateness GROUP BY county, day, kind, stage
"""
_COVERAGE = """
CREATE VIEW report.coverage AS
SELECT county, day,
       sum(units)::bigint AS units, sum(units_in_table)::bigint AS units_in_table,
       sum(contracts)::bigint AS contracts, sum(contracts_known)::bigint AS contracts_known,
       sum(refused)::bigint AS refused_unit_unknown
FROM (
    SELECT u.county, (u.first_at AT TIME ZONE 'Asia/Shanghai')::date AS day, 1 AS units,
           (u.building AND p.project_id IS NOT NULL)::int AS units_in_table,
           0 AS contracts, 0 AS contracts_known, 0 AS refused
    FROM report.unit u LEFT JOIN report.project p USING (project_id)
    UNION ALL
    SELECT c.county, (c.recorded_at AT TIME ZONE 'Asia/Shanghai')::date, 0, 0,
           1, (u.first_at <= c.recorded_at IS TRUE)::int, 0
    FROM report.contract c LEFT JOIN report.unit u USING (house_code)
    UNION ALL
    SELECT county, day, 0, 0, 0, 0, n FROM report.accuracy WHERE outcome = 'REFUSED' AND reason = 'UNIT_UNKNOWN'
) AS counted GROUP BY county, day
"""


def _counts(name: str, *keys: sa.Column[Any]) -> None:
    """Numbers by county, day and more, to which every batch adds."""
    op.create_table(
        name,
        sa.Column("county", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        *keys,
        sa.Column("n", sa.BigInteger, nullable=False),
        schema="report",
    )


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, primary_key=True)


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS report")
    op.create_table(
        "position",
        _key("group_name"),
        _key("topic"),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="report",
    )
    op.create_table(
        "rejected",
        _key("group_name"),
        _key("topic"),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("record_offset", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="report",
    )
    _counts("lateness", _key("kind"), _key("stage"), sa.Column("bucket", sa.Integer, primary_key=True))
    _counts("accuracy", _key("principal"), _key("outcome"), _key("reason"))
    _counts("consistency", _key("measure"), _key("kind"))
    op.create_table(
        "contract",
        _key("subject"),
        _key("entity_id"),
        sa.Column("county", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("house_code", sa.Text, nullable=False),
        sa.Column("planned_use", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("area", sa.Numeric(12, 2), nullable=False),
        sa.Column("amount", sa.Numeric(16, 2), nullable=False),
        sa.Column("months", sa.Integer),
        schema="report",
    )
    op.create_index("contract_house", "contract", ["house_code"], schema="report")
    op.create_table(
        "unit",
        _key("house_code"),
        sa.Column("county", sa.Text, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Text),
        sa.Column("building", sa.Boolean, nullable=False),
        sa.Column("for_sale", sa.Boolean, nullable=False),
        sa.Column("area", sa.Numeric(12, 2), nullable=False),
        schema="report",
    )
    op.create_table("project", _key("project_id"), schema="report")
    op.create_table(
        "stock",
        _key("county"),
        sa.Column("month", sa.Date, primary_key=True),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("area", sa.Numeric(18, 2), nullable=False),
        schema="report",
    )
    for statement in (_PERCENTILE, _TIMELINESS, _COVERAGE):
        op.execute(statement)
