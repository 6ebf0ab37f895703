"""What an assessor is given of a period: disclosures, calls, refusals, what is out of the common, chains. No person is named.

Days and months are those of Asia/Shanghai. An official is one of a principal, by the number that the principal gave.

* **Out of hours**: before ``opens`` or from ``closes`` on, or on a Saturday or Sunday. Public holidays are not known here.
* **Volume**: an official's day with at least ``LEAST`` calls and more than ``TIMES`` the median of such days of his principal.

The citizens' channel has no officials; its calls are counted and not looked at for either.
"""

from broker.compaction.positions import Database
from broker.report.figures import Period, Table, read

LEAST, TIMES = 20, 3

_LOCAL = "AT TIME ZONE 'Asia/Shanghai'"
_SINCE, _UNTIL = f"%(first)s::date::timestamp {_LOCAL}", f"(%(last)s::date + 1)::timestamp {_LOCAL}"
_CALLS = f"""calls AS (
    SELECT to_char(a.at {_LOCAL}, 'YYYY-MM') AS month, a.at {_LOCAL} AS local, a.principal AS department,
           coalesce(a.city_code, '') AS city, a.query, coalesce(a.purpose, '') AS purpose, a.officer_id, a.granted, a.code,
           a.records, a.parties || coalesce(a.told_parties, '{{}}') AS persons, a.houses || coalesce(a.told_houses, '{{}}') AS houses
    FROM audit.access a WHERE a.at >= {_SINCE} AND a.at < {_UNTIL} AND a.query NOT LIKE 'audit/%%'
)"""  # noqa: S608 - our own texts, here and below
_KEYS = "month, department, city, query, purpose"

_TOPICS = f"""
WITH sent AS (
    SELECT d.topic, d.subject, d.entity_id, d.revision, d.event_type, d.recorded_at,
           to_char(d.recorded_at {_LOCAL}, 'YYYY-MM') AS month
    FROM audit.place d WHERE d.topic LIKE 'dept.%%' AND d.recorded_at >= {_SINCE} AND d.recorded_at < {_UNTIL}
), about AS (
    SELECT s.topic, s.month, count(DISTINCT q.party_ref) AS persons, count(DISTINCT e.house_code) AS houses
    FROM sent s
    JOIN audit.place e ON e.entity_id = s.entity_id AND e.revision = s.revision AND e.subject = s.subject
                      AND e.topic LIKE 'exchange.%%'
    LEFT JOIN audit.place_party q ON q.topic = e.topic AND q.partition = e.partition AND q."offset" = e."offset"
    WHERE s.event_type IS DISTINCT FROM 'LEFT' GROUP BY 1, 2
), counted AS (
    SELECT topic, month, min(subject) AS subject, count(*) AS records,
           count(*) FILTER (WHERE event_type = 'LEFT') AS ended, max(recorded_at) AS newest
    FROM sent GROUP BY 1, 2
)
SELECT c.month, coalesce(t.terms ->> 'department', '') AS department, c.topic, c.subject,
       coalesce(t.terms -> 'purpose' ->> 'zh', '') AS purpose, coalesce(t.terms ->> 'legal_basis', '') AS legal_basis,
       c.records, c.ended, coalesce(a.persons, 0) AS persons, coalesce(a.houses, 0) AS houses
FROM counted c LEFT JOIN about a USING (topic, month)
CROSS JOIN LATERAL (SELECT audit.terms_at(c.topic, c.newest) AS terms) t
ORDER BY 1, 2, 3
"""  # noqa: S608
_QUESTIONS = f"""
WITH {_CALLS}, counted AS (
    SELECT {_KEYS}, count(*) AS calls, count(*) FILTER (WHERE granted) AS granted,
           count(*) FILTER (WHERE NOT granted) AS denied,
           coalesce(sum(records) FILTER (WHERE granted), 0)::bigint AS records,
           count(DISTINCT officer_id) FILTER (WHERE department <> 'gov') AS officials
    FROM calls GROUP BY {_KEYS}
), of_persons AS (
    SELECT {_KEYS}, count(DISTINCT p) AS persons FROM calls, unnest(persons) AS p WHERE granted GROUP BY {_KEYS}
), of_houses AS (
    SELECT {_KEYS}, count(DISTINCT h) AS houses FROM calls, unnest(houses) AS h WHERE granted GROUP BY {_KEYS}
)
SELECT {_KEYS}, calls, granted, denied, records, officials, coalesce(persons, 0) AS persons, coalesce(houses, 0) AS houses
FROM counted LEFT JOIN of_persons USING ({_KEYS}) LEFT JOIN of_houses USING ({_KEYS}) ORDER BY {_KEYS}
"""  # noqa: S608
_REFUSALS = f"""
WITH {_CALLS} SELECT month, department, query, code, count(*) AS calls FROM calls WHERE NOT granted
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""  # noqa: S608
_OUT_OF_HOURS = f"""
WITH {_CALLS}, marked AS (
    SELECT *, extract(isodow FROM local) >= 6 OR extract(hour FROM local) < %(opens)s
              OR extract(hour FROM local) >= %(closes)s AS outside
    FROM calls WHERE officer_id IS NOT NULL AND department <> 'gov'
)
SELECT department, officer_id AS official, count(*) AS calls, count(*) FILTER (WHERE outside) AS outside,
       round(count(*) FILTER (WHERE outside)::numeric / count(*), 4) AS share,
       max(local) FILTER (WHERE outside) AS newest
FROM marked GROUP BY 1, 2 HAVING bool_or(outside) ORDER BY outside DESC, 1, 2
"""  # noqa: S608
_VOLUME = f"""
WITH {_CALLS}, days AS (
    SELECT department, officer_id AS official, local::date AS day, count(*) AS calls FROM calls
    WHERE officer_id IS NOT NULL AND department <> 'gov' GROUP BY 1, 2, 3
), usual AS (SELECT department, percentile_cont(0.5) WITHIN GROUP (ORDER BY calls)::numeric AS median FROM days GROUP BY 1)
SELECT department, official, day, calls, round(median, 1) AS median FROM days JOIN usual USING (department)
WHERE calls >= {LEAST} AND calls > {TIMES} * median ORDER BY calls DESC, 1, 2, 3
"""  # noqa: S608
_CHAINS = b"""
SELECT CASE WHEN topic LIKE 'audit.access/%%' THEN 'audit.access' ELSE topic END AS topic, count(*) AS chains,
       sum(records)::bigint AS records, count(*) FILTER (WHERE number > signed) AS unsigned
FROM audit.head GROUP BY 1 ORDER BY 1
"""
_CHECKPOINTS = b"""
SELECT sequence, at, key_id, jsonb_array_length(body::jsonb -> 'heads') AS heads FROM audit.checkpoint
WHERE at < (%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' ORDER BY sequence DESC LIMIT 10
"""
_TERMS = f"""
SELECT since, way, terms -> 'purpose' ->> 'zh' AS purpose, terms ->> 'legal_basis' AS legal_basis,
       coalesce(terms ->> 'untold', '') AS untold
FROM audit.terms WHERE since >= {_SINCE} AND since < {_UNTIL} ORDER BY since, way
"""  # noqa: S608

QUERIES = {
    "topics": _TOPICS.encode(),
    "questions": _QUESTIONS.encode(),
    "refusals": _REFUSALS.encode(),
    "out_of_hours": _OUT_OF_HOURS.encode(),
    "volume": _VOLUME.encode(),
    "chains": _CHAINS,
    "checkpoints": _CHECKPOINTS,
    "terms": _TERMS.encode(),
}
"""By the names of the tables; in this order they are shown."""


def figures(db: Database, period: Period, opens: int, closes: int) -> dict[str, Table]:
    """The tables of a period."""
    return read(db, QUERIES, period, opens=opens, closes=closes)
