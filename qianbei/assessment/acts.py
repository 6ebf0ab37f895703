"""What operators did in a period: tokens and keys, redrives, grants and revocations, erasures, replays that showed protected
values, and looks at who saw what.

Each is told from where it is kept: the table of tokens, the topic of redrives, the site's files, the key table's schema, the
tables of the audit.
"""

from collections.abc import Iterator
from datetime import datetime

from broker.admission.redriven import PREFIX
from broker.compaction.positions import Database
from broker.kafka import PartitionReader, Record
from broker.report.figures import Period, Table
from broker.topics import REDRIVE, intake_topic
from qianbei.audit.log import TopicLog, Unread
from schemas.dates import day_in_china
from schemas.installation import Installation

COLUMNS = ("at", "act", "operator", "about", "detail")
Act = tuple[datetime, str, str, str, str]

_KEPT = b"""
SELECT created_at, 'TOKEN_ISSUED', created_by, principal, token_id || ' ' || array_to_string(scopes, ' ') FROM front.token
UNION ALL
SELECT revoked_at, 'TOKEN_REVOKED', '', principal, token_id FROM front.token WHERE revoked_at IS NOT NULL
UNION ALL
SELECT created_at, 'GOV_KEY_ISSUED', created_by, principal, key_id FROM front.signing_key
UNION ALL
SELECT revoked_at, 'GOV_KEY_REVOKED', '', principal, key_id FROM front.signing_key WHERE revoked_at IS NOT NULL
UNION ALL
SELECT at, upper(replace(query, '/', '_')), coalesce(officer_id, ''),
       concat_ws(' ', VARIADIC houses || contracts || CASE WHEN parties = '{}' THEN '{}'::text[] ELSE '{a person}' END),
       coalesce(number, '')
FROM audit.access WHERE query LIKE 'audit/%'
UNION ALL
SELECT at, 'REPLAY_REVEALED_' || act, operator, replay_id::text,
       reason || coalesce(' (' || records || ' records)', '') FROM audit.replay
UNION ALL
SELECT begun_at, 'ERASURE', operator, erasure_id, reason FROM keys.erasure
"""


def acts(db: Database, reader: PartitionReader, installation: Installation, period: Period) -> Table:
    """All of the period's, in order of time."""
    found = [*_kept(db), *_redrives(reader), *_grants(installation)]
    within = [one for one in found if period.first <= day_in_china(one[0]) <= period.last]
    return Table(COLUMNS, tuple(sorted(within)))


def _kept(db: Database) -> Iterator[Act]:
    for at, act, operator, about, detail in db.execute(_KEPT):
        assert isinstance(at, datetime)
        yield at, str(act), str(operator), str(about), str(detail)


def _redrives(reader: PartitionReader) -> Iterator[Act]:
    """As the records themselves say, since a redrive that was only quarantined again leaves no decision."""
    partitions = reader.partitions_of(intake_topic(REDRIVE))
    begins, ends = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
    for place in partitions:
        log = TopicLog(reader, place, begins[place], ends[place])
        log.start_at(begins[place])
        for one in log.until(ends[place]):
            if not isinstance(one, Unread):
                yield _redrive(one)


def _redrive(record: Record) -> Act:
    def told(name: str) -> str:
        return (record.header(PREFIX + name) or b"").decode(errors="replace")

    return record.appended_at, "REDRIVE", told("operator"), told("origin"), told("reason")


def _grants(installation: Installation) -> Iterator[Act]:
    for name, file in installation.site.items():
        if file.granted is not None:
            yield file.granted, "GRANT", "", name, file.like or ""
        if file.revoked is not None:
            yield file.revoked, "REVOKE", "", name, ""
