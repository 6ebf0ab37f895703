"""The figures of the newest day of each county, as Prometheus metrics. Labels are counties, stages and outcomes alone."""

from prometheus_client import CollectorRegistry, Gauge

from broker.compaction.positions import Database

_LATENESS = """
SELECT county, stage, report.percentile(array_agg(bucket), array_agg(n), 0.5),
       report.percentile(array_agg(bucket), array_agg(n), 0.9),
       report.percentile(array_agg(bucket), array_agg(n), 0.99)
FROM report.lateness JOIN (SELECT county, max(day) AS day FROM report.lateness GROUP BY county) d USING (county, day)
GROUP BY county, stage
"""
_OUTCOMES = """
SELECT county, outcome, sum(n), extract(epoch FROM max(day)::timestamp AT TIME ZONE 'Asia/Shanghai')
FROM report.accuracy JOIN (SELECT county, max(day) AS day FROM report.accuracy GROUP BY county) d USING (county, day)
WHERE reason = '' GROUP BY county, outcome
"""
_COVERAGE = """
SELECT county, units_in_table::float8 / nullif(units, 0),
       contracts_known::float8 / nullif(contracts + refused_unit_unknown, 0)
FROM report.coverage JOIN (SELECT county, max(day) AS day FROM report.coverage GROUP BY county) d USING (county, day)
"""
_CONFLICTS = """
SELECT county, sum(CASE measure WHEN 'CONFLICT_RAISED' THEN n ELSE -n END)
FROM report.consistency WHERE measure IN ('CONFLICT_RAISED', 'CONFLICT_RESOLVED') GROUP BY county
"""
QUANTILES = ("0.5", "0.9", "0.99")


class Gauges:
    """Holds the metrics; ``refresh`` reads them anew. An old day's series of a county go as its new day begins."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"qianbei_report_{name}", meaning, ["county", *labels], registry=registry)

        self._lateness = gauge("lateness_seconds", "How long filings took, newest day", "stage", "quantile")
        self._outcomes = gauge("outcomes", "Decisions and quarantined records, newest day", "outcome")
        self._day = gauge("day_timestamp_seconds", "When the newest day of a county began")
        self._units = gauge(
            "units_in_table_ratio", "Of the new units of the newest day, those with a building table"
        )
        self._contracts = gauge(
            "contracts_known_ratio", "Of the filings of the newest day, those of a known unit"
        )
        self._conflicts = gauge("conflicts_open", "Conflicts that stand open")

    def refresh(self, db: Database) -> None:
        """Read the figures. Raises psycopg.Error."""
        for one in (self._lateness, self._outcomes, self._day, self._units, self._contracts, self._conflicts):
            one.clear()
        for county, stage, *values in db.execute(_LATENESS).fetchall():
            for quantile, value in zip(QUANTILES, values, strict=True):
                self._lateness.labels(county, stage, quantile).set(_number(value))
        for county, outcome, count, day in db.execute(_OUTCOMES).fetchall():
            self._outcomes.labels(county, outcome).set(_number(count))
            self._day.labels(county).set(_number(day))
        for county, units, contracts in db.execute(_COVERAGE).fetchall():
            for held, value in ((self._units, units), (self._contracts, contracts)):
                if value is not None:
                    held.labels(county).set(_number(value))
        for county, count in db.execute(_CONFLICTS).fetchall():
            self._conflicts.labels(county).set(_number(count))


def _number(value: object) -> float:
    return float(str(value))
