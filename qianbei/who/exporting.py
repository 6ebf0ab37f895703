"""An export of whole records is a disclosure too: it is written down, with everybody who stands in the records."""

import time
from datetime import UTC, datetime

from broker.settings import Settings
from broker.store.connect import connected, translated
from qianbei.acts import Act
from qianbei.who.recording import Look

#: Those of the exchange's records of these revisions, too: a department's record has no persons in the index.
_ABOUT = """
WITH places AS (
    SELECT * FROM audit.place WHERE topic = %(topic)s AND partition = %(partition)s AND "offset" BETWEEN %(first)s AND %(last)s
), origins AS (
    SELECT e.* FROM places p JOIN audit.place e ON e.entity_id = p.entity_id AND e.revision = p.revision
        AND e.subject = p.subject AND e.topic LIKE 'exchange.%%'
)
SELECT ARRAY(SELECT DISTINCT q.party_ref FROM origins o JOIN audit.place_party q USING (topic, partition, "offset") ORDER BY 1),
       ARRAY(SELECT DISTINCT house_code FROM origins WHERE house_code IS NOT NULL ORDER BY 1),
       ARRAY(SELECT DISTINCT entity_id FROM places ORDER BY 1)
"""


def record_export(settings: Settings, act: Act, topic: str, partition: int, first: int, last: int) -> None:
    """Write down that these records, both ends included, are handed out. Raises AccessDenied, ConfigError or Unavailable."""
    begun, at, dsn = time.monotonic(), datetime.now(UTC), settings.dsn()
    given = {"topic": topic, "partition": partition, "first": first, "last": last}
    with translated(dsn), connected(dsn, "qianbei audit export") as db:
        found = db.execute(_ABOUT, given).fetchone()
        assert found is not None
        parties, houses, entities = (list(map(str, names)) for names in found)  # type: ignore[call-overload]
        look = Look("export", act, at, parties, houses, entities)
        look.written(db, [given], begun)
