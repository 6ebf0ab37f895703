"""The figures of data quality, by county and day and summed up. Their definitions: docs/reports.md.

A day is that of ``recorded_at`` in Asia/Shanghai, so a day that is over does not change. Seconds are of the histogram
buckets, off by at most 4.4 % (``broker/report/buckets.py``).
"""

from broker.compaction.positions import Database
from broker.report.figures import Period, Table, read

_OF_PERIOD = (
    b" WHERE day BETWEEN %(first)s AND %(last)s AND (%(county)s::text IS NULL OR county = %(county)s) "
)
_LATENESS = (
    b" sum(n)::bigint AS count, report.percentile(array_agg(bucket), array_agg(n), 0.5) AS p50_s,"
    b" report.percentile(array_agg(bucket), array_agg(n), 0.9) AS p90_s,"
    b" report.percentile(array_agg(bucket), array_agg(n), 0.99) AS p99_s FROM report.lateness"
) + _OF_PERIOD
_STAGES = b" array_position(ARRAY['SIGNED_TO_FILED', 'FILED_TO_RECORDED', 'RECORDED_TO_PUBLISHED'], stage)"

_ALL_FIRST = b"county <> 'ALL', county"
_NAMED = {b"county": b"coalesce(county, 'ALL') AS county"}
_GROUPED = {b"county": b"ROLLUP (county)"}
_ORDERED = {b"county": _ALL_FIRST}


def _outcomes(by: bytes) -> bytes:
    return (
        b"SELECT " + by + b", accepted, refused, duplicate, quarantined,"
        b" round(refused::numeric / nullif(accepted + refused, 0), 4) AS refusal_rate,"
        b" round(quarantined::numeric / nullif(accepted + refused + quarantined, 0), 4) AS quarantine_rate"
        b" FROM (SELECT " + _NAMED.get(by, by) + b","
        b" coalesce(sum(n) FILTER (WHERE outcome = 'ACCEPTED'), 0)::bigint AS accepted,"
        b" coalesce(sum(n) FILTER (WHERE outcome = 'REFUSED'), 0)::bigint AS refused,"
        b" coalesce(sum(n) FILTER (WHERE outcome = 'DUPLICATE'), 0)::bigint AS duplicate,"
        b" coalesce(sum(n) FILTER (WHERE outcome = 'QUARANTINED'), 0)::bigint AS quarantined"
        b" FROM report.accuracy"
        + _OF_PERIOD
        + b"AND reason = '' GROUP BY "
        + _GROUPED.get(by, by)
        + b") AS o ORDER BY "
        + _ORDERED.get(by, by)
    )


QUERIES = {
    "timeliness": b"SELECT county, day, kind, stage, count, p50 AS p50_s, p90 AS p90_s, p99 AS p99_s"
    b" FROM report.timeliness" + _OF_PERIOD + b"ORDER BY county, day, kind," + _STAGES,
    "timeliness_by_county": b"SELECT coalesce(county, 'ALL') AS county, stage,"
    + _LATENESS
    + b"GROUP BY GROUPING SETS ((county, stage), (stage)) ORDER BY county IS NOT NULL, county,"
    + _STAGES,
    "timeliness_by_kind": b"SELECT kind, stage,"
    + _LATENESS
    + b"GROUP BY kind, stage ORDER BY kind,"
    + _STAGES,
    "timeliness_by_day": b"SELECT day, stage," + _LATENESS + b"GROUP BY day, stage ORDER BY day," + _STAGES,
    "accuracy": b"SELECT county, day, principal, outcome, reason, n AS count FROM report.accuracy"
    + _OF_PERIOD
    + b"ORDER BY county, day, principal, outcome, reason",
    "accuracy_by_county": _outcomes(b"county"),
    "accuracy_by_principal": _outcomes(b"principal"),
    "accuracy_by_day": _outcomes(b"day"),
    "accuracy_by_reason": b"SELECT outcome, reason, principal, sum(n)::bigint AS count FROM report.accuracy"
    + _OF_PERIOD
    + b"AND reason <> '' GROUP BY outcome, reason, principal ORDER BY count DESC, outcome, reason, principal",
    "coverage": b"SELECT county, day, units, units_in_table, contracts, contracts_known, refused_unit_unknown"
    b" FROM report.coverage" + _OF_PERIOD + b"ORDER BY county, day",
    "coverage_by_county": b"SELECT county, units, units_in_table,"
    b" round(units_in_table::numeric / nullif(units, 0), 4) AS units_rate,"
    b" contracts, contracts_known, refused_unit_unknown,"
    b" round(contracts_known::numeric / nullif(contracts + refused_unit_unknown, 0), 4) AS contracts_rate"
    b" FROM (SELECT coalesce(county, 'ALL') AS county, coalesce(sum(units), 0)::bigint AS units, coalesce(sum(units_in_table), 0)::bigint AS units_in_table,"
    b" coalesce(sum(contracts), 0)::bigint AS contracts, coalesce(sum(contracts_known), 0)::bigint AS contracts_known,"
    b" coalesce(sum(refused_unit_unknown), 0)::bigint AS refused_unit_unknown FROM report.coverage"
    + _OF_PERIOD
    + b"GROUP BY ROLLUP (county)) AS c ORDER BY "
    + _ALL_FIRST,
    "consistency": b"SELECT county, day, measure, kind, n AS count FROM report.consistency"
    + _OF_PERIOD
    + b"ORDER BY county, day, measure, kind",
    "consistency_by_county": b"SELECT county, raised, resolved, open, matched, residences,"
    b" round(matched::numeric / nullif(residences, 0), 4) AS residence_rate,"
    b" corrections_proposed, corrections_accepted, corrections_rejected FROM (SELECT coalesce(county, 'ALL') AS county,"
    b" coalesce(sum(n) FILTER (WHERE now AND measure = 'CONFLICT_RAISED'), 0)::bigint AS raised,"
    b" coalesce(sum(n) FILTER (WHERE now AND measure = 'CONFLICT_RESOLVED'), 0)::bigint AS resolved,"
    b" coalesce(sum(CASE measure WHEN 'CONFLICT_RAISED' THEN n WHEN 'CONFLICT_RESOLVED' THEN -n END), 0)::bigint AS open,"
    b" coalesce(sum(n) FILTER (WHERE now AND kind = 'MATCHED'), 0)::bigint AS matched,"
    b" coalesce(sum(n) FILTER (WHERE now AND measure = 'RESIDENCE'), 0)::bigint AS residences,"
    b" coalesce(sum(n) FILTER (WHERE now AND kind = 'PROPOSED'), 0)::bigint AS corrections_proposed,"
    b" coalesce(sum(n) FILTER (WHERE now AND kind = 'ACCEPTED'), 0)::bigint AS corrections_accepted,"
    b" coalesce(sum(n) FILTER (WHERE now AND kind = 'REJECTED'), 0)::bigint AS corrections_rejected"
    b" FROM (SELECT *, day >= %(first)s AS now FROM report.consistency WHERE day <= %(last)s"
    b" AND (%(county)s::text IS NULL OR county = %(county)s)) AS d GROUP BY ROLLUP (county)) AS c ORDER BY "
    + _ALL_FIRST,
}
"""By table: what is asked. Those named ``…_by_…`` sum the others up, percentiles from the summed histograms."""


def quality(db: Database, period: Period) -> dict[str, Table]:
    """The tables of a period."""
    return read(db, QUERIES, period)
