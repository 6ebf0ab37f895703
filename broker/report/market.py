"""The figures of the market by county and month. Their definitions: docs/reports.md.

A filing counts in the month of ``filed_at`` with its area and price as filed. A cancellation or revocation takes both
back in the month in which it happened: so a month that is over does not change by it. Prices are of the filings of the
month. Medians are exact: the middle of all, not of a histogram.
"""

from broker.compaction.positions import Database
from broker.report.figures import Period, Table, read

_DEALS = b"""
WITH deal AS (
    SELECT county, kind || CASE WHEN planned_use LIKE '1%%' THEN '_HOME' ELSE '_OTHER' END AS segment,
           date_trunc('month', filed_at AT TIME ZONE 'Asia/Shanghai')::date AS filed,
           date_trunc('month', ended_at AT TIME ZONE 'Asia/Shanghai')::date AS ended,
           area, amount, round(amount / nullif(area, 0), 2) AS price
    FROM (SELECT county, CASE kind WHEN '21' THEN 'EXISTING' WHEN '31' THEN 'LEASE' ELSE 'NEW' END AS kind,
                 planned_use, filed_at, ended_at, area,
                 CASE subject WHEN 'lease' THEN amount / months ELSE amount END AS amount
          FROM report.contract
          WHERE subject IN ('sale', 'lease') AND (%(county)s::text IS NULL OR county = %(county)s)) AS contract
)"""
_BY_MONTH = (
    _DEALS
    + b""", filed AS (
    SELECT coalesce(county, 'ALL') AS county, filed AS month, segment, count(*) AS filings, sum(area) AS area,
           sum(amount) AS amount, sum(area) FILTER (WHERE amount IS NOT NULL) AS priced,
           array_agg(price ORDER BY price) FILTER (WHERE price IS NOT NULL) AS prices
    FROM deal WHERE filed BETWEEN %(first)s AND %(last)s
    GROUP BY GROUPING SETS ((county, filed, segment), (filed, segment))
), ended AS (
    SELECT coalesce(county, 'ALL') AS county, ended AS month, segment, count(*) AS cancelled, sum(area) AS area,
           sum(amount) AS amount
    FROM deal WHERE ended BETWEEN %(first)s AND %(last)s
    GROUP BY GROUPING SETS ((county, ended, segment), (ended, segment))
)
SELECT county, month, segment, coalesce(filings, 0) AS filings, coalesce(cancelled, 0) AS cancelled,
       coalesce(filings, 0) - coalesce(cancelled, 0) AS net_filings,
       coalesce(f.area, 0) AS area, coalesce(f.area, 0) - coalesce(e.area, 0) AS net_area,
       round(coalesce(f.amount, 0), 2) AS amount,
       round(coalesce(f.amount, 0) - coalesce(e.amount, 0), 2) AS net_amount,
       round(f.amount / nullif(f.priced, 0), 2) AS mean_price,
       round((prices[(cardinality(prices) + 1) / 2] + prices[(cardinality(prices) + 2) / 2]) / 2, 2) AS median_price
FROM filed f FULL JOIN ended e USING (county, month, segment)
"""
)
QUERIES = {
    "sales": _BY_MONTH
    + b" WHERE segment NOT LIKE 'LEASE%%' ORDER BY county <> 'ALL', county, segment, month",
    "rents": _BY_MONTH + b" WHERE segment LIKE 'LEASE%%' ORDER BY county <> 'ALL', county, segment, month",
    "stock": _DEALS
    + b""", flow AS (
    SELECT coalesce(county, 'ALL') AS county, month, sum(area) AS area
    FROM (SELECT county, filed AS month, area FROM deal WHERE segment = 'NEW_HOME'
          UNION ALL SELECT county, ended, -area FROM deal WHERE segment = 'NEW_HOME' AND ended IS NOT NULL) AS both_ways
    GROUP BY GROUPING SETS ((county, month), (month))
), change AS (
    SELECT coalesce(county, 'ALL') AS county, month, sum(units) AS units, sum(area) AS area FROM report.stock
    WHERE %(county)s::text IS NULL OR county = %(county)s GROUP BY GROUPING SETS ((county, month), (month))
), month AS (
    SELECT generate_series(date_trunc('month', %(first)s::date::timestamp), %(last)s, '1 month')::date AS month
), stood AS (
    SELECT county, m.month, sum(c.units)::bigint AS units, sum(c.area) AS area
    FROM month m JOIN change c ON c.month <= m.month GROUP BY county, m.month
), speed AS (
    SELECT county, m.month, sum(f.area) FILTER (WHERE f.month > m.month - interval '12 months') AS sold,
           least(12, 1 + (extract(year FROM age(m.month, min(f.month))) * 12
                          + extract(month FROM age(m.month, min(f.month))))::int) AS months
    FROM month m JOIN flow f ON f.month <= m.month GROUP BY county, m.month
)
SELECT county, month, units, stood.area AS area,
       round(sold / months, 2) AS monthly_net_area,
       CASE WHEN sold > 0 THEN round(stood.area / (sold / months), 1) END AS months_of_inventory
FROM stood FULL JOIN speed USING (county, month) ORDER BY county <> 'ALL', county, month
""",
}
"""By table: what is asked. County ``ALL`` is all that were asked for, its medians of all their contracts."""


def market(db: Database, period: Period) -> dict[str, Table]:
    """The tables of the months from ``period.first`` to ``period.last``, both the first days of months."""
    return read(db, QUERIES, period)
