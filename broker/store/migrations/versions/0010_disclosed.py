"""In the schema ``audit``: whom an answer told of, how a person stands in a record, the terms of each way out, and a digest a row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# The terms by which a way out disclosed at a time: those kept last before it, else the first that were kept; NULL if none were.
_TERMS_AT = """
CREATE FUNCTION audit.terms_at(way text, at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
SELECT o.terms FROM audit.terms o WHERE o.way = $1
ORDER BY o.since <= $2 DESC, CASE WHEN o.since <= $2 THEN $2 - o.since ELSE o.since - $2 END LIMIT 1
$$
"""

# What a citizen may be told of what was disclosed about these persons. The front door may call it, and cannot read the tables:
# so it has no way to what is kept from citizens, nor to officers and numbers.
_TOLD_TO_CITIZEN = """
CREATE FUNCTION audit.told_to_citizen(refs text[], most integer)
RETURNS TABLE (at timestamptz, department text, city_code text, way text, subject text, entity_id text,
               event_type text, stands text[], asked boolean, fields text[], terms jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit AS $$
WITH records AS (
    SELECT p.subject, p.entity_id, p.revision, array_agg(DISTINCT s.stand) FILTER (WHERE s.stand IS NOT NULL) AS stands
    FROM audit.place_party q
    JOIN audit.place p USING (topic, partition, "offset")
    LEFT JOIN LATERAL unnest(q.stands) AS s (stand) ON true
    WHERE q.party_ref = ANY(refs)
    GROUP BY p.subject, p.entity_id, p.revision
), ways AS (
    SELECT d.recorded_at AS at, d.topic AS way, NULL::text AS city_code, NULL::text AS principal, d.subject, d.entity_id,
           d.event_type, r.stands, false AS asked, NULL::text[] AS fields
    FROM records r
    JOIN audit.place d ON d.entity_id = r.entity_id AND d.revision = r.revision AND d.subject = r.subject
                      AND d.topic LIKE 'dept.%'
    UNION ALL
    SELECT a.at, a.query, a.city_code, a.principal, NULL, NULL, NULL,
           (SELECT array_agg(DISTINCT t.stand) FROM unnest(a.told_parties, a.told_stands) AS t (ref, stand)
            WHERE t.ref = ANY(refs)), a.parties && refs, a.fields
    FROM audit.access a
    WHERE (a.parties && refs OR a.told_parties && refs) AND a.granted
)
SELECT w.at, coalesce(w.principal, t.terms ->> 'department'), w.city_code, w.way, w.subject, w.entity_id, w.event_type,
       w.stands, w.asked, w.fields, t.terms
FROM ways w
CROSS JOIN LATERAL (SELECT audit.terms_at(w.way, w.at) AS terms, audit.terms_at(w.way, now()) AS newest) t
-- By the terms of then and of now: what has become secret since is so for what was given before, too.
WHERE t.terms IS NOT NULL AND t.terms ->> 'untold' IS NULL AND t.newest ->> 'untold' IS NULL
ORDER BY w.at DESC LIMIT most
$$
"""


def upgrade() -> None:
    _access()
    # How a record of a department's topic differs from another, and in which lists and roles a person stands in a record.
    op.add_column("place", sa.Column("event_type", sa.Text), schema="audit")
    op.add_column("place_party", sa.Column("stands", ARRAY(sa.Text)), schema="audit")
    # Rows come in order of time: so small an index is enough to find those of a period.
    op.create_index("place_recorded_at", "place", ["recorded_at"], schema="audit", postgresql_using="brin")
    op.create_table(
        "terms",
        # A department's topic, or a question as the access log names it.
        sa.Column("way", sa.Text, primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("terms", JSONB, nullable=False),
        schema="audit",
    )
    op.execute(_TERMS_AT)
    op.execute(_TOLD_TO_CITIZEN)
    op.execute("REVOKE ALL ON FUNCTION audit.told_to_citizen FROM PUBLIC")


def _access() -> None:
    # Beside whom a call asked about: who stands in the records that its answer shows, and how, one element each.
    for name in ("told_parties", "told_stands", "told_houses", "told_entities"):
        op.add_column("access", sa.Column(name, ARRAY(sa.Text)), schema="audit")
    # Over the digest of the row before and this row's own content.
    for name in ("sha256", "sm3"):
        op.add_column("access", sa.Column(name, sa.LargeBinary), schema="audit")
    for name in ("houses", "contracts", "told_parties", "told_houses", "told_entities"):
        op.create_index(f"access_{name}", "access", [name], schema="audit", postgresql_using="gin")
