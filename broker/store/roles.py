"""Postgres roles: one a service, each with the least it needs."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

ADMISSION, COMPACTION, READER, API = "qb_admission", "qb_compaction", "qb_reader", "qb_api"
REPORT = "qb_report"
AUDIT = "qb_audit"
KEYS, ERASER = "qb_keys", "qb_eraser"
ROLES = (ADMISSION, COMPACTION, READER, API, REPORT, AUDIT, KEYS, ERASER)

_GRANTS = (
    "GRANT USAGE ON SCHEMA admission TO qb_admission, qb_reader",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA admission TO qb_admission",
    # Slots are made once, at deployment: an instance may take one over, never add or drop one.
    "REVOKE INSERT, DELETE ON admission.slot FROM qb_admission",
    "GRANT SELECT ON ALL TABLES IN SCHEMA admission TO qb_reader",
    # The front door answers from decisions and from what stands now. It writes nothing: what it takes goes to the intake.
    "GRANT USAGE ON SCHEMA admission TO qb_api",
    "GRANT SELECT ON ALL TABLES IN SCHEMA admission TO qb_api",
    # … but for when a token was last used.
    "GRANT USAGE ON SCHEMA front TO qb_api",
    "GRANT SELECT, UPDATE (last_used_at) ON front.token TO qb_api",
    "GRANT USAGE, CREATE ON SCHEMA latest TO qb_compaction",
    "GRANT USAGE ON SCHEMA latest TO qb_reader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA latest TO qb_reader",
    # Queries are answered from latest, each after its access was written down: that may be added to, never read or changed.
    "GRANT USAGE ON SCHEMA latest TO qb_api",
    "GRANT SELECT ON ALL TABLES IN SCHEMA latest TO qb_api",
    "ALTER DEFAULT PRIVILEGES FOR ROLE qb_compaction IN SCHEMA latest GRANT SELECT ON TABLES TO qb_api",
    "GRANT USAGE ON SCHEMA audit TO qb_api",
    "GRANT INSERT ON audit.access TO qb_api",
    # The audit reader adds to its chains, and changes only where it stands; what it has written it may not change.
    "GRANT USAGE ON SCHEMA audit TO qb_audit, qb_reader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA audit TO qb_audit",
    # It adds to the access log too: who asks it who saw what is written down there.
    "GRANT INSERT ON audit.segment, audit.checkpoint, audit.place, audit.place_party, audit.access TO qb_audit",
    "GRANT INSERT, UPDATE ON audit.position, audit.head TO qb_audit",
    "GRANT SELECT ON audit.position, audit.head, audit.segment, audit.checkpoint, audit.place, audit.place_party TO qb_reader",
    # For the assessor's report: whose tokens and keys there are, and no secret's hash.
    "GRANT USAGE ON SCHEMA front TO qb_audit",
    "GRANT SELECT (token_id, principal, city_code, scopes, created_at, created_by, expires_at, revoked_at) ON front.token"
    " TO qb_audit",
    "GRANT SELECT ON front.signing_key TO qb_audit",
    # What a citizen is told of who saw his data is cut by a function: the tables themselves the front door cannot read.
    "GRANT EXECUTE ON FUNCTION audit.told_to_citizen TO qb_api",
    "GRANT SELECT ON front.signing_key TO qb_api",
    "GRANT SELECT, INSERT, DELETE ON front.nonce TO qb_api",
    "GRANT SELECT, INSERT ON front.receipt TO qb_api",
    "GRANT USAGE ON SCHEMA report TO qb_report, qb_reader",
    "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA report TO qb_report",
    "GRANT SELECT ON ALL TABLES IN SCHEMA report TO qb_reader",
    # Wrapped keys open nothing without the master key, which is no role's. Still only those who use them may read them;
    # admission adds new ones, and the eraser alone retires and destroys, and may not add.
    "GRANT USAGE ON SCHEMA keys TO qb_admission, qb_api, qb_keys, qb_eraser",
    "GRANT SELECT ON keys.person_key TO qb_admission, qb_api, qb_keys, qb_eraser",
    "GRANT INSERT ON keys.person_key TO qb_admission",
    "GRANT UPDATE (wrapped, retired_at, destroyed_at, erasure_id) ON keys.person_key TO qb_eraser",
    "GRANT SELECT ON keys.state TO qb_admission, qb_eraser",
    "GRANT UPDATE ON keys.state TO qb_eraser",
    "GRANT SELECT ON keys.request TO qb_admission",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON keys.request TO qb_eraser",
    "GRANT SELECT, INSERT, UPDATE ON keys.erasure TO qb_eraser",
    # Who erased, when and why is told to an assessor; whom is not.
    "GRANT USAGE ON SCHEMA keys TO qb_audit",
    "GRANT SELECT (erasure_id, operator, reason, begun_at, finished_at) ON keys.erasure TO qb_audit",
    # What stands, and where a person's records lie: read to see whether the law lets them go.
    "GRANT USAGE ON SCHEMA admission, latest TO qb_eraser",
    "GRANT SELECT ON ALL TABLES IN SCHEMA admission, latest TO qb_eraser",
    "ALTER DEFAULT PRIVILEGES FOR ROLE qb_compaction IN SCHEMA latest GRANT SELECT ON TABLES TO qb_eraser",
    "GRANT TEMPORARY ON DATABASE {database} TO qb_compaction",
    "ALTER DEFAULT PRIVILEGES FOR ROLE qb_compaction IN SCHEMA latest GRANT SELECT ON TABLES TO qb_reader",
)


def ensure_roles(db: psycopg.Connection[tuple[object, ...]], passwords: Mapping[str, str]) -> None:
    """Create the roles, or set their passwords anew, and grant each what it needs and no more."""
    for role in ROLES:
        known = db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        verb = "ALTER" if known else "CREATE"
        statement = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(passwords[role])
        )
        db.execute(statement)
    database = sql.Identifier(db.info.dbname)
    db.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    everyone = sql.SQL(", ").join(map(sql.Identifier, ROLES))
    db.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, everyone))
    for grant in _GRANTS:
        db.execute(sql.SQL(grant).format(database=database))
